/** Whatever translation lets through, the data plane takes: it compiles every rule, certificate and bundle of it. */
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type AnyResource, apiVersionOf, type Kind } from '../../src/api/index.ts';
import { readDelta } from '../../src/config/index.ts';
import { createProxy, type Proxy } from '../../src/proxy/index.ts';
import { translate } from '../../src/translate/index.ts';

let proxy: Proxy;
let version = 0;
beforeAll(() => {
  proxy = createProxy({ name: 'p', bind: ['127.0.0.1'], portMap: new Map(), reusePort: false, trustedHops: [] });
});
afterAll(() => proxy.drain(1_000));

const NAMES = ['a', 'b', 'c'];
const name = fc.constantFrom(...NAMES);

function object(kind: Kind, named: string, rest: object): AnyResource {
  const metadata = { namespace: 'default', name: named };
  return { apiVersion: apiVersionOf(kind), kind, metadata, ...rest } as unknown as AnyResource;
}

/** Mostly what people write, and now and then anything at all. */
function text(...usual: string[]): fc.Arbitrary<string> {
  return fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom(...usual) },
    { weight: 1, arbitrary: fc.string({ minLength: 1 }) },
  );
}

const header = text(
  'X-A',
  'host',
  'Host',
  'TE',
  'Connection',
  'content-length',
  'keep-alive',
  'Proxy-Connection',
  'a b',
);
const line = fc.record({ name: header, value: text('x', 'a\r\nb', 'a.example:80', 'a\0', ' ', '대문\n', '\x7f') });
const lines = fc.array(line, { maxLength: 3 });
const modifier = fc.record(
  { set: lines, add: lines, remove: fc.array(header, { maxLength: 2 }) },
  { requiredKeys: [] },
);
const hostname = text('a.example', 'a.example:80', 'a/b', 'a\r\nb', '*.example');
const pathModifier = fc.oneof(
  fc.record({ type: fc.constant('ReplaceFullPath'), replaceFullPath: text('/', '', 'x', '/a b', '/\r\n') }),
  fc.record({ type: fc.constant('ReplacePrefixMatch'), replacePrefixMatch: text('/', '', 'x', '/a b', '/\r\n') }),
);
const words = fc.array(text('GET', '*', 'x-a', 'a,b', 'a\r\nb'), { maxLength: 3 });
const cors = fc.record(
  {
    allowOrigins: fc.array(text('*', 'https://a.example', 'https://*.example:8443', 'x', 'a\r\nb'), { maxLength: 2 }),
    allowMethods: words,
    allowHeaders: words,
    exposeHeaders: words,
    allowCredentials: fc.boolean(),
  },
  { requiredKeys: [] },
);
const reference = fc.record({ name, port: fc.constantFrom(80, 81), weight: fc.nat(3) });
const filter = fc.oneof(
  fc.record({ type: fc.constant('RequestHeaderModifier'), requestHeaderModifier: modifier }),
  fc.record({ type: fc.constant('ResponseHeaderModifier'), responseHeaderModifier: modifier }),
  fc.record({
    type: fc.constant('RequestRedirect'),
    requestRedirect: fc.record({ hostname, path: pathModifier }, { requiredKeys: [] }),
  }),
  fc.record({
    type: fc.constant('URLRewrite'),
    urlRewrite: fc.record({ hostname, path: pathModifier }, { requiredKeys: [] }),
  }),
  fc.record({ type: fc.constant('RequestMirror'), requestMirror: fc.record({ backendRef: reference }) }),
  fc.record({ type: fc.constant('CORS'), cors }),
  fc.record({ type: fc.constant('ExtensionRef'), extensionRef: fc.record({ group: name, kind: name, name }) }),
);
const kindOfMatch = fc.constantFrom('Exact', 'RegularExpression');
const valueMatches = fc.array(
  fc.record({ type: kindOfMatch, name: header, value: text('x', '[', 'a+', '(?=a)', '\0') }),
  {
    maxLength: 3,
  },
);
const match = fc.record(
  {
    path: fc.record({
      type: fc.constantFrom('Exact', 'PathPrefix', 'RegularExpression'),
      value: text('/', '/a', '', 'a', '/a(', '(?!a)', '/a%2Fb', '/é'),
    }),
    method: text('GET', 'get', 'A B'),
    headers: valueMatches,
    queryParams: valueMatches,
  },
  { requiredKeys: [] },
);
const duration = text('1s', '0s', '99999h', 'x', '');
const rule = fc.record(
  {
    matches: fc.array(match, { maxLength: 3 }),
    filters: fc.array(filter, { maxLength: 3 }),
    backendRefs: fc.array(
      fc.tuple(reference, fc.array(filter, { maxLength: 2 })).map(([ref, filters]) => ({ ...ref, filters })),
      { maxLength: 3 },
    ),
    timeouts: fc.record({ request: duration, backendRequest: duration }, { requiredKeys: [] }),
    retry: fc.record({ attempts: fc.nat(3), backoff: duration, codes: fc.array(fc.constantFrom(500, 503)) }),
  },
  { requiredKeys: [] },
);
const grpcRule = fc.record(
  {
    matches: fc.array(
      fc.record(
        {
          method: fc.record(
            { type: kindOfMatch, service: text('a.B', '(', '*'), method: text('M', '[', 'a/b') },
            { requiredKeys: ['type'] },
          ),
          headers: valueMatches,
        },
        { requiredKeys: [] },
      ),
      { maxLength: 2 },
    ),
    filters: fc.array(filter, { maxLength: 2 }),
    backendRefs: fc.array(reference, { maxLength: 2 }),
  },
  { requiredKeys: [] },
);
const parentRefs = [{ group: 'gateway.networking.k8s.io', kind: 'Gateway', name: 'gw' }];

