import { ROUTE_REASON } from '../../api/index.ts';
import type { RouteKind } from '../../config/index.ts';
import { type Collection, type Context, index } from '../../graph/index.ts';
import { ANY_HOST, bySpecificity, type ServedHost } from '../gateway/hostnames.ts';
import { byAge, precedes } from '../precedence.ts';
import type { Graph } from '../stage.ts';
import { type Problem, problem } from '../verdict/problem.ts';
import type { ParentPlacement, RouteIdentity } from './attachment.ts';
import type { PlacedRoute } from './route.ts';

/** A route that wants hosts of a listener. */
interface HostClaim {
  listener: string;
  route: RouteIdentity;
  hosts: ServedHost[];
}

/** Hosts of a listener that a route does not get, and who has them. */
export interface Clash {
  winner: RouteIdentity;
  hostnames: string[];
  /** Not by age: the winner's own hostname is the more specific. */
  narrower?: true;
}

/** By `route key>listener key`. */
export type Clashes = Collection<Clash>;

/**
 * Routes that cannot share hosts of a listener. Of an HTTPRoute and a GRPCRoute that name the same host, the older is
 * accepted and the other refused there; where names only overlap the content type tells requests apart. Connections have nothing but the hostname to choose a route by: of TLS, TCP
 * and UDP routes with the same one, that with the most specific hostname of its own serves it, and of those the
 * oldest; the others are accepted, and told so.
 */
export function deriveClashes(graph: Graph, placed: Collection<PlacedRoute>): Clashes {
  const claims = graph.derive('host claims', placed, (_context, { route, parents }, key) => {
    const { generation: _generation, ...identity } = route;
    return hostsByListener(parents).map(
      (claim) => [`${key}>${claim.listener}`, { ...claim, route: identity }] as const,
    );
  });
  return graph.derive(
    'route clashes',
    index('host claims by listener', claims, ({ listener }) => [listener]),
    (_context, group) => losers(group),
  );
}

function hostsByListener(parents: ReadonlyArray<ParentPlacement>): Array<Pick<HostClaim, 'listener' | 'hosts'>> {
  const found = new Map<string, ServedHost[]>();
  for (const { points } of parents) {
    for (const { listener, hosts } of points) found.set(listener, [...(found.get(listener) ?? []), ...hosts]);
  }
  return Array.from(found, ([listener, hosts]) => ({ listener, hosts }));
}

function losers(group: ReadonlyArray<HostClaim>): Map<string, Clash> {
  const kinds = new Set(group.map(({ route }) => route.kind));
  if (!isHttp(group[0]!.route.kind)) return takenHosts(group);
  // Nearly every listener has routes of one kind only.
  return kinds.size === 1 ? new Map() : mixedKinds(group);
}

function isHttp(kind: RouteKind): boolean {
  return kind === 'HTTPRoute' || kind === 'GRPCRoute';
}

function oldestFirst(group: ReadonlyArray<HostClaim>): HostClaim[] {
  return Array.from(group).sort((a, b) => byAge(a.route, b.route));
}

function mixedKinds(group: ReadonlyArray<HostClaim>): Map<string, Clash> {
  const found = new Map<string, Clash>();
  const accepted: HostClaim[] = [];
  for (const claim of oldestFirst(group)) {
    const winner = accepted.find(
      (other) => other.route.kind !== claim.route.kind && commonHosts(claim, other).length > 0,
    );
    if (winner === undefined) accepted.push(claim);
    else found.set(keyOf(claim), { winner: winner.route, hostnames: commonHosts(claim, winner) });
  }
  return found;
}

function takenHosts(group: ReadonlyArray<HostClaim>): Map<string, Clash> {
  const taken = new Map<string, { own: string; route: RouteIdentity }>();
  for (const { route, hosts } of oldestFirst(group)) {
    for (const { hostname, own } of hosts) {
      const known = taken.get(hostname);
      if (known === undefined || bySpecificity(own, known.own) < 0) taken.set(hostname, { own, route });
    }
  }
  const found = new Map<string, Clash>();
  for (const claim of group) {
    const lost = claim.hosts.filter(({ hostname }) => taken.get(hostname)!.route.key !== claim.route.key);
    const [first] = lost;
    if (first === undefined) continue;
    const { route: winner, own } = taken.get(first.hostname)!;
    const clash: Clash = { winner, hostnames: lost.map(({ hostname }) => hostname) };
    found.set(keyOf(claim), bySpecificity(own, first.own) < 0 ? { ...clash, narrower: true } : clash);
  }
  return found;
}

function keyOf({ route, listener }: HostClaim): string {
  return `${route.key}>${listener}`;
}

/** By what the routes say: a listener that narrows two names to one does not make them the same. */
function commonHosts(a: HostClaim, b: HostClaim): string[] {
  return a.hosts
    .filter((one) => b.hosts.some((other) => one.hostname === other.hostname && one.own === other.own))
    .map(({ hostname }) => hostname);
}

/** The route without what it lost; a parent that has nothing left of an HTTPRoute or GRPCRoute refuses it. */
export function withoutClashes(context: Context, clashes: Clashes, placed: PlacedRoute): PlacedRoute {
  const { route } = placed;
  const parents = placed.parents.map((parent) => {
    const lost = parent.points.flatMap(({ listener }) => {
      const clash = context.fetch(clashes, `${route.key}>${listener}`);
      return clash === undefined ? [] : [{ listener, clash }];
    });
    if (lost.length === 0) return parent;
    return isHttp(route.kind) ? withoutListeners(parent, lost, route) : withoutHosts(parent, lost, route);
  });
  return { route, parents };
}

type Lost = ReadonlyArray<{ listener: string; clash: Clash }>;

function withoutListeners(parent: ParentPlacement, lost: Lost, route: RouteIdentity): ParentPlacement {
  const points = parent.points.filter(({ listener }) => !lost.some((one) => one.listener === listener));
  if (points.length > 0) return { ...parent, points };
  return { ...parent, points, refusal: refusal(parent, lost[0]!.clash, route) };
}

function withoutHosts(parent: ParentPlacement, lost: Lost, route: RouteIdentity): ParentPlacement {
  const shadows = lost.map(({ listener, clash: { winner, hostnames, narrower } }) => {
    const why = narrower ? 'whose hostname is more specific' : precedes(winner, route);
    const what = hostnames.includes(ANY_HOST) ? 'connections' : hostnames.join(', ');
    return `${winner.kind} ${winner.namespace}/${winner.name}, ${why}, takes ${what} of listener ${listener}`;
  });
  const points = parent.points.map((point) => {
    const clash = lost.find(({ listener }) => listener === point.listener)?.clash;
    if (clash === undefined) return point;
    return { ...point, hosts: point.hosts.filter(({ hostname }) => !clash.hostnames.includes(hostname)) };
  });
  return { ...parent, points, shadows };
}

function refusal(parent: ParentPlacement, { winner, hostnames }: Clash, route: RouteIdentity): Problem {
  const list = hostnames.map((host) => (host === ANY_HOST ? 'any' : host)).join(', ');
  const what = hostnames.length === 1 ? 'hostname' : 'hostnames';
  const { kind, namespace, name } = winner;
  const message = `${kind} ${namespace}/${name}, ${precedes(winner, route)}, has the same ${what} (${list}) there: use other hostnames or another listener`;
  return problem(ROUTE_REASON.NotAllowedByListeners, parent.field, message);
}
