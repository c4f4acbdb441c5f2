/** A cluster as it is now, read once: for commands that look and do not stay. */
import { type AnyResource, GATEWAY_GROUP, KINDS, type Kind, POLICY_GROUP } from '../api/index.ts';
import { type PipelineOptions, type Report, type ResourceSource, strayParents } from '../control/index.ts';
import { SourceCollection } from '../graph/index.ts';
import { DaemunError } from '../observe/index.ts';
import { installations, rivalries } from '../reconcile/index.ts';
import {
  type ApiClient,
  type ClusterAccess,
  ClusterSource,
  CRD_ACCESS,
  foreignObjects,
} from '../sources/cluster/index.ts';
import type { Diagnostic, Source } from '../sources/index.ts';
import { clusterClient } from './cluster-client.ts';
import { clusterFault, isLasting } from './cluster-fault.ts';
import type { ClusterFlags } from './cluster-option.ts';

/** Milliseconds that reading may take while something is wrong; what is only slow is waited for. */
const PATIENCE = 10_000;
/** Milliseconds between looks whether something is wrong. */
const LOOK = 250;

/** Kinds whose statuses are ours to write, and with them to tell. */
export const STATUS_KINDS: readonly Kind[] = (Object.keys(KINDS) as Kind[]).filter(
  (kind) => [GATEWAY_GROUP, POLICY_GROUP].includes(KINDS[kind].group) && kind !== 'ReferenceGrant',
);

/** Everything that is read of it, by the way. Throws a DaemunError where it cannot be reached or may not be read. */
export async function readCluster(
  flags: ClusterFlags,
  kinds?: readonly Kind[],
  beside: (client: ApiClient) => Promise<void> = async () => {},
): Promise<ClusterSource> {
  const { kubeconfig, context, namespace: namespaces } = flags;
  const client = await clusterClient({ kubeconfig, context });
  const source = new ClusterSource({ client, ...(namespaces ? { namespaces } : {}), ...(kinds ? { kinds } : {}) });
  try {
    await readyOrWhy(source, client.access);
    await beside(client);
    return source;
  } finally {
    await source.close();
    client.close();
  }
}

/** What is wrong is told whole: after a look in which no more of it has come. */
async function readyOrWhy(source: ClusterSource, access: ClusterAccess): Promise<void> {
  const began = performance.now();
  let known = 0;
  let timer: NodeJS.Timeout | undefined;
  const failing = new Promise<never>((_, reject) => {
    timer = setInterval(() => {
      const { faults } = source;
      const isWhole = faults.size === known;
      known = faults.size;
      const isOver = [...faults.values()].some(isLasting) || performance.now() - began > PATIENCE;
      const fault = isWhole && isOver ? clusterFault(faults, access) : undefined;
      if (fault !== undefined) reject(new DaemunError('DMN_CLUSTER_ACCESS', fault));
    }, LOOK);
  });
  try {
    await Promise.race([source.ready, failing]);
  } finally {
    clearInterval(timer);
  }
}

/** What others have read but for some of it, as a source: later ones stand in the place of earlier ones of the same key. */
export function heldSource(
  sources: ReadonlyArray<Source>,
  without: ReadonlySet<AnyResource> = new Set(),
): PipelineOptions['source'] {
  return (lastGood) => {
    const names = Object.keys(sources[0]!.collections) as Kind[];
    const collections = Object.fromEntries(
      names.map((kind) => {
        const held = new SourceCollection<AnyResource>(kind);
        for (const source of sources) {
          const entries = [...(source.collections[kind].entries() as Iterable<[string, AnyResource]>)];
          held.apply(entries.flatMap(([key, value]) => (without.has(value) ? [] : [{ key, value }])));
        }
        return [kind, held];
      }),
    ) as unknown as ResourceSource['collections'];
    for (const kind of ['Secret', 'ConfigMap'] as const) {
      for (const object of collections[kind].values()) lastGood.note(undefined, object);
    }
    const diagnostics = new SourceCollection<Diagnostic>('held diagnostics');
    for (const source of sources) {
      diagnostics.apply(Array.from(source.diagnostics.entries(), ([key, value]) => ({ key, value })));
    }
    const installed = sources.find((source) => source.installed !== undefined)?.installed;
    return {
      name: 'held',
      synced: new Date(),
      collections,
      ...(installed ? { installed } : {}),
      diagnostics,
      ready: Promise.resolve(),
      close: async () => {},
    };
  };
}

interface Entries {
  parents?: Array<{ controllerName: string }>;
  ancestors?: Array<{ controllerName: string }>;
}

/** Installations that write over each other, as far as it may be seen by who asks. */
export async function rivalDiagnostics(client: ApiClient, controllerNames: readonly string[]): Promise<Diagnostic[]> {
  const seen = await installations(client).catch(() => []);
  return rivalries(seen, controllerNames).map((message) => ({
    severity: 'error',
    file: '',
    line: 0,
    object: 'GatewayClass/',
    field: 'spec.controllerName',
    message,
  }));
}

/** The Gateway API's group of what is tried out. */
const TRIED_OUT = 'gateway.networking.x-k8s.io';
/** What its kinds of v1.7 and before are for, and what is read here in their place. */
const IN_PLACE: Readonly<Record<string, string>> = {
  XBackend: 'a backendRef to one is refused with InvalidKind; refer to a Service',
  XBackendTrafficPolicy: 'write its retry budget and sessions into a BackendTrafficPolicy of policies.daemun.dev',
  XListenerSet: 'it has become ListenerSet of gateway.networking.k8s.io/v1',
  XMesh: 'there is no mesh',
  XTelemetryPolicy: 'metrics, traces and access logs are set for the whole run',
};