function routes(kind: Kind, rules: fc.Arbitrary<object>): fc.Arbitrary<AnyResource> {
  return fc
    .tuple(
      name,
      fc.array(rules, { minLength: 1, maxLength: 3 }),
      fc.array(text('a.example', '*.example', 'A b'), { maxLength: 2 }),
    )
    .map(([named, list, hostnames]) => object(kind, named, { spec: { parentRefs, hostnames, rules: list } }));
}

const base64 = (value: string): string => Buffer.from(value).toString('base64');
const pem = text('', '-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n').map(base64);
const secret = fc
  .tuple(name, fc.record({ 'tls.crt': pem, 'tls.key': pem, 'ca.crt': pem }, { requiredKeys: [] }))
  .map(([named, data]) => object('Secret', named, { type: 'kubernetes.io/tls', data }));
const configMap = fc.tuple(name, pem).map(([named, ca]) => object('ConfigMap', named, { data: { 'ca.crt': ca } }));
const service = fc
  .tuple(name, text('kubernetes.io/h2c', 'kubernetes.io/x', 'http', ''), fc.constantFrom('ClusterIP', 'ExternalName'))
  .map(([named, appProtocol, type]) =>
    object('Service', named, {
      spec: { type, externalName: 'x.example', ports: [{ port: 80, protocol: 'TCP', appProtocol }] },
    }),
  );
const policies = fc.oneof(
  fc.tuple(name, name, hostname).map(([named, target, host]) =>
    object('BackendTLSPolicy', named, {
      spec: {
        targetRefs: [{ group: '', kind: 'Service', name: target }],
        validation: { hostname: host, caCertificateRefs: [{ group: '', kind: 'ConfigMap', name: 'a' }] },
      },
    }),
  ),
  fc.tuple(name, name).map(([named, target]) =>
    object('BackendTrafficPolicy', named, {
      spec: { targetRefs: [{ group: '', kind: 'Service', name: target }], proxyProtocol: 'V2' },
    }),
  ),
  name.map((named) =>
    object('ClientTrafficPolicy', named, {
      spec: { targetRefs: parentRefs, proxyProtocol: { mode: 'Required', trustedSources: ['10.0.0.0/8'] } },
    }),
  ),
);
const listener = fc.record({
  name,
  port: fc.integer({ min: 1, max: 65535 }),
  protocol: fc.constantFrom('HTTP', 'HTTPS', 'TLS', 'TCP', 'UDP', 'X'),
  hostname: fc.option(hostname, { nil: undefined }),
  tls: fc.record({
    mode: fc.constantFrom('Terminate', 'Passthrough'),
    certificateRefs: fc.array(fc.record({ group: fc.constant(''), kind: fc.constant('Secret'), name }), {
      maxLength: 2,
    }),
  }),
  allowedRoutes: fc.constant({ namespaces: { from: 'All' } }),
});
const gateway = fc
  .array(listener, { minLength: 1, maxLength: 3 })
  .map((listeners) => object('Gateway', 'gw', { spec: { gatewayClassName: 'c', listeners } }));
const gatewayClass = object('GatewayClass', 'c', { spec: { controllerName: 'example.com/any' } });
const world = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: routes('HTTPRoute', rule) },
    { weight: 2, arbitrary: routes('GRPCRoute', grpcRule) },
    {
      weight: 1,
      arbitrary: fc.constantFrom<Kind>('TLSRoute', 'TCPRoute', 'UDPRoute').chain((kind) => routes(kind, rule)),
    },
    { weight: 3, arbitrary: service },
    { weight: 1, arbitrary: secret },
    { weight: 1, arbitrary: configMap },
    { weight: 1, arbitrary: policies },
  ),
  { minLength: 2, maxLength: 10 },
);
const open = { name: 'open', port: 80, protocol: 'HTTP', allowedRoutes: { namespaces: { from: 'All' } } };
const plain = object('Gateway', 'gw', { spec: { gatewayClassName: 'c', listeners: [open] } });

test('translated objects pass validation and compile', async () => {
  const gateways = fc.oneof({ weight: 3, arbitrary: fc.constant(plain) }, { weight: 1, arbitrary: gateway });
  await fc.assert(
    fc.asyncProperty(world, gateways, async (objects, gw) => {
      const { config } = translate([gatewayClass, gw, ...objects], { shared: true });
      const { delta, refused } = readDelta(
        JSON.parse(JSON.stringify({ version: ++version, upserts: config, removals: [] })),
      );
      expect(refused).toEqual([]);
      // Without listeners: what is asked is whether the objects can be used, not whether ports are free.
      const upserts = delta.upserts.filter(({ kind }) => kind !== 'Listener' && kind !== 'Endpoints');
      const { rejected } = await proxy.apply({ ...delta, upserts });
      expect(rejected).toEqual([]);
      const removals = upserts.map(({ kind, key }) => ({ kind, key }));
      await proxy.apply({ version: ++version, upserts: [], removals });
    }),
    { numRuns: 300 },
  );
});
