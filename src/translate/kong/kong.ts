/**
 * Kong's annotations and plugins: each object that has some, with what they come to here (src/vendor/kong). They become
 * policies of ours, which act beside those that users wrote, and filters of routes.
 */
import {
  type AnyResource,
  GATEWAY_GROUP,
  type GRPCRoute,
  type HTTPRoute,
  KONG_GROUP,
  type KongConsumer,
  objectKey,
  type Resource,
  type Secret,
} from '../../api/index.ts';
import { type Collection, type Index, index, join } from '../../graph/index.ts';
import {
  faultPlace,
  isAnnotated,
  isNarrowing,
  type KongLook,
  type KongReading,
  type Note,
  type OwnKind,
  PLUGINS_ANNOTATION,
  readKongGateway,
  readKongRoute,
  readKongService,
  standingFor,
  UNNARROWED,
} from '../../vendor/kong/index.ts';
import { grantHint, permitted } from '../grants.ts';
import { find, type Lookup } from '../lookup.ts';
import type { Graph } from '../stage.ts';
import { type Diagnostic, diagnosis } from '../verdict/problem.ts';

/** A policy or Secret that stands for plugins. */
export interface MadeObject {
  object: AnyResource;
  /** Key of the object whose annotation asks for it. */
  owner: string;
}

/** Kinds of policies that are made. */
const MADE_KINDS: readonly string[] = [
  'AccessPolicy',
  'AuthenticationPolicy',
  'RateLimitPolicy',
  'ResponsePolicy',
  'BackendTrafficPolicy',
] satisfies OwnKind[];

export function isMadeKind(kind: string): boolean {
  return MADE_KINDS.includes(kind);
}

export interface Kong {
  /** By the key of the object: HTTPRoutes, GRPCRoutes and Services that are annotated, and no others. */
  readings: Collection<KongReading>;
  /** By their own keys. */
  made: Collection<MadeObject>;
  /** Those that users wrote, and those that are made. */
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
    gatewayReadings(graph, consumers),
  ]);
  const made = graph.derive('kong objects', readings, (_context, reading, owner) => {
    const [kind, namespace, name] = owner.split('/') as [string, string, string];
    return standingFor(reading, { kind, namespace, name }).map(
      (object) => [objectKey(object), { object, owner }] as const,
    );
  });
  const ownSecrets = graph.derive('kong secrets', made, (_context, { object }, key) =>
    object.kind === 'Secret' ? [[key, object] as const] : [],
  );
  const secrets = join<Secret>('secrets', [inputs.Secret, ownSecrets]);
  return { readings, made, secrets, diagnostics: diagnosticsOf(graph, readings) };
}

function routeReadings(
  graph: Graph,
  routes: Collection<HTTPRoute | GRPCRoute>,
  consumers: Index<KongConsumer>,
): Collection<KongReading> {
  return graph.derive(`kong of ${routes.name}`, routes, (context, route, key) => {
    if (!isAnnotated(route.metadata.annotations)) return [];
    const look = graph.look(context);
    const reading = isOfKong(look, route) ? readKongRoute(annotated(route), kongLook(look, consumers)) : IDLE;
    return [[key, reading] as const];
  });
}

/** A route of connections: nothing that Kong's annotations ask for acts there, and a guard is not left out. */
export function streamReading(
  look: Lookup,
  route: Parameters<typeof isOfKong>[1],
): Pick<KongReading, 'notes'> & { broken: string[] } {
  if (!isOfKong(look, route)) return { notes: IDLE.notes, broken: [] };
  const annotations = route.metadata.annotations ?? {};
  const narrowing = Object.keys(annotations).filter(isNarrowing);
  const notes = Object.keys(annotations)
    .filter((annotation) => annotation.startsWith(KONG_CONTROLLERS) && annotation !== PLUGINS_ANNOTATION)
    .filter((annotation) => !narrowing.includes(annotation))
    .map((annotation) => ({ annotation, message: `is not served on a ${route.kind}` }));
  const isGuarded = annotations[PLUGINS_ANNOTATION] !== undefined;
  const way = route.kind === 'TLSRoute' ? 'write hostnames, and remove it' : 'remove it';
  return {
    notes,
    broken: [
      ...(isGuarded ? [`plugins act on requests, and not on what a ${route.kind} takes: remove it`] : []),
      ...narrowing.map(
        (annotation) => `${annotation}: is not served on a ${route.kind}, and would let fewer in: ${way}`,
      ),
    ],
  };
}

const IDLE: KongReading = {
  plugins: { policies: {}, filters: [], secrets: [], notes: [], broken: [], readings: [] },
  strips: false,
  narrowing: UNNARROWED,
  notes: [
    {
      annotation: PLUGINS_ANNOTATION,
      message: `and the other annotations of Kong do nothing here: no Gateway of the route is of a class with a controllerName ${KONG_CONTROLLERS}…`,
    },
  ],
};

