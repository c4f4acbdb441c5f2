/** Filters of a listener, which act before a route is chosen (GEP-5224). */
import { GATEWAY_GROUP, LISTENER_REASON, type ListenerFilter } from '../../api/index.ts';
import type { ExternalAuthConfig } from '../../config/index.ts';
import type { Collection } from '../../graph/index.ts';
import { type BackendScope, resolveBackend } from '../backend/backend-ref.ts';
import type { BackendUse } from '../backend/backend-use.ts';
import { filtersBy } from '../backend/backend-variant.ts';
import type { Backends } from '../backend/backends.ts';
import type { ListenerFilterReader, ListenerFilterReading, ListenerView } from '../gateway/listener.ts';
import type { Listeners } from '../gateway/listeners.ts';
import type { Graph } from '../stage.ts';
import { type Problem, problem } from '../verdict/problem.ts';
import { EXTERNAL_AUTH_TIMEOUT, readExternalAuth } from './external-auth.ts';
import { ancestorsBy, type ServiceAncestor } from './route.ts';

interface Into {
  reading: ListenerFilterReading;
  filters: ExternalAuthConfig[];
  uses: BackendUse[];
  field: string;
}

/** Filters are read where listeners are judged, which know nothing of backends. */
export function listenerFilterReader({ serviceTls }: Backends): ListenerFilterReader {
  return (look, { owner, spec, position }, identity) => {
    const { kind, namespace } = owner;
    const from = { group: GATEWAY_GROUP, kind };
    const scope: BackendScope = { look, kind: 'HTTPRoute', namespace, from, serviceTls };
    const reading: ListenerFilterReading = { filters: [], uses: [], refusals: [], unresolved: [] };
    const into = { reading, filters: [], uses: [] };
    for (const [at, filter] of (spec.filters?.requests ?? []).entries()) {
      readFilter(scope, filter, { ...into, field: `spec.listeners[${position}].filters.requests[${at}]` });
    }
    const { filters, uses } = filtersBy(into, identity);
    return { ...reading, filters, uses };
  };
}

function readFilter(scope: BackendScope, { type, externalAuth, extensionRef }: ListenerFilter, into: Into): void {
  const { reading, field } = into;
  if (type === 'ExtensionRef') {
    const { group = '', kind = '', name = '' } = extensionRef ?? {};
    const message =
      `${group}/${kind} ${name} is no filter of this gateway, and whom it keeps out would come in: remove it, or ask ` +
      'a service with ExternalAuth';
    reading.refusals.push(problem(LISTENER_REASON.UnsupportedValue, `${field}.type`, message));
    reading.unresolved.push(problem(LISTENER_REASON.InvalidListenerFilterRef, `${field}.extensionRef`, message));
    return;
  }
  if (externalAuth === undefined) return;
  const at = `${field}.externalAuth`;
  const result = resolveBackend(
    { ...scope, speaks: externalAuth.protocol },
    externalAuth.backendRef,
    `${at}.backendRef`,
  );
  if ('reason' in result) {
    reading.unresolved.push(unresolved(result));
    into.filters.push(NOBODY_PASSES);
    return;
  }
  const read = readExternalAuth(externalAuth, result.key);
  if ('fault' in read) {
    const message = `${read.fault}; until then the listener is not served`;
    reading.refusals.push(problem(LISTENER_REASON.InvalidListenerFilter, `${at}.${read.field}`, message));
    return;
  }
  into.uses.push(result);
  if (result.fault !== undefined) reading.unresolved.push(unresolved(problem('', `${at}.backendRef`, result.fault)));
  // A BackendTLSPolicy that cannot be followed: nothing is sent there, so that nobody passes.
  into.filters.push({ type: 'ExternalAuth', ...read });
}

/** Asks at a Backend that there is not. */
const NOBODY_PASSES: ExternalAuthConfig = {
  type: 'ExternalAuth',
  backend: 'nobody',
  timeout: EXTERNAL_AUTH_TIMEOUT,
  question: { protocol: 'GRPC', host: '{host}', headers: [] },
  onFailure: { open: false, statusCode: 500 },
};

function unresolved(found: Problem): Problem {
  const { RefNotPermitted, InvalidListenerFilterRef } = LISTENER_REASON;
  const reason = found.reason === RefNotPermitted ? RefNotPermitted : InvalidListenerFilterRef;
  return { ...found, reason, message: `${found.message}; until then requests get a 500` };
}

/** Backends that filters of listeners in the config ask. */
export function listenerUses(graph: Graph, views: Collection<ListenerView>): Collection<BackendUse> {
  return graph.derive('backend uses of listeners', views, (_context, { config, uses }, key) =>
    config === undefined
      ? []
      : uses.filter(({ fault }) => fault === undefined).map((use) => [`${key}>${use.key}`, use] as const),
  );
}

/** Gateways through which their filters reach Services. */
export function listenerAncestors(graph: Graph, listeners: Listeners): Collection<ServiceAncestor> {
  return graph.derive('service ancestors of listeners', listeners.views, (context, { config, uses, gateway }, key) => {
    const parent = context.fetch(listeners.parents, `Gateway/${gateway}`);
    if (config === undefined || parent === undefined) return [];
    return ancestorsBy({ uses, gateway, controllerName: parent.controllerName }, key);
  });
}
