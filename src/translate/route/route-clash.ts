import type { RouteKind } from '../../config/index.ts';
import { type Collection, type Context, index } from '../../graph/index.ts';
import { ANY_HOST, bySpecificity, type ServedHost } from '../gateway/hostnames.ts';
import { byAge, precedes } from '../precedence.ts';
import type { Graph } from '../stage.ts';
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
 * Connections have nothing but the hostname to choose a route by: of TLS, TCP and UDP routes with the same one, that with
 * the most specific hostname of its own serves it, and of those the oldest; the others are accepted, and told so.
 * HTTPRoutes and GRPCRoutes share whatever they like: paths, headers and the content type tell their requests apart.
 */
export function deriveClashes(graph: Graph, placed: Collection<PlacedRoute>): Clashes {
  const claims = graph.derive('host claims', placed, (_context, { route, parents }, key) => {
    if (isHttp(route.kind)) return [];
    const { generation: _generation, ...identity } = route;
    return hostsByListener(parents).map(
      (claim) => [`${key}>${claim.listener}`, { ...claim, route: identity }] as const,
    );
  });
  return graph.derive(
    'route clashes',
    index('host claims by listener', claims, ({ listener }) => [listener]),
    (_context, group) => takenHosts(group),
  );
}

function hostsByListener(parents: ReadonlyArray<ParentPlacement>): Array<Pick<HostClaim, 'listener' | 'hosts'>> {
  const found = new Map<string, ServedHost[]>();
  for (const { points } of parents) {
    for (const { listener, hosts } of points) found.set(listener, [...(found.get(listener) ?? []), ...hosts]);
  }
  return Array.from(found, ([listener, hosts]) => ({ listener, hosts }));
}

function isHttp(kind: RouteKind): boolean {
  return kind === 'HTTPRoute' || kind === 'GRPCRoute';
}

function oldestFirst(group: ReadonlyArray<HostClaim>): HostClaim[] {
  return Array.from(group).sort((a, b) => byAge(a.route, b.route));
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

/** The route without what it lost. */
export function withoutClashes(context: Context, clashes: Clashes, placed: PlacedRoute): PlacedRoute {
  const { route } = placed;
  const parents = placed.parents.map((parent) => {
    const lost = parent.points.flatMap(({ listener }) => {
      const clash = context.fetch(clashes, `${route.key}>${listener}`);
      return clash === undefined ? [] : [{ listener, clash }];
    });
    return lost.length === 0 ? parent : withoutHosts(parent, lost, route);
  });
  return { route, parents };
}

type Lost = ReadonlyArray<{ listener: string; clash: Clash }>;

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
