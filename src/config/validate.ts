/**
 * Reads a delta from JSON that came over a channel (a worker's, a data plane's). One object that does not fit
 * is set aside with the reason; the others go on.
 */
import * as v from 'valibot';
import type { Backend, BackendTls, Endpoint, Endpoints } from './backend.ts';
import { credentialShape } from './credential.ts';
import { externalAuthFields } from './external-auth.ts';
import { type FilterFault, filterFault } from './filter-fault.ts';
import { additionFault } from './head-addition.ts';
import type { ClientValidation, Listener, ListenerTls } from './listener.ts';
import { httpMatch } from './match-shape.ts';
import type { Certificate, Challenge, ConfigKind, ConfigObject, ConfigRef, Delta, TrustBundle } from './object.ts';
import { POLICY_TYPES, type Policy, policyShape } from './policy/index.ts';
import { retry } from './retry-shape.ts';
import type {
  Attachment,
  CorsFilter,
  DirectAnswerFilter,
  ExternalAuthConfig,
  Filter,
  HeaderModifier,
  MirrorFilter,
  PathModifier,
  RedirectFilter,
  RouteRule,
  Timeouts,
  WeightedBackend,
} from './route.ts';
import { sessionPersistence } from './session.ts';
import { key, object, type Shape } from './shape.ts';

const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const port = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(65535));
const strings = v.array(v.string());

const certificate = object<Certificate>({
  kind: v.literal('Certificate'),
  key,
  certificate: v.string(),
  privateKey: v.string(),
});

const challenge = object<Challenge>({
  kind: v.literal('Challenge'),
  key,
  listeners: strings,
  certificate: v.string(),
  privateKey: v.string(),
});

const trustBundle = object<TrustBundle>({ kind: v.literal('TrustBundle'), key, pem: v.string() });

const externalAuth = object<ExternalAuthConfig>({ type: v.literal('ExternalAuth'), ...externalAuthFields });

const listener = object<Listener>({
  kind: v.literal('Listener'),
  key,
  gateway: key,
  name: key,
  addresses: strings,
  port,
  protocol: v.picklist(['HTTP', 'HTTPS', 'TLS', 'TCP', 'UDP']),
  hostname: v.optional(key),
  tls: v.optional(
    object<ListenerTls>({
      mode: v.picklist(['Terminate', 'Passthrough']),
      certificates: strings,
      clientValidation: v.optional(
        object<ClientValidation>({ mode: v.picklist(['AllowValidOnly', 'AllowInsecureFallback']), trust: strings }),
      ),
    }),
  ),
  filters: v.optional(v.array(externalAuth)),
});

const backendTls = object<BackendTls>({
  hostname: key,
  subjectAltNames: v.array(v.object({ type: v.picklist(['Hostname', 'URI']), value: v.string() })),
  trust: v.union([v.literal('System'), strings]),
  clientCertificate: v.optional(key),
});

const backend = object<Backend>({
  kind: v.literal('Backend'),
  key,
  service: v.object({ namespace: key, name: key, port, kind: v.optional(v.literal('ServiceImport')) }),
  protocol: v.picklist(['http', 'h2c', 'tcp', 'udp']),
  tls: v.optional(backendTls),
  tlsPolicy: v.optional(key),
});

const endpoints = object<Endpoints>({
  kind: v.literal('Endpoints'),
  key,
  endpoints: v.array(
    object<Endpoint>({
      address: key,
      port,
      state: v.picklist(['ready', 'draining']),
      zone: v.optional(v.string()),
      forZones: v.optional(strings),
    }),
  ),
  dns: v.optional(v.object({ hostname: key, port })),
});

const header = v.object({ name: key, value: v.string() });
const modifier = { set: v.array(header), add: v.array(header), remove: strings } satisfies Record<
  keyof HeaderModifier,
  unknown
>;
const pathModifier: Shape<PathModifier> = v.object({
  type: v.picklist(['ReplaceFullPath', 'ReplacePrefixMatch']),
  value: v.string(),
});

