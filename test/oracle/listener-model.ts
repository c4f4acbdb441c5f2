/** By the specification: which listeners there are, which takes a connection or a request, and which routes it has. */
import type { Gateway, Listener, ListenerSet, Metadata, ParentRef, Route, Selector, World } from './resource.ts';

export interface Open {
  /** Who wrote it. */
  kind: 'Gateway' | 'ListenerSet';
  owner: Metadata;
  listener: Listener;
}

/** Of the namespaces that there are. */
export const LABELS: Record<string, Record<string, string>> = { red: { team: 'red' }, blue: { team: 'blue' } };

function selects({ from, selector }: Selector, own: string, namespace: string): boolean {
  if (from === 'All') return true;
  if (from === 'Same') return own === namespace;
  if (from !== 'Selector') return false;
  return Object.entries(selector?.matchLabels ?? {}).every(([name, value]) => LABELS[namespace]?.[name] === value);
}

/** The older first, those without age last, then by name. */
export function byAge(one: Metadata, other: Metadata): number {
  const age = ({ creationTimestamp }: Metadata): number =>
    creationTimestamp === undefined ? Number.MAX_VALUE : Date.parse(creationTimestamp);
  const name = ({ namespace, name }: Metadata): string => `${namespace}/${name}`;
  return age(one) - age(other) || (name(one) < name(other) ? -1 : Number(name(one) !== name(other)));
}

export function isSetOf(gateway: Gateway, { metadata, spec }: ListenerSet): boolean {
  const namespaces = { from: 'None', ...gateway.spec.allowedListeners?.namespaces } as Selector;
  return (
    spec.parentRef.name === gateway.metadata.name &&
    (spec.parentRef.namespace ?? metadata.namespace) === gateway.metadata.namespace &&
    selects(namespaces, gateway.metadata.namespace, metadata.namespace)
  );
}

/** Without those that conflict with one that comes before them: the Gateway's own, then those of older ListenerSets. */
export function openListeners({ gateways, listenerSets }: World): Open[] {
  return gateways.flatMap((gateway) => {
    const sets = listenerSets
      .filter((set) => isSetOf(gateway, set))
      .sort((one, other) => byAge(one.metadata, other.metadata));
    const all: Open[] = [
      ...gateway.spec.listeners.map((listener) => ({ kind: 'Gateway' as const, owner: gateway.metadata, listener })),
      ...sets.flatMap(({ metadata, spec }) =>
        spec.listeners.map((listener) => ({ kind: 'ListenerSet' as const, owner: metadata, listener })),
      ),
    ];
    const taken = new Set<string>();
    return all.filter(({ listener: { port, hostname } }) => {
      const key = `${port} ${hostname ?? ''}`;
      if (taken.has(key)) return false;
      taken.add(key);
      return true;
    });
  });
}

/** A wildcard stands for one label and more; undefined: any host, and none. */
export function takesHost(hostname: string | undefined, host: string | undefined): boolean {
  if (hostname === undefined) return true;
  if (host === undefined) return false;
  return hostname.startsWith('*.')
    ? host.endsWith(hostname.slice(1)) && host.length >= hostname.length
    : host === hostname;
}

/** The larger, the more specific: exact, longer wildcard, none. */
export function specificity(hostname: string | undefined): number {
  if (hostname === undefined) return 0;
  return hostname.startsWith('*.') ? hostname.length : 1_000 + hostname.length;
}

/** Those with the most specific hostname that takes it: several where Gateways share a port. */
export function chosenListeners(all: Open[], port: number, host: string | undefined): Open[] {
  const fit = all.filter(({ listener }) => listener.port === port && takesHost(listener.hostname, host));
  const most = Math.max(...fit.map(({ listener }) => specificity(listener.hostname)));
  return fit.filter(({ listener }) => specificity(listener.hostname) === most);
}

function isParent(ref: ParentRef, namespace: string, { kind, owner, listener }: Open): boolean {
  return (
    (ref.kind ?? 'Gateway') === kind &&
    ref.name === owner.name &&
    (ref.namespace ?? namespace) === owner.namespace &&
    (ref.sectionName === undefined || ref.sectionName === listener.name) &&
    (ref.port === undefined || ref.port === listener.port)
  );
}

/** Whether one hostname is within the other. */
function intersect(one: string, other: string): boolean {
  const within = (narrow: string, wide: string): boolean =>
    narrow === wide || (wide.startsWith('*.') && narrow.endsWith(wide.slice(1)));
  return within(one, other) || within(other, one);
}

export function isAttached(route: Route, open: Open): boolean {
  return route.spec.parentRefs.some((ref) => isAttachedBy(route, ref, open));
}

export function isAttachedBy(route: Route, ref: ParentRef, open: Open): boolean {
  const { namespaces, kinds } = open.listener.allowedRoutes ?? {};
  const { namespace } = route.metadata;
  const { hostname } = open.listener;
  return (
    isParent(ref, namespace, open) &&
    selects({ from: 'Same', ...namespaces }, open.owner.namespace, namespace) &&
    (kinds === undefined || kinds.length === 0 || kinds.some(({ kind }) => kind === route.kind)) &&
    (hostname === undefined ||
      route.spec.hostnames === undefined ||
      route.spec.hostnames.some((own) => intersect(own, hostname)))
  );
}
