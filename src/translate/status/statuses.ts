import { apiVersionOf, type Kind } from '../../api/index.ts';
import { type Collection, type Index, index, join, parts } from '../../graph/index.ts';
import { identityProblem } from '../gateway/client-certificate.ts';
import { letsAnybodyIn } from '../gateway/client-validation.ts';
import { ownerKey } from '../gateway/declared.ts';
import { gatewayClassDiagnostics, gatewayClassStatus } from '../gateway/gateway-class.ts';
import { gatewayDiagnostics } from '../gateway/gateway-diagnostics.ts';
import type { ListenerView } from '../gateway/listener.ts';
import type { Listeners } from '../gateway/listeners.ts';
import { find } from '../lookup.ts';
import type { EnforcedPolicies } from '../policy/table.ts';
import type { Routes } from '../route/routes.ts';
import { strayDiagnostics } from '../route/stray.ts';
import type { Graph } from '../stage.ts';
import type { ObjectStatus } from '../verdict/object-status.ts';
import { type Diagnostic, diagnosis, type Problem } from '../verdict/problem.ts';
import { type GatewayStatusScope, gatewayStatus } from './gateway-status.ts';
import { listenerSetStatus } from './listener-set-status.ts';
import { type SocketReport, socketReport } from './programmed.ts';
import { routeDiagnostics, routeStatus } from './route-status.ts';

export interface StatusInputs {
  listeners: Listeners;
  routes: Routes;
  policies: Pick<EnforcedPolicies, 'statuses' | 'diagnostics'>;
}

export interface Statuses {
  statuses: Collection<ObjectStatus>;
  diagnostics: Collection<Diagnostic>;
}

export function deriveStatuses(graph: Graph, known: StatusInputs): Statuses {
  const reports = parts('socket reports', graph.inputs.acks, {
    of: ({ listeners }) => listeners,
    output: (state, key, { proxy }) => [`${key}>${state.key}`, socketReport(proxy, state)],
  });
  const sockets = index('sockets by listener', reports, ({ listener }) => [listener]);
  const statuses = [
    graph.derive('gatewayclass statuses', known.listeners.classes, (context, adopted, key) => {
      const status = gatewayClassStatus(adopted, context.fetchAll(graph.inputs.installed));
      return [[key, objectStatus('GatewayClass', adopted, status)] as const];
    }),
    gatewayStatuses(graph, known, sockets),
    listenerSetStatuses(graph, known, sockets),
    graph.derive('route statuses', known.routes.judged, (context, route, key) => {
      const { claims } = known.routes;
      const scope = { look: graph.look(context), claims, served: known.listeners.served, sockets };
      return [[key, objectStatus(route.route.kind, route.route, routeStatus(scope, route))] as const];
    }),
    known.policies.statuses,
  ];
  return {
    statuses: join<ObjectStatus>('statuses', statuses),
    diagnostics: join('diagnostics', [deriveDiagnostics(graph, known), known.policies.diagnostics]),
  };
}

function objectStatus(
  kind: Kind,
  { namespace, name }: { namespace?: string; name: string },
  status: ObjectStatus['status'],
): ObjectStatus {
  const metadata = namespace === undefined ? { name } : { namespace, name };
  return { apiVersion: apiVersionOf(kind), kind, metadata, status };
}

function gatewayStatuses(graph: Graph, known: StatusInputs, sockets: Index<SocketReport>): Collection<ObjectStatus> {
  const { listeners } = known;
  return graph.derive('gateway statuses', listeners.gateways, (context, gateway, key) => {
    const look = graph.look(context);
    const scope: GatewayStatusScope = {
      look,
      sockets,
      views: inOrder(context.fetch(listeners.viewsByOwner, key) ?? []),
      attachedRoutes: (listener) => context.fetch(known.routes.attachedCount, listener) ?? 0,
    };
    const identity = context.fetch(listeners.identities, key);
    const identityFault = identity && identityProblem(identity);
    const extras = {
      attachedListenerSets: context.fetch(listeners.attachedSets, gateway.key) ?? 0,
      unresolved: identityFault === undefined ? [] : [identityFault],
      insecureClients: letsAnybodyIn(find(look, 'Gateway', gateway)),
    };
    return [[key, objectStatus('Gateway', gateway, gatewayStatus(scope, gateway, extras))] as const];
  });
}

