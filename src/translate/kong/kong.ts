/**
 * Kong's annotations and plugins: each object that has some, with what they come to here (src/vendor/kong). They become
 * policies of ours, which act beside those that users wrote, and filters of routes.
 */
import {
  type AnyResource,
  GATEWAY_GROUP,
  type GRPCRoute,
  type HTTPHeaderFilter,
  type HTTPRoute,
  type HTTPRouteFilter,
  KONG_GROUP,
  type KongConsumer,
  objectKey,
  type Resource,
  type Secret,
} from '../../api/index.ts';
import { type Collection, type Index, index, join } from '../../graph/index.ts';
import {
  type AttachedPlugins,
  attachedPlugins,
  flow,
  GATEWAY_ANNOTATIONS,
  isAnnotated,
  type KongLook,
  type Note,
  type OwnKind,
  ownPolicy,
  PLUGINS_ANNOTATION,
  type PlainStatus,
  ROUTE_ANNOTATIONS,
  routeAsked,
  SERVICE_ANNOTATIONS,
  targetOf,
  unserved,
} from '../../vendor/index.ts';
import { grantHint, permitted } from '../grants.ts';
import { find, type Lookup } from '../lookup.ts';
import type { Graph } from '../stage.ts';
import { type Diagnostic, diagnosis } from '../verdict/problem.ts';

/** What the annotations of one object come to. */
export interface KongReading {
  plugins: AttachedPlugins;
  /** Of a route. */
  strips: boolean;
  plain?: PlainStatus;
  /** Of a Service: the Host that its backends get. */
  hostHeader?: string;
  notes: Note[];
  /** They are another gateway's to follow, and do nothing here. */
  idle?: true;
}

/** A policy that stands for plugins. */
export interface MadePolicy {
  policy: AnyResource;
  /** Key of the object whose annotation asks for it. */
  owner: string;
}

/** Kinds of such policies. */
const MADE_KINDS: readonly string[] = [
  'AccessPolicy',
  'AuthenticationPolicy',
  'RateLimitPolicy',
  'ResponsePolicy',
] satisfies OwnKind[];

export function isMadeKind(kind: string): boolean {
  return MADE_KINDS.includes(kind);
}

export interface Kong {
  /** By the key of the object: HTTPRoutes, GRPCRoutes and Services that are annotated, and no others. */
  readings: Collection<KongReading>;
  /** By the policy's own key. */
  policies: Collection<MadePolicy>;
  /** Those that users wrote, and those that the policies refer to. */
  secrets: Collection<Secret>;
  /** Of what is no route: a route tells its own. */
  diagnostics: Collection<Diagnostic>;
}

const KONG_CONTROLLERS = 'konghq.com/';

export function deriveKong(graph: Graph): Kong {
  const { inputs } = graph;
  const consumers = index('consumers by namespace', inputs.KongConsumer, ({ metadata }) => [metadata.namespace ?? '']);
  const readings = join<KongReading>('kong readings', [
    routeReadings(graph, inputs.HTTPRoute, consumers),
    routeReadings(graph, inputs.GRPCRoute, consumers),
    serviceReadings(graph, consumers),
  ]);
  const made = graph.derive('kong objects', readings, (_context, reading, key) =>
    reading.idle ? [] : madeObjects(reading, key),
  );
  const policies = graph.derive('kong policies', made, (_context, one, key) =>
    one.policy.kind === 'Secret' ? [] : [[key, one] as const],
  );
  const ownSecrets = graph.derive('kong secrets', made, (_context, { policy }, key) =>
    policy.kind === 'Secret' ? [[key, policy] as const] : [],
  );
  const secrets = join<Secret>('secrets', [inputs.Secret, ownSecrets]);
  return { readings, policies, secrets, diagnostics: diagnosticsOf(graph, readings) };
}