const filterShape: Shape<Filter> = v.variant('type', [
  v.object({ type: v.literal('RequestHeaderModifier'), ...modifier }),
  v.object({ type: v.literal('ResponseHeaderModifier'), ...modifier }),
  object<RedirectFilter>({
    type: v.literal('RequestRedirect'),
    scheme: v.optional(v.picklist(['http', 'https'])),
    hostname: v.optional(key),
    port: v.optional(port),
    path: v.optional(pathModifier),
    statusCode: v.picklist([301, 302, 303, 307, 308]),
  }),
  v.object({ type: v.literal('URLRewrite'), hostname: v.optional(key), path: v.optional(pathModifier) }),
  object<MirrorFilter>({
    type: v.literal('RequestMirror'),
    backend: key,
    fraction: v.object({ numerator: count, denominator: v.pipe(count, v.minValue(1)) }),
  }),
  object<CorsFilter>({
    type: v.literal('CORS'),
    allowOrigins: strings,
    allowCredentials: v.boolean(),
    allowMethods: strings,
    allowHeaders: strings,
    exposeHeaders: strings,
    maxAge: count,
  }),
  object<DirectAnswerFilter>({
    type: v.literal('DirectAnswer'),
    status: v.pipe(count, v.minValue(200), v.maxValue(599)),
    contentType: v.string(),
    body: v.string(),
  }),
  externalAuth,
]);
const filter: Shape<Filter> = v.pipe(
  filterShape,
  v.check(
    (one) => filterFault(one) === undefined,
    ({ input }) => faultText(filterFault(input as Filter)),
  ),
);

function faultText(fault: FilterFault | undefined): string {
  return fault === undefined ? '' : `${fault.field}: ${fault.message}`;
}

const routeRuleShape = object<RouteRule>({
  kind: v.literal('RouteRule'),
  key,
  route: v.object({
    kind: v.picklist(['HTTPRoute', 'GRPCRoute', 'TLSRoute', 'TCPRoute', 'UDPRoute']),
    namespace: key,
    name: key,
  }),
  index: count,
  name: v.optional(key),
  created: v.string(),
  attachments: v.array(object<Attachment>({ listener: key, hostnames: strings, routeHostnames: v.optional(strings) })),
  matches: v.array(httpMatch),
  filters: v.array(filter),
  backends: v.array(
    object<WeightedBackend>({
      backend: v.optional(key),
      weight: count,
      filters: v.array(filter),
      broken: v.optional(v.string()),
    }),
  ),
  timeouts: v.optional(object<Timeouts>({ request: v.optional(count), backendRequest: v.optional(count) })),
  retry: v.optional(retry),
  sessionPersistence: v.optional(sessionPersistence),
  broken: v.optional(v.string()),
});

const routeRule: Shape<RouteRule> = v.pipe(
  routeRuleShape,
  v.check(
    (rule) => longestAddition(rule) === undefined,
    ({ input }) => `filters: ${longestAddition(input as RouteRule)}`,
  ),
);

