import { ROUTE_REASON } from '../api/index.ts';
import type { RouteKind } from '../config/index.ts';
import { type Collection, type Context, index } from '../graph/index.ts';
import type { ParentPlacement, RouteIdentity } from './attachment.ts';
import { ANY_HOST, intersection } from './hostnames.ts';
import { byAge } from './precedence.ts';
import { type Problem, problem } from './problem.ts';
import type { PlacedRoute } from './route.ts';
import type { Graph } from './stage.ts';

/** A route that wants hosts of a listener. */
interface HostClaim {
  listener: string;
  route: RouteIdentity;
  hostnames: string[];
}

/** Hosts of a listener that a route does not get, and who has them. */
export interface Clash {
  winner: RouteIdentity;
  hostnames: string[];
}

/** By `route key>listener key`. */
export type Clashes = Collection<Clash>;

/**
 * Routes that cannot share hosts of a listener. Of an HTTPRoute and a GRPCRoute whose hosts meet, the older is
 * accepted and the other refused there. Connections have nothing but the hostname to choose a route by: of TLS, TCP
 * and UDP routes with the same one, the oldest serves it; the others are accepted, and told so.
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

function hostsByListener(parents: ReadonlyArray<ParentPlacement>): Array<{ listener: string; hostnames: string[] }> {
  const hosts = new Map<string, string[]>();
  for (const { points } of parents) {
    for (const { listener, hostnames } of points) hosts.set(listener, [...(hosts.get(listener) ?? []), ...hostnames]);
  }
  return Array.from(hosts, ([listener, hostnames]) => ({ listener, hostnames }));
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
    const winner = accepted.find((other) => other.route.kind !== claim.route.kind && meet(claim, other));
    if (winner === undefined) accepted.push(claim);
    else found.set(keyOf(claim), { winner: winner.route, hostnames: claim.hostnames });
  }
  return found;
}

function takenHosts(group: ReadonlyArray<HostClaim>): Map<string, Clash> {
  const found = new Map<string, Clash>();
  const taken = new Map<string, RouteIdentity>();
  for (const claim of oldestFirst(group)) {
    const lost = claim.hostnames.filter((hostname) => taken.has(hostname));
    if (lost.length > 0) found.set(keyOf(claim), { winner: taken.get(lost[0]!)!, hostnames: lost });
    for (const hostname of claim.hostnames) if (!taken.has(hostname)) taken.set(hostname, claim.route);
  }
  return found;
}

function keyOf({ route, listener }: HostClaim): string {
  return `${route.key}>${listener}`;
}

function meet(a: HostClaim, b: HostClaim): boolean {
  return a.hostnames.some((one) => b.hostnames.some((other) => intersection(one, other) !== undefined));
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
    return isHttp(route.kind) ? withoutListeners(parent, lost) : withoutHosts(parent, lost);
  });
  return { route, parents };
}

type Lost = ReadonlyArray<{ listener: string; clash: Clash }>;

function withoutListeners(parent: ParentPlacement, lost: Lost): ParentPlacement {
  const points = parent.points.filter(({ listener }) => !lost.some((one) => one.listener === listener));
  if (points.length > 0) return { ...parent, points };
  return { ...parent, points, refusal: refusal(parent, lost[0]!.clash.winner) };
}

function withoutHosts(parent: ParentPlacement, lost: Lost): ParentPlacement {
  const shadows = lost.map(({ listener, clash: { winner, hostnames } }) => {
    const what = hostnames.includes(ANY_HOST) ? 'connections' : hostnames.join(', ');
    return `${winner.kind} ${winner.namespace}/${winner.name}, which is older, takes ${what} of listener ${listener}`;
  });
  const points = parent.points.map((point) => {
    const clash = lost.find(({ listener }) => listener === point.listener)?.clash;
    if (clash === undefined) return point;
    return { ...point, hostnames: point.hostnames.filter((hostname) => !clash.hostnames.includes(hostname)) };
  });
  return { ...parent, points, shadows };
}

function refusal(parent: ParentPlacement, { kind, namespace, name }: RouteIdentity): Problem {
  const hosts = new Set(parent.points.flatMap(({ hostnames }) => hostnames));
  const list = Array.from(hosts, (host) => (host === ANY_HOST ? 'any' : host)).join(', ');
  const message = `${kind} ${namespace}/${name}, which is older, has the same hostnames (${list}) there: use other hostnames or another listener`;
  return problem(ROUTE_REASON.NotAllowedByListeners, parent.field, message);
}