function routeReadings(
  graph: Graph,
  routes: Collection<HTTPRoute | GRPCRoute>,
  consumers: Index<KongConsumer>,
): Collection<KongReading> {
  return graph.derive(`kong of ${routes.name}`, routes, (context, route, key) => {
    const annotations = route.metadata.annotations ?? {};
    if (!isAnnotated(annotations)) return [];
    const look = graph.look(context);
    if (!isOfKong(look, route)) return [[key, IDLE] as const];
    const on = { ...annotated(route), annotations };
    const plugins = attachedPlugins(on, kongLook(look, consumers));
    const { strips, plain, notes } = routeAsked(annotations);
    const all = [...notes, ...plugins.notes, ...unserved(annotations, ROUTE_ANNOTATIONS), ...served(plugins, on)];
    return [[key, { plugins, strips, notes: all, ...(plain === undefined ? {} : { plain }) }] as const];
  });
}

const NO_PLUGINS: AttachedPlugins = { policies: {}, filters: [], secrets: [], notes: [], broken: [], readings: [] };
const IDLE: KongReading = {
  plugins: NO_PLUGINS,
  strips: false,
  idle: true,
  notes: [
    {
      annotation: PLUGINS_ANNOTATION,
      message: `and the other annotations of Kong do nothing here: no Gateway of the route is of a class with a controllerName ${KONG_CONTROLLERS}…`,
    },
  ],
};

function annotated({ kind, metadata }: Resource): { kind: string; namespace: string; name: string } {
  return { kind, namespace: metadata.namespace ?? '', name: metadata.name };
}

/** Without a cluster everything is ours; in one, what is attached to a class of Kong's that we serve. */
function isOfKong(look: Lookup, { metadata, spec }: HTTPRoute | GRPCRoute): boolean {
  if (look.options.shared) return true;
  return (spec.parentRefs ?? []).some(({ group = GATEWAY_GROUP, kind = 'Gateway', namespace, name }) => {
    if (group !== GATEWAY_GROUP) return false;
    const at = { namespace: namespace ?? metadata.namespace ?? '', name };
    if (kind === 'Gateway') return isKongGateway(look, at);
    const parent = kind === 'ListenerSet' ? find(look, 'ListenerSet', at)?.spec.parentRef : undefined;
    if (parent === undefined) return false;
    return isKongGateway(look, { namespace: parent.namespace ?? at.namespace, name: parent.name });
  });
}

function isKongGateway(look: Lookup, at: { namespace: string; name: string }): boolean {
  const gateway = find(look, 'Gateway', at);
  const name = gateway?.spec.gatewayClassName;
  const found = name === undefined ? undefined : find(look, 'GatewayClass', { namespace: '', name });
  return found?.spec.controllerName.startsWith(KONG_CONTROLLERS) === true;
}

function serviceReadings(graph: Graph, consumers: Index<KongConsumer>): Collection<KongReading> {
  const { options } = graph;
  const isActive = options.shared || options.controllerNames?.some((name) => name.startsWith(KONG_CONTROLLERS));
  return graph.derive('kong of Services', graph.inputs.Service, (context, service, key) => {
    const annotations = service.metadata.annotations ?? {};
    if (!isActive || !isAnnotated(annotations)) return [];
    const on = { ...annotated(service), annotations };
    const plugins = attachedPlugins(on, kongLook(graph.look(context), consumers));
    const hostHeader = annotations['konghq.com/host-header'];
    const notes = [...plugins.notes, ...unserved(annotations, SERVICE_ANNOTATIONS), ...served(plugins, on)];
    if (hostHeader !== undefined) {
      const filter = { type: 'URLRewrite', urlRewrite: { hostname: hostHeader } };
      const message = `is served as filters of its backendRefs: ${flow([filter])}`;
      notes.push({ annotation: 'konghq.com/host-header', message });
    }
    return [[key, { plugins, strips: false, notes, ...(hostHeader === undefined ? {} : { hostHeader }) }] as const];
  });
}

function kongLook(look: Lookup, consumers: Index<KongConsumer>): KongLook {
  return {
    plugin: (name) => find(look, 'KongPlugin', name),
    clusterPlugin: (name) => find(look, 'KongClusterPlugin', { namespace: '', name }),
    consumers: (namespace) => look.context.fetch(consumers, namespace) ?? [],
    secret: (name) => find(look, 'Secret', name),
    refusal: ({ kind, namespace }, to) => {
      const group = kind === 'Service' ? '' : GATEWAY_GROUP;
      const referent = { group: KONG_GROUP, kind: 'KongPlugin', ...to };
      const from = { group, kind, namespace };
      return permitted(look, from, referent) ? undefined : grantHint(from, referent);
    },
  };
}