/** Objects of experimental kinds that nobody here follows, and that have no status which could say so. What may not be seen is left out. */
export async function unreadDiagnostics(client: ApiClient, namespaces?: readonly string[]): Promise<Diagnostic[]> {
  const { objects } = await foreignObjects(client, [TRIED_OUT]).catch(() => ({ objects: [] }));
  return objects.flatMap(({ kind, metadata }) => {
    const { namespace = '', name } = metadata as { namespace?: string; name: string };
    if (namespaces !== undefined && namespace !== '' && !namespaces.includes(namespace)) return [];
    const instead = IN_PLACE[String(kind)] ?? 'nothing here does what it asks for';
    const message = `${String(kind)} of ${TRIED_OUT} is not read by this gateway: ${instead}`;
    const object = `${String(kind)}/${namespace}/${name}`;
    return [{ severity: 'warning' as const, file: '', line: 0, object, field: '', message }];
  });
}

/** Statuses as they stand in the cluster, of what these controllers have: those of others are theirs to tell. */
export function statusReport(
  source: ClusterSource,
  controllerNames: readonly string[],
  namespaces?: readonly string[],
): Report {
  const { collections } = source;
  const classes = new Set<string>();
  for (const { metadata, spec } of collections.GatewayClass.values()) {
    if (controllerNames.includes(spec.controllerName)) classes.add(metadata.name);
  }
  const isOurs = (key: string): boolean => {
    const object = collections[key.slice(0, key.indexOf('/')) as Kind].get(key);
    if (object?.kind === 'GatewayClass') return classes.has(object.metadata.name);
    if (object?.kind === 'Gateway') return classes.has(object.spec.gatewayClassName);
    if (object?.kind !== 'ListenerSet') return true;
    const { namespace = object.metadata.namespace ?? '', name } = object.spec.parentRef;
    return classes.has(collections.Gateway.get(`Gateway/${namespace}/${name}`)?.spec.gatewayClassName ?? '');
  };
  const leadsToOurs = (key: string): boolean => isOurs(key) && collections[kindOf(key)].get(key) !== undefined;
  const items = [...source.live.entries()].flatMap(([key, { status }]) => {
    const object = collections[key.slice(0, key.indexOf('/')) as Kind].get(key);
    if (object === undefined || !isOurs(key)) return [];
    const own = ownEntries(status as Entries, controllerNames);
    if (own === undefined || isNobodys(object, own, leadsToOurs)) return [];
    const { name, namespace, generation } = object.metadata;
    return [
      { key, apiVersion: object.apiVersion, kind: object.kind, metadata: { name, namespace, generation }, status: own },
    ];
  });
  items.sort((a, b) => (a.key < b.key ? -1 : 1));
  // A person who may not read CRDs misses nothing that is theirs to change: the class itself tells of them.
  const read = [...source.diagnostics.values()].filter(({ object }) => object !== CRD_ACCESS);
  // One without parents that has entries all the same has lost them just now, or is somebody's by other means.
  const isJudged = (key: string): boolean => ((source.live.get(key)?.status as Entries)?.parents ?? []).length > 0;
  const stray = strayParents(source, namespaces).filter(
    ({ object, field }) => field !== 'spec.parentRefs' || !isJudged(object),
  );
  const diagnostics = [...read, ...withoutApi(source), ...stray];
  return { items: items.map(({ key: _, ...item }) => item), diagnostics };
}

/** That some kinds are missing is a warning; that nothing can be there is none. */
function withoutApi({ missing }: ClusterSource): Diagnostic[] {
  if (!missing.includes('GatewayClass') || !missing.includes('Gateway')) return [];
  const message =
    'this cluster does not serve the Gateway API: install its CRDs, or name another cluster with --context';
  return [{ severity: 'error', file: '', line: 0, object: '', field: '', message }];
}

function kindOf(key: string): Kind {
  return key.slice(0, key.indexOf('/')) as Kind;
}

/** A route that nobody has judged yet, and that leads to none of our Gateways: it is another's, or leads nowhere. */
function isNobodys(object: AnyResource, status: object, leadsToOurs: (key: string) => boolean): boolean {
  if (!object.kind.endsWith('Route') || 'parents' in status) return false;
  const { parentRefs = [] } = (object as Extract<AnyResource, { kind: 'HTTPRoute' }>).spec;
  const { namespace: own = '' } = object.metadata;
  return !parentRefs.some(({ group = GATEWAY_GROUP, kind = 'Gateway', namespace = own, name }) => {
    // Of others, such as the Services of a mesh, nothing has been read.
    const isKnown = group === GATEWAY_GROUP && (kind === 'Gateway' || kind === 'ListenerSet');
    return isKnown && leadsToOurs(`${kind}/${namespace}/${name}`);
  });
}

/** Undefined where nothing of it is ours. */
function ownEntries(status: Entries, controllerNames: readonly string[]): object | undefined {
  for (const list of ['parents', 'ancestors'] as const) {
    const all = status[list];
    if (all === undefined) continue;
    const own = all.filter(({ controllerName }) => controllerNames.includes(controllerName));
    return own.length === 0 ? undefined : { ...status, [list]: own };
  }
  return status;
}