function listenerSetStatuses(
  graph: Graph,
  known: StatusInputs,
  sockets: Index<SocketReport>,
): Collection<ObjectStatus> {
  const { listeners } = known;
  return graph.derive('listenerset statuses', listeners.sets, (context, set, key) => {
    const gateway = context.fetch(listeners.gateways, `Gateway/${set.gateway}`);
    if (gateway === undefined) return [];
    const scope: GatewayStatusScope = {
      look: graph.look(context),
      sockets,
      views: inOrder(context.fetch(listeners.viewsByOwner, key) ?? []),
      attachedRoutes: (listener) => context.fetch(known.routes.attachedCount, listener) ?? 0,
    };
    return [[key, objectStatus('ListenerSet', set, listenerSetStatus(scope, set, gateway))] as const];
  });
}

/** As the object lists them; a group is in the order of keys. */
function inOrder(views: ReadonlyArray<ListenerView>): ListenerView[] {
  return Array.from(views).sort((a, b) => position(a) - position(b));
}

function position({ field }: ListenerView): number {
  return Number(field.slice(field.indexOf('[') + 1, -1));
}

function deriveDiagnostics(graph: Graph, { listeners, routes }: StatusInputs): Collection<Diagnostic> {
  const numbered = (key: string, found: Diagnostic[]) => found.map((one, at) => [`${key}#${at}`, one] as const);
  return join('object diagnostics', [
    graph.derive('gatewayclass diagnostics', listeners.classes, (context, adopted, key) =>
      numbered(key, gatewayClassDiagnostics(adopted, context.fetchAll(graph.inputs.installed))),
    ),
    graph.derive('gateway diagnostics', listeners.gateways, (_context, gateway, key) =>
      numbered(key, gatewayDiagnostics(gateway)),
    ),
    graph.derive('listener diagnostics', listeners.views, (context, view, key) =>
      numbered(`${ownerKey(view.owner)}>${key}`, listenerDiagnostics(view, context.fetch(listeners.shared, key))),
    ),
    graph.derive('route diagnostics', routes.judged, (context, route, key) =>
      numbered(
        key,
        routeDiagnostics({ look: graph.look(context), claims: routes.claims, served: listeners.served }, route),
      ),
    ),
    graph.derive('listenerset diagnostics', listeners.sets, (_context, { refusal }, key) =>
      numbered(key, refusal ? [diagnosis('error', key, refusal)] : []),
    ),
    graph.derive('client identity diagnostics', listeners.identities, (_context, identity, key) => {
      const found = identityProblem(identity);
      return found === undefined ? [] : numbered(`${key}#client`, [diagnosis('error', key, found)]);
    }),
    strayDiagnostics(graph, listeners),
  ]);
}

function listenerDiagnostics(view: ListenerView, sharing: string | undefined): Diagnostic[] {
  const object = ownerKey(view.owner);
  const problems = [...(view.conflict ? [view.conflict] : []), ...view.refusals, ...view.unresolved];
  const found = problems.map((one) => diagnosis(one.passing ? 'warning' : 'error', object, named(view, one)));
  for (const one of view.remarks) found.push(diagnosis('warning', object, named(view, one)));
  if (sharing !== undefined) found.push({ severity: 'warning', object, field: `${view.field}.port`, message: sharing });
  return found;
}

/** People know a listener by its name. What is said of its Gateway has a field of its own. */
function named(view: ListenerView, problem: Omit<Problem, 'reason'>): Omit<Problem, 'reason'> {
  if (!problem.field.startsWith(view.field)) return problem;
  return { ...problem, message: `listener ${view.spec.name}: ${problem.message}` };
}
