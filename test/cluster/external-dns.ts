/**
 * A double of external-dns' sources for routes (v0.22, `--gateway-listener-sets`): the names and their targets that it makes
 * of what stands in the cluster. It reads specs and what is Accepted, and the Gateway's addresses; nothing else.
 */

const GROUP = 'gateway.networking.k8s.io';
/** Before v0.22: `external-dns.alpha.kubernetes.io/`. */
const TARGET = 'external-dns.kubernetes.io/target';
const HOSTNAME = 'external-dns.kubernetes.io/hostname';

interface Condition {
  type: string;
  status: string;
}

interface ParentReference {
  group?: string;
  kind?: string;
  namespace?: string;
  name: string;
  sectionName?: string;
  port?: number;
}

interface Listener {
  name: string;
  port: number;
  protocol: string;
  hostname?: string;
  allowedRoutes?: { namespaces?: { from?: string } };
}

interface Metadata {
  name: string;
  namespace: string;
  annotations?: Record<string, string>;
}

export interface RouteObject {
  kind: string;
  metadata: Metadata;
  spec: { hostnames?: string[]; parentRefs?: ParentReference[] };
  status?: { parents?: Array<{ parentRef: ParentReference; conditions: Condition[] }> };
}

/** A Gateway or a ListenerSet. */
export interface ParentObject {
  kind: string;
  metadata: Metadata;
  spec: { listeners: Listener[]; parentRef?: { name: string; namespace?: string } };
  status?: {
    addresses?: Array<{ value: string }>;
    conditions?: Condition[];
    listeners?: Array<{ name: string; conditions: Condition[] }>;
  };
}

/** Listeners of which protocols a route gets names from, as external-dns has it. */
const PROTOCOLS: Readonly<Record<string, readonly string[]>> = {
  HTTPRoute: ['HTTP', 'HTTPS'],
  GRPCRoute: ['HTTP', 'HTTPS'],
  TLSRoute: ['TLS'],
  TCPRoute: ['TCP', 'TLS'],
  UDPRoute: ['UDP'],
};

const isAccepted = (conditions: Condition[] = []): boolean =>
  conditions.some(({ type, status }) => type === 'Accepted' && status === 'True');

const listOf = (annotation: string | undefined): string[] => annotation?.split(',').map((one) => one.trim()) ?? [];

/** `name -> targets`, sorted; a name that has none is not there. */
export function records(routes: readonly RouteObject[], parents: readonly ParentObject[]): Record<string, string[]> {
  const found = new Map<string, Set<string>>();
  for (const route of routes) {
    for (const { parentRef, conditions } of route.status?.parents ?? []) {
      const parent = isAccepted(conditions) ? parentOf(route, parentRef, parents) : undefined;
      if (parent === undefined) continue;
      for (const name of namesAt(route, parentRef, parent)) {
        const targets = found.get(name) ?? new Set();
        for (const target of targetsOf(parent, parents)) targets.add(target);
        found.set(name, targets);
      }
    }
  }
  const known = [...found].filter(([, targets]) => targets.size > 0);
  return Object.fromEntries(known.sort().map(([name, targets]) => [name, [...targets].sort()]));
}

/** Only what the route's own spec names, too. */
function parentOf(
  { metadata, spec }: RouteObject,
  { group = GROUP, kind = 'Gateway', namespace = metadata.namespace, name }: ParentReference,
  parents: readonly ParentObject[],
): ParentObject | undefined {
  const isNamed = (spec.parentRefs ?? []).some(
    (one) =>
      (one.kind ?? 'Gateway') === kind && one.name === name && (one.namespace ?? metadata.namespace) === namespace,
  );
  if (!isNamed || group !== GROUP) return undefined;
  return parents.find((one) => one.kind === kind && one.metadata.namespace === namespace && one.metadata.name === name);
}

function namesAt(route: RouteObject, { sectionName, port }: ParentReference, parent: ParentObject): string[] {
  const own = route.spec.hostnames ?? [];
  const asked = [...own, ...listOf(route.metadata.annotations?.[HOSTNAME]), ...(own.length === 0 ? ['*'] : [])];
  return parent.spec.listeners
    .filter(
      (listener) =>
        (sectionName ?? listener.name) === listener.name &&
        (port ?? listener.port) === listener.port &&
        PROTOCOLS[route.kind]!.includes(listener.protocol) &&
        isOpen(listener, parent, route),
    )
    .flatMap(({ hostname = '*' }) => asked.flatMap((name) => meet(hostname, name) ?? meet(name, hostname) ?? []))
    .filter((name) => name !== '*');
}

/** The narrower one, where the other stands for it. */
function meet(wide: string, narrow: string): string | undefined {
  return wide === narrow || wide === '*' || (wide.startsWith('*.') && narrow.endsWith(wide.slice(1)))
    ? narrow
    : undefined;
}

function isOpen({ name, allowedRoutes }: Listener, { kind, metadata, status }: ParentObject, route: RouteObject) {
  const from = allowedRoutes?.namespaces?.from ?? 'Same';
  if (from !== 'All' && metadata.namespace !== route.metadata.namespace) return false;
  if (kind === 'Gateway') return true;
  const own = status?.listeners?.find((one) => one.name === name);
  return isAccepted(status?.conditions) && isAccepted(own?.conditions);
}

function targetsOf(parent: ParentObject, parents: readonly ParentObject[]): string[] {
  const { namespace = parent.metadata.namespace, name = parent.metadata.name } = parent.spec.parentRef ?? {};
  const gateway = parents.find(
    ({ kind, metadata }) => kind === 'Gateway' && metadata.namespace === namespace && metadata.name === name,
  );
  const told = [parent, gateway]
    .map((one) => listOf(one?.metadata.annotations?.[TARGET]))
    .find((one) => one.length > 0);
  return told ?? gateway?.status?.addresses?.map(({ value }) => value) ?? [];
}