/** Whichever of its backends a request goes to. What is broken answers 500, and its filters add nothing. */
function longestAddition({ filters, backends, broken }: RouteRule): string | undefined {
  if (broken !== undefined) return undefined;
  const lists = backends.filter((backend) => backend.broken === undefined).map((backend) => backend.filters);
  for (const list of [[], ...lists]) {
    const fault = additionFault(filters, list);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

const SHAPES: { readonly [K in ConfigKind]: Shape<Extract<ConfigObject, { kind: K }>> } = {
  Listener: listener,
  RouteRule: routeRule,
  Backend: backend,
  Endpoints: endpoints,
  Certificate: certificate,
  TrustBundle: trustBundle,
  Challenge: challenge,
  Credential: credentialShape,
  Policy: policyShape,
};

// Of any kind: a control of another version may know more of them.
const ref = v.object({ kind: key, key });
const envelope = v.object({
  version: v.pipe(count, v.minValue(1)),
  upserts: v.array(v.looseObject({ kind: key, key })),
  removals: v.array(ref),
});

export interface ReceivedDelta {
  delta: Delta;
  /** Objects that were left out of the delta, and why; the message names the field. */
  refused: Array<ConfigRef & { message: string }>;
}

/** Throws a TypeError that names the field where the message is no delta at all. */
export function readDelta(message: unknown): ReceivedDelta {
  const outer = v.safeParse(envelope, message);
  if (!outer.success) throw new TypeError(`not a config delta: ${describe(outer.issues[0])}`);
  const { version, upserts, removals } = outer.output;
  // Also of kinds that nobody here knows: what was said of the object is void.
  const received: ReceivedDelta = { delta: { version, upserts: [], removals: removals as ConfigRef[] }, refused: [] };
  for (const object of upserts) {
    const inner = read(object);
    if (typeof inner !== 'string') received.delta.upserts.push(trimmed(inner));
    else {
      received.refused.push({ kind: object.kind as ConfigKind, key: object.key, message: inner });
      received.delta.upserts.push(...unreadableRule(object, inner), ...unreadablePolicy(object));
    }
  }
  return received;
}

/** The object, or why it is none. */
function read(object: { kind: string }): ConfigObject | string {
  if (!isKind(object.kind)) return `this data plane knows no kind ${object.kind}: it is of an older version`;
  const inner = v.safeParse(SHAPES[object.kind] as Shape<ConfigObject>, object);
  return inner.success ? inner.output : describe(inner.issues[0]);
}

function isKind(kind: string): kind is ConfigKind {
  return Object.hasOwn(SHAPES, kind);
}

const bareRule = v.pick(routeRuleShape, ['kind', 'key', 'route', 'index', 'name', 'created', 'attachments', 'matches']);

/**
 * In the place of a rule that cannot be read, from a control of another version say: what it matches answers 500. It may
 * hold a filter that guards, which nobody here has heard of.
 */
function unreadableRule(object: unknown, message: string): RouteRule[] {
  const bare = v.safeParse(bareRule, object);
  return bare.success ? [{ ...bare.output, filters: [], backends: [], broken: message }] : [];
}

const barePolicy = v.object({ kind: v.literal('Policy'), key, type: v.string(), target: v.object({ kind: key, key }) });

/**
 * In the place of a policy that guards and cannot be read, or is of a type that nobody here has heard of: under a type
 * that there is none of, so that its last good form stays, or what it is for is denied.
 */
function unreadablePolicy(object: unknown): ConfigObject[] {
  const bare = v.safeParse(barePolicy, object);
  if (!bare.success) return [];
  const { type } = bare.output;
  const known = Object.hasOwn(POLICY_TYPES, type) ? POLICY_TYPES[type as Policy['type']] : undefined;
  // Other settings of connections and of backends guard nothing: the last good ones stay, or there are none.
  if (known !== undefined && known.merge !== 'stacked' && !('guards' in known)) return [];
  const standIn = { ...bare.output, type: known === undefined ? type : `unreadable ${type}`, spec: {} };
  return [standIn as unknown as ConfigObject];
}

/** Arrays that valibot filled one by one have room for a dozen more each; these objects stay for long. */
function trimmed<T>(value: T): T {
  if (Array.isArray(value)) return value.map(trimmed) as T;
  if (typeof value !== 'object' || value === null) return value;
  const members = value as Record<string, unknown>;
  for (const name in members) if (typeof members[name] === 'object') members[name] = trimmed(members[name]);
  return value;
}

/** Without what was received, which may be a secret. */
function describe(issue: v.BaseIssue<unknown>): string {
  const what = issue.expected === null ? issue.message : `must be ${issue.expected}`;
  return `${v.getDotPath(issue) ?? 'message'}: ${what}`;
}
