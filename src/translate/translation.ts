import { grantsOf, POLICY_GROUP, type WantedCertificate, type WantedInfrastructure } from '../api/index.ts';
import type { ConfigObject } from '../config/index.ts';
import { batch, type Collection, type CollectionView, derive, index, join, type Scope, scope } from '../graph/index.ts';
import { resolveBackend } from './backend/backend-ref.ts';
import { backendConfig, backendsInUse, deriveBackends } from './backend/backends.ts';
import { deriveListeners } from './gateway/listeners.ts';
import { deriveUnserved, type UnservedListener } from './gateway/unserved.ts';
import type { Inputs, TranslateOptions } from './inputs.ts';
import { deriveKong } from './kong/kong.ts';
import { type Lookup, labelPaths } from './lookup.ts';
import { reachedAsWholes, tlsByTraffic } from './policy/backend-traffic.ts';
import { enforcePolicies, readPolicies } from './policy/table.ts';
import { policyUses } from './policy-use.ts';
import { listenerFilterReader, listenerUses } from './route/listener-filter.ts';
import { deriveRoutes } from './route/routes.ts';
import { deriveWanted } from './route/wanted.ts';
import type { Graph } from './stage.ts';
import { deriveStatuses } from './status/statuses.ts';
import type { ObjectStatus } from './verdict/object-status.ts';
import type { Diagnostic } from './verdict/problem.ts';

export interface Translation {
  /** By `kind/key` (`refKey`). */
  config: Collection<ConfigObject>;
  /** By object key, `Kind/namespace/name`. */
  statuses: Collection<ObjectStatus>;
  diagnostics: Collection<Diagnostic>;
  /** Listeners that are not in the config, by the key that they would have there. */
  unserved: Collection<UnservedListener>;
  /** Certificates that may be obtained by ACME, by listener key. */
  wanted: Collection<WantedCertificate>;
  /** What is to be made for Gateways, by their object keys; nothing where one fleet serves all. */
  infrastructure: Collection<WantedInfrastructure>;
  /** How many derivations have run so far: what an edit costs. */
  computed(): number;
  /** Every collection of the translation and of its inputs. */
  graph(): CollectionView[];
  /** Follows its inputs no more. */
  close(): void;
}

type Outputs = Omit<Translation, 'graph' | 'close'>;

/**
 * Resources to config and statuses. Pure and incremental: what does not depend on a change is not computed again.
 * Should one object make us throw, it is left out and all others are there; `onFault` is told, or else it is thrown.
 */
export function translation(inputs: Inputs, options: TranslateOptions): Translation {
  const built: Scope<Outputs>[] = [];
  try {
    batch(() => built.push(scope(() => build(inputs, options))));
  } catch (error) {
    if (built.length === 0 || options.onFault === undefined) throw error;
    options.onFault(error);
  }
  const { made, views, close } = built[0]!;
  return { ...made, graph: views, close };
}

const backendAskedOf: Lookup['backendOf'] = (reference, { look, from, speaks, field }) => {
  const { kind, namespace } = from;
  const asking = { look, kind: 'HTTPRoute' as const, namespace, from: { group: POLICY_GROUP, kind }, speaks };
  return resolveBackend(asking, reference, field);
};

function build(given: Inputs, options: TranslateOptions): Outputs {
  const derivations: Array<{ computed: number }> = [];
  const tracked: typeof derive = (name, input, derivation) => {
    const derived = derive(name, input, derivation);
    derivations.push(derived);
    return derived;
  };
  const grants = index(
    'grants by path',
    tracked('grants', given.ReferenceGrant, (_context, grant, key) =>
      grantsOf(grant).map((one, at) => [`${key}#${at}`, one] as const),
    ),
    ({ path }) => [path],
  );
  const labelled = index('Secrets by label', given.Secret, labelPaths);
  const rejections = tracked('rejections', given.deliveries, (_context, delivery, key) =>
    delivery.state === 'rejected' ? [[key, delivery]] : [],
  );
  const refusals = index(
    'refused endpoints by backend',
    tracked('refused endpoints', given.acks, (_context, { refusedEndpoints = [] }, proxy) =>
      refusedEndpoints.map((one, at) => [`${proxy}#${at}`, one] as const),
    ),
    ({ key }) => [key],
  );
  const lookIn = (inputs: Inputs) => (context: Lookup['context']) => ({
    context,
    inputs,
    options,
    grants,
    labelled,
    rejections,
    refusals,
    backendOf: backendAskedOf,
  });
  const kong = deriveKong({ inputs: given, options, derive: tracked, look: lookIn(given), rejections });
  const inputs = { ...given, Secret: kong.secrets };
  const graph: Graph = { inputs, options, derive: tracked, look: lookIn(inputs), rejections };
  const read = readPolicies(graph, kong.made);
  const backends = deriveBackends(graph, read.BackendTLSPolicy, tlsByTraffic(graph, read.BackendTrafficPolicy));
  const listeners = deriveListeners(graph, listenerFilterReader(backends));
  const routes = deriveRoutes(graph, { listeners, backends, kong });
  const uses = join('backend uses of all', [
    routes.uses,
    listenerUses(graph, listeners.views),
    policyUses(graph, read, backends.serviceTls),
  ]);
  const used = backendsInUse(graph, uses);
  const policies = enforcePolicies(graph, read, { listeners, routes, backends: used });
  const known = { listeners, routes, policies };
  const { statuses, diagnostics } = deriveStatuses(graph, known);
  const objects = backendConfig(graph, used.byKey, {
    backends,
    certificates: listeners.certificates,
    wholes: reachedAsWholes(graph, used.byKey, read.BackendTrafficPolicy),
  });
  return {
    config: join('config', [listeners.config, routes.config, objects, policies.config]),
    statuses,
    diagnostics: join('diagnostics and annotations', [diagnostics, kong.diagnostics]),
    unserved: deriveUnserved(graph, listeners),
    wanted: deriveWanted(graph, listeners, routes),
    infrastructure: listeners.infrastructure,
    computed: () => derivations.reduce((sum, { computed }) => sum + computed, 0),
  };
}
