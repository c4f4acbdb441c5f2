import type { ConfigObject } from '../../config/index.ts';
import { type Collection, counts, type Index, index, join } from '../../graph/index.ts';
import { commonHostnames, isAnnotated, UNNARROWED } from '../../vendor/kong/index.ts';
import type { BackendScope } from '../backend/backend-ref.ts';
import type { BackendUse } from '../backend/backend-use.ts';
import { type Variant, withVariants } from '../backend/backend-variant.ts';
import type { Backends } from '../backend/backends.ts';
import type { Listeners } from '../gateway/listeners.ts';
import { type Kong, streamReading } from '../kong/kong.ts';
import { overlaid, withNotes, withPlain } from '../kong/route-overlay.ts';
import { configOutput, type Graph } from '../stage.ts';
import { placements, type RouteIdentity } from './attachment.ts';
import { readGrpcRoute } from './grpc-route.ts';
import { readHttpRoute } from './http-route.ts';
import { readL4Route } from './l4-route.ts';
import { listenerAncestors } from './listener-filter.ts';
import {
  ancestorsBy,
  attachedListeners,
  identityOf,
  type JudgedRoute,
  judgeRoute,
  type PlacedRoute,
  type RouteResource,
  type ServiceAncestor,
} from './route.ts';
import { deriveClashes, withoutClashes } from './route-clash.ts';
import { misreadProblem, type RouteReading } from './rule-draft.ts';
import { claimIndex, claimsOf, type SignedClaim, siteOf } from './shadow.ts';

/** Routes of all kinds, placed and read. */
export interface Routes {
  /** By object key. */
  judged: Collection<JudgedRoute>;
  /** Routes that count as attached, by listener key. */
  attached: Index<RouteIdentity>;
  /** How many they are. */
  attachedCount: Collection<number>;
  claims: Index<SignedClaim>;
  uses: Collection<BackendUse>;
  /** Gateways through which a Service is reached, by its `namespace/name`. */
  ancestors: Index<ServiceAncestor>;
  config: Collection<ConfigObject>;
}

export function deriveRoutes(graph: Graph, known: { listeners: Listeners; backends: Backends; kong: Kong }): Routes {
  const { inputs } = graph;
  const resources = join<RouteResource>('routes', [
    inputs.HTTPRoute,
    inputs.GRPCRoute,
    inputs.TLSRoute,
    inputs.TCPRoute,
    inputs.UDPRoute,
  ]);
  const placed = derivePlaced(graph, resources, known);
  const clashes = deriveClashes(graph, placed);
  const readings = graph.derive('readings', placed, (context, { route }, key) => {
    const resource = context.fetch(resources, key)!;
    const { kind, namespace } = route;
    const scope = { look: graph.look(context), kind, namespace, ...known.backends };
    const reading = readAnnotated(scope, resource, known.kong);
    const { misread } = resource;
    return [[key, misread === undefined ? reading : { ...reading, misread: misreadProblem(misread, UNTIL_MENDED) }]];
  });
  const { identities, served } = known.listeners;
  const judged = graph.derive('judged routes', placed, (context, route, key) => {
    const reading = context.fetch(readings, key)!;
    const judgedRoute = judgeRoute(withoutClashes(context, clashes, route), reading);
    const variantOf = (listener: string): Variant => {
      const config = context.fetch(served, listener);
      if (config?.tls?.mode === 'Passthrough') return 'passthrough';
      return config && context.fetch(identities, `Gateway/${config.gateway}`);
    };
    const varied = withVariants(judgedRoute, variantOf);
    const { plain } = reading;
    if (plain === undefined) return [[key, { ...judgedRoute, ...varied }]];
    const isPlain = (listener: string) => context.fetch(served, listener)?.protocol === 'HTTP';
    return [[key, { ...judgedRoute, ...varied, rules: withPlain(varied.rules, plain, isPlain) }]];
  });
  return { judged, ...servedBy(graph, judged, known.listeners) };
}

