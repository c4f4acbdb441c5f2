import { GATEWAY_GROUP, type ParentReference, ROUTE_REASON } from '../../api/index.ts';
import type { RouteKind } from '../../config/index.ts';
import type { Index } from '../../graph/index.ts';
import { ownerKey } from '../gateway/declared.ts';
import { type ServedHost, servedHosts } from '../gateway/hostnames.ts';
import type { AttachPoint } from '../gateway/listener.ts';
import { selects, whyBarred } from '../gateway/selector.ts';
import { type Lookup, namespaceLabels } from '../lookup.ts';
import { type Problem, problem } from '../verdict/problem.ts';

/** Who attaches. */
export interface RouteIdentity {
  /** Key of the object: `HTTPRoute/namespace/name`. */
  key: string;
  kind: RouteKind;
  namespace: string;
  name: string;
  created: string;
  generation?: number;
}

/** One parentRef of a route to something of ours, and where it leads. */
export interface ParentPlacement {
  parentRef: ParentReference;
  field: string;
  /** `namespace/name` of the Gateway. */
  gateway: string;
  controllerName: string;
  /** Why the parent does not take the route. */
  refusal?: Problem;
  /** Listeners that take it, whether or not they can be served, and the hosts there. */
  points: PointPlacement[];
  /** Who takes what this route would serve, where connections have nothing else to choose by. */
  shadows?: string[];
}

export interface PointPlacement {
  /** Key of a listener. */
  listener: string;
  hosts: ServedHost[];
  /** The listener can be served. */
  served: boolean;
}

/** What a parentRef can lead to. */
export interface ParentLookup {
  look: Lookup;
  /** Attach points by the key of their Gateway or ListenerSet. */
  points: Index<AttachPoint>;
  /** The Gateway behind a parent, or undefined where it is none of ours. */
  parentOf(parent: string): { gateway: string; controllerName: string } | undefined;
}

export interface RouteParents {
  route: RouteIdentity;
  parentRefs: ReadonlyArray<ParentReference>;
  hostnames?: ReadonlyArray<string>;
  /** Gateways that take it though it does not name them. */
  defaults?: ReadonlyArray<{ namespace: string; name: string }>;
}

/** Where a route's parentRefs lead; parents that are not ours are left to others. */
export function placements(parents: ParentLookup, wanted: RouteParents): ParentPlacement[] {
  const found: ParentPlacement[] = [];
  for (const [at, parentRef] of wanted.parentRefs.entries()) {
    const { group = GATEWAY_GROUP, kind = 'Gateway' } = parentRef;
    if (group !== GATEWAY_GROUP || (kind !== 'Gateway' && kind !== 'ListenerSet')) continue;
    const owner = ownerKey({ kind, namespace: parentRef.namespace ?? wanted.route.namespace, name: parentRef.name });
    const parent = parents.parentOf(owner);
    if (parent === undefined) continue;
    const points = parents.look.context.fetch(parents.points, owner) ?? [];
    const placement = { parentRef, field: `spec.parentRefs[${at}]`, ...parent };
    found.push({ ...placement, ...attach(parents.look, points, { ...wanted, parentRef, field: placement.field }) });
  }
  return [...found, ...byDefault(parents, wanted)];
}

/** A Gateway that does not take it has not been asked by name: there is nothing to tell. */
function byDefault(parents: ParentLookup, wanted: RouteParents): ParentPlacement[] {
  const field = 'spec.useDefaultGateways';
  const named = new Set(
    wanted.parentRefs.map(
      ({ kind = 'Gateway', namespace = wanted.route.namespace, name }) => `${kind}/${namespace}/${name}`,
    ),
  );
  return (wanted.defaults ?? []).flatMap(({ namespace, name }) => {
    const owner = ownerKey({ kind: 'Gateway', namespace, name });
    const parent = parents.parentOf(owner);
    if (parent === undefined || named.has(owner)) return [];
    const parentRef = { group: GATEWAY_GROUP, kind: 'Gateway', namespace, name };
    const points = parents.look.context.fetch(parents.points, owner) ?? [];
    const attached = attach(parents.look, points, { ...wanted, parentRef, field });
    return attached.refusal === undefined ? [{ parentRef, field, ...parent, ...attached }] : [];
  });
}