function annotated({ kind, metadata }: Resource) {
  return { kind, namespace: metadata.namespace ?? '', name: metadata.name, annotations: metadata.annotations ?? {} };
}

/** Without a cluster everything is ours; in one, what is attached to a class of Kong's that we serve. */
function isOfKong(
  look: Lookup,
  { metadata, spec }: Resource & { spec: Pick<HTTPRoute['spec'], 'parentRefs' | 'useDefaultGateways'> },
): boolean {
  if (look.options.shared) return true;
  if (spec.useDefaultGateways === 'All' && hasDefaultGateway(look)) return true;
  return (spec.parentRefs ?? []).some(({ group = GATEWAY_GROUP, kind = 'Gateway', namespace, name }) => {
    if (group !== GATEWAY_GROUP) return false;
    const at = { namespace: namespace ?? metadata.namespace ?? '', name };
    if (kind === 'Gateway') return isKongGateway(look, at);
    const parent = kind === 'ListenerSet' ? find(look, 'ListenerSet', at)?.spec.parentRef : undefined;
    if (parent === undefined) return false;
    return isKongGateway(look, { namespace: parent.namespace ?? at.namespace, name: parent.name });
  });
}

function hasDefaultGateway(look: Lookup): boolean {
  return look.context
    .fetchAll(look.inputs.Gateway)
    .some(
      ({ metadata: { namespace = '', name }, spec }) =>
        spec.defaultScope === 'All' && isKongGateway(look, { namespace, name }),
    );
}

function isKongGateway(look: Lookup, at: { namespace: string; name: string }): boolean {
  const name = find(look, 'Gateway', at)?.spec.gatewayClassName;
  const found = name === undefined ? undefined : find(look, 'GatewayClass', { namespace: '', name });
  return found?.spec.controllerName.startsWith(KONG_CONTROLLERS) === true;
}

function serviceReadings(graph: Graph, consumers: Index<KongConsumer>): Collection<KongReading> {
  const { options } = graph;
  const isActive = options.shared || options.controllerNames?.some((name) => name.startsWith(KONG_CONTROLLERS));
  return graph.derive('kong of Services', graph.inputs.Service, (context, service, key) => {
    if (!isActive || !isAnnotated(service.metadata.annotations)) return [];
    return [[key, readKongService(annotated(service), kongLook(graph.look(context), consumers))] as const];
  });
}

function gatewayReadings(graph: Graph, consumers: Index<KongConsumer>): Collection<KongReading> {
  const { inputs, options } = graph;
  return graph.derive('kong of Gateways', inputs.Gateway, (context, gateway, key) => {
    const look = graph.look(context);
    const { namespace, name } = annotated(gateway);
    const plugins = context.fetchAll(inputs.KongClusterPlugin);
    if (plugins.length === 0 && !isAnnotated(gateway.metadata.annotations)) return [];
    const isActive = options.shared || isKongGateway(look, { namespace, name });
    return [[key, readKongGateway(annotated(gateway), kongLook(look, consumers), isActive ? plugins : [])] as const];
  });
}

function kongLook(look: Lookup, consumers: Index<KongConsumer>): KongLook {
  return {
    plugin: (name) => find(look, 'KongPlugin', name),
    clusterPlugin: (name) => find(look, 'KongClusterPlugin', { namespace: '', name }),
    consumers: (namespace) => look.context.fetch(consumers, namespace) ?? [],
    secret: (name) => find(look, 'Secret', name),
    hidden: true,
    refusal: ({ kind, namespace }, to) => {
      const group = kind === 'Service' ? '' : GATEWAY_GROUP;
      const referent = { group: KONG_GROUP, kind: 'KongPlugin', ...to };
      const from = { group, kind, namespace };
      return permitted(look, from, referent) ? undefined : grantHint(from, referent);
    },
  };
}

function diagnosticsOf(graph: Graph, readings: Collection<KongReading>): Collection<Diagnostic> {
  const numbered = (key: string, found: Diagnostic[]) => found.map((one, at) => [`${key}#kong${at}`, one] as const);
  return graph.derive('kong diagnostics', readings, (_context, { notes, plugins }, key) => {
    if (!key.startsWith('Service/') && !key.startsWith('Gateway/')) return [];
    const broken = plugins.broken.map((text) => {
      const { annotation, why } = faultPlace(text);
      return diagnosis('error', key, { field: annotationField(annotation), message: closed(why) });
    });
    return numbered(key, [...broken, ...notes.map((one) => told(key, one))]);
  });
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