/** What judged routes come to, apart from their statuses. */
function servedBy(graph: Graph, judged: Collection<JudgedRoute>, listeners: Listeners): Omit<Routes, 'judged'> {
  const { served } = listeners;
  const attachments = graph.derive('attachments', judged, (_context, route, key) =>
    Array.from(
      attachedListeners(route),
      (listener) => [`${key}>${listener}`, { listener, route: route.route }] as const,
    ),
  );
  const claims = graph.derive('match claims', judged, (context, route, key) => {
    const site = siteOf(graph.options, (listener) => context.fetch(served, listener));
    return claimsOf(route, site).map((claim, at) => [`${key}#${at}`, claim] as const);
  });
  const uses = graph.derive('backend uses', judged, (_context, route, key) =>
    route.uses.filter(({ fault }) => fault === undefined).map((use) => [`${key}>${use.key}`, use] as const),
  );
  const ancestors = graph.derive('service ancestors', judged, (_context, route, key) => ancestorsOf(route, key));
  const config = graph.derive('rules', judged, (_context, { rules }) => rules.map(configOutput));
  const slim = graph.derive('attached routes', attachments, (_context, { listener, route }, key) => {
    const { generation: _generation, ...identity } = route;
    return [[key, { listener, ...identity }]];
  });
  const attached = index('attached routes by listener', slim, ({ listener }) => [listener]);
  const attachedCount = counts('number of attached routes', slim, ({ listener }) => [listener]);
  const reached = join('service ancestors of all', [ancestors, listenerAncestors(graph, listeners)]);
  const byService = index('ancestors by service', reached, ({ service }) => [service]);
  return { attached, attachedCount, claims: claimIndex(claims), uses, config, ancestors: byService };
}

function derivePlaced(
  graph: Graph,
  resources: Collection<RouteResource>,
  { listeners, kong }: { listeners: Listeners; kong: Kong },
): Collection<PlacedRoute> {
  return graph.derive('placed routes', resources, (context, resource, key) => {
    const route = identityOf(resource);
    const parentOf = (parent: string) => context.fetch(listeners.parents, parent);
    // Whoever has no annotation of Kong's depends on nothing more than without Kong.
    const isKong = isAnnotated(resource.metadata.annotations);
    const { snis } = (isKong ? context.fetch(kong.readings, key)?.narrowing : undefined) ?? UNNARROWED;
    const parents = placements(
      { look: graph.look(context), points: listeners.pointsByOwner, parentOf },
      {
        route,
        parentRefs: resource.spec.parentRefs ?? [],
        hostnames: hostnamesOf(resource, snis),
        defaults: resource.spec.useDefaultGateways === 'All' ? context.fetch(listeners.defaults, 'All') : undefined,
      },
    );
    return parents.length === 0 ? [] : [[key, { route, parents }]];
  });
}

/** Names that leave nothing to serve refuse the route where it is read, and must not let it be attached nowhere. */
function hostnamesOf({ spec }: RouteResource, snis: readonly string[]): string[] | undefined {
  const own = 'hostnames' in spec ? spec.hostnames : undefined;
  if (snis.length === 0) return own;
  const common = commonHostnames(own, snis);
  return common.length === 0 ? own : common;
}

const UNTIL_MENDED = 'nothing of it is served until then, and what it would take is refused as far as it can be told';

function untaken(why: string): string {
  return `${why}: no connection is taken until then`;
}

/** Routes are read with what Kong's annotations ask for, where there are any. */
function readAnnotated(scope: BackendScope, resource: RouteResource, { readings }: Kong): RouteReading {
  if (resource.kind !== 'HTTPRoute' && resource.kind !== 'GRPCRoute') {
    if (!isAnnotated(resource.metadata.annotations)) return readRoute(scope, resource);
    return withNotes(readRoute(scope, resource), { ...streamReading(scope.look, resource), refuses: untaken });
  }
  const overlay = overlaid(scope.look, readings, resource);
  return overlay === undefined ? readRoute(scope, resource) : withNotes(readRoute(scope, overlay.route), overlay);
}

function readRoute(scope: BackendScope, resource: RouteResource): RouteReading {
  switch (resource.kind) {
    case 'HTTPRoute':
      return readHttpRoute(scope, resource);
    case 'GRPCRoute':
      return readGrpcRoute(scope, resource);
    case 'TLSRoute':
    case 'TCPRoute':
    case 'UDPRoute':
      return readL4Route(scope, resource);
  }
}

function ancestorsOf({ uses, parents }: JudgedRoute, key: string): Array<readonly [string, ServiceAncestor]> {
  return parents
    .filter(({ refusal }) => refusal === undefined)
    .flatMap(({ gateway, controllerName }) => ancestorsBy({ uses, gateway, controllerName }, key));
}