interface Attempt extends RouteParents {
  parentRef: ParentReference;
  field: string;
}

/** The spec's order: the listener must be named, then allow the kind and namespace, then share a hostname. */
function attach(
  look: Lookup,
  points: ReadonlyArray<AttachPoint>,
  attempt: Attempt,
): Pick<ParentPlacement, 'refusal' | 'points'> {
  const named = points.filter((point) => names(attempt.parentRef, point));
  if (named.length === 0) return refused(ROUTE_REASON.NoMatchingParent, attempt.field, nothingNamed(attempt, points));
  const allowing = named.filter((point) => allows(look, point, attempt.route));
  if (allowing.length === 0) {
    return refused(ROUTE_REASON.NotAllowedByListeners, attempt.field, notAllowed(look, attempt.route, named));
  }
  const placed: PointPlacement[] = [];
  for (const { key, hostname, served } of allowing) {
    const hosts = servedHosts(hostname, attempt.hostnames);
    if (hosts.length > 0) placed.push({ listener: key, hosts, served });
  }
  if (placed.length > 0) return { points: placed };
  return refused(ROUTE_REASON.NoMatchingListenerHostname, 'spec.hostnames', noCommonHost(attempt, allowing));
}

function refused(reason: string, field: string, message: string): Pick<ParentPlacement, 'refusal' | 'points'> {
  return { refusal: problem(reason, field, message), points: [] };
}

function names({ sectionName, port }: ParentReference, point: AttachPoint): boolean {
  return (sectionName === undefined || sectionName === point.name) && (port === undefined || port === point.port);
}

function allows(look: Lookup, point: AttachPoint, route: RouteIdentity): boolean {
  if (!point.kinds.includes(route.kind)) return false;
  const { from, selector } = point.namespaces;
  switch (from) {
    case 'All':
      return true;
    case 'Same':
      return point.owner.namespace === route.namespace;
    case 'Selector':
      return selects(selector, namespaceLabels(look, route.namespace));
  }
}

function nothingNamed({ parentRef }: Attempt, points: ReadonlyArray<AttachPoint>): string {
  const wanted = [
    parentRef.sectionName === undefined ? '' : `named ${parentRef.sectionName}`,
    parentRef.port === undefined ? '' : `on port ${parentRef.port}`,
  ].filter((part) => part !== '');
  const there = points.map(({ name, port }) => `${name} (port ${port})`).join(', ');
  return `${parentRef.kind} ${parentRef.name} has no listener ${wanted.join(' and ')}; it has ${there || 'none'}`;
}

function notAllowed(look: Lookup, route: RouteIdentity, named: ReadonlyArray<AttachPoint>): string {
  const reasons = named.map(({ name, kinds, namespaces, owner }) =>
    kinds.includes(route.kind)
      ? `listener ${name} takes no routes from namespace ${route.namespace} (allowedRoutes.namespaces.from: ${namespaces.from}): ${whyBarred(namespaces, { labels: namespaceLabels(look, route.namespace), own: owner.namespace })}`
      : kinds.length === 0
        ? `listener ${name} takes no routes at all: its own status says why`
        : `listener ${name} takes ${kinds.join(' and ')}, not ${route.kind}`,
  );
  return reasons.join('; ');
}

function noCommonHost({ hostnames }: Attempt, allowing: ReadonlyArray<AttachPoint>): string {
  const theirs = allowing.map(({ name, hostname }) => `listener ${name} serves ${hostname ?? 'any'}`).join(', ');
  return `none of ${(hostnames ?? []).join(', ')} is served: ${theirs}`;
}