/** What each plugin is served as, ready to be written in its place. */
function served({ readings }: AttachedPlugins, { kind, name }: { kind: string; name: string }): Note[] {
  const targetRefs = [targetOf(kind as 'HTTPRoute' | 'GRPCRoute' | 'Service', name)];
  return readings.flatMap(({ object, plugin, parts, broken }) => {
    if (broken !== undefined) return [];
    const policies = Object.entries(parts.policies ?? {}).map(([own, settings]) =>
      flow({ kind: own, spec: { targetRefs, ...settings } }),
    );
    const filters = (parts.filters ?? []).length === 0 ? [] : [`filters: ${flow(parts.filters?.map(shown))}`];
    const all = [...policies, ...filters];
    if (all.length === 0) return [];
    return [{ annotation: PLUGINS_ANNOTATION, message: `${object} (${plugin}) is served as ${all.join(' and ')}` }];
  });
}

/** Values of lines may be secrets, and statuses are read by many. */
function shown(filter: HTTPRouteFilter): object {
  const { requestHeaderModifier: request, responseHeaderModifier: response, ...rest } = filter;
  const hidden = (modifier: HTTPHeaderFilter) => ({
    ...modifier,
    ...(modifier.set ? { set: modifier.set.map(({ name }) => ({ name, value: '…' })) } : {}),
    ...(modifier.add ? { add: modifier.add.map(({ name }) => ({ name, value: '…' })) } : {}),
  });
  return {
    ...rest,
    ...(request ? { requestHeaderModifier: hidden(request) } : {}),
    ...(response ? { responseHeaderModifier: hidden(response) } : {}),
  };
}

/** Settings that are made say whose annotation they come from; no user can call an object so. */
function madeName(key: string): { namespace: string; name: string } {
  const [kind, namespace, name] = key.split('/') as [string, string, string];
  return { namespace, name: `kong:${kind}:${name}` };
}

function madeObjects({ plugins }: KongReading, owner: string): Array<readonly [string, MadePolicy]> {
  const metadata = madeName(owner);
  const [kind, , name] = owner.split('/') as ['HTTPRoute' | 'GRPCRoute' | 'Service', string, string];
  const targetRefs = [targetOf(kind, name)];
  const made = (policy: AnyResource) => [objectKey(policy), { policy, owner }] as const;
  if (plugins.broken.length > 0) {
    const refused = plugins.broken.join('; ');
    return [made(ownPolicy('AccessPolicy', metadata, { targetRefs, refused, overrides: {} }))];
  }
  return [
    ...plugins.secrets.map(made),
    ...(Object.entries(plugins.policies) as Array<[OwnKind, object]>).map(([own, overrides]) =>
      made(ownPolicy(own, metadata, { targetRefs, overrides })),
    ),
  ];
}

function diagnosticsOf(graph: Graph, readings: Collection<KongReading>): Collection<Diagnostic> {
  const { inputs } = graph;
  const numbered = (key: string, found: Diagnostic[]) => found.map((one, at) => [`${key}#kong${at}`, one] as const);
  const services = graph.derive('kong diagnostics', readings, (_context, { notes, plugins }, key) => {
    if (!key.startsWith('Service/')) return [];
    const broken = plugins.broken.map((message) =>
      diagnosis('error', key, { field: annotationField(PLUGINS_ANNOTATION), message: closed(message) }),
    );
    return numbered(key, [...broken, ...notes.map((one) => told(key, one))]);
  });
  const gateways = graph.derive('kong annotations of Gateways', inputs.Gateway, (_context, { metadata }, key) => {
    if (!isAnnotated(metadata.annotations)) return [];
    return numbered(
      key,
      unserved(metadata.annotations ?? {}, GATEWAY_ANNOTATIONS).map((one) => told(key, one)),
    );
  });
  return join('kong diagnostics of all', [services, gateways]);
}

function told(key: string, { annotation, message }: Note): Diagnostic {
  return diagnosis('warning', key, { field: annotationField(annotation), message });
}

export function annotationField(annotation: string): string {
  return `metadata.annotations["${annotation}"]`;
}

export function closed(message: string): string {
  return `${message}: requests get a 500 until then`;
}
