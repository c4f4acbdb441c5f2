/** What is written in the place of other gateways' objects: each field is told, and all that is written is admitted. */
import { describe, expect, test } from 'vitest';
import { parseAllDocuments, stringify } from 'yaml';
import type { AnyResource } from '../../src/api/index.ts';
import { admit } from '../../src/sources/admission.ts';
import { translate } from '../../src/translate/index.ts';
import type { JsonObject } from '../../src/value/json-object.ts';
import { foreignObject, suggestions } from '../../src/vendor/index.ts';
import { NOBODY } from '../../src/vendor/ours.ts';
import { CASE_NAMES, goldenOf, suggested } from './suggested.ts';

describe.each(CASE_NAMES)('%s', (name) => {
  const { lines, objects, manifests } = suggested(name);

  test('field by field', async () => {
    const told = lines.map(
      ({ object, field, fate, ours, why }) => `${fate} ${object} ${field}: ${[ours, why].filter(Boolean).join('; ')}`,
    );
    await expect(
      stringify({ lines: told, objects }, { lineWidth: 0, aliasDuplicateObjects: false }),
    ).toMatchFileSnapshot(goldenOf(name));
  });

  test('what is written is admitted as it is', () => {
    expect(objects.length).toBeGreaterThan(0);
    for (const object of objects) {
      const admission = admit(object);
      expect(admission).toMatchObject({ verdict: 'accepted', problems: [] });
      if (admission.verdict === 'accepted') expect(admission.resource).toEqual(object);
    }
  });

  test('check accepts it, and nothing of the other gateway is left', () => {
    const resources = parseAllDocuments(manifests).map((document) => document.toJS() as AnyResource);
    const { diagnostics } = translate(resources, { shared: true });
    const errors = diagnostics.filter(
      ({ severity, message }) => severity === 'error' && !EXPECTED.some((one) => message.includes(one)),
    );
    expect(errors).toEqual([]);
    expect(manifests).not.toMatch(/gateway\.(nginx\.org|envoyproxy\.io)|konghq\.com\/(?!credential)/);
  });
});

test.each([
  { 'konghq.com/plugins': 'nobody-knows-it' },
  { 'konghq.com/headers.x-a': '' },
  { 'konghq.com/snis': 'other.example' },
  { 'konghq.com/methods': 'get' },
])('a route of Kong that is refused is not written anew, which would open it: %j', (annotations) => {
  const route = {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'HTTPRoute',
    metadata: { name: 'closed', namespace: 'default', annotations },
    spec: { hostnames: ['a.example'], rules: [{ backendRefs: [{ name: 'web', port: 80 }] }] },
  };
  const { lines, objects } = suggested('kong', [route]);
  expect(objects.map(({ metadata }) => metadata.name)).not.toContain('closed');
  expect(lines).toContainEqual(
    expect.objectContaining({ object: 'HTTPRoute default/closed', field: Object.keys(annotations)[0], fate: 'Lost' }),
  );
});

describe('routes of Kong, written anew,', () => {
  const gateway = (name: string, ...protocols: string[]): JsonObject => ({
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'Gateway',
    metadata: { name, namespace: 'default' },
    spec: {
      gatewayClassName: 'kong',
      listeners: protocols.map((protocol, at) => ({ name: protocol.toLowerCase(), port: 80 + at, protocol })),
    },
  });
  const routeOf = (name: string, parent: string, annotations: Record<string, string>): JsonObject => ({
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'HTTPRoute',
    metadata: { name, namespace: 'default', annotations },
    spec: { parentRefs: [{ name: parent }], rules: [{ backendRefs: [{ name: 'sold', port: 80 }] }] },
  });
  const moved = (name: string): JsonObject => ({
    apiVersion: 'configuration.konghq.com/v1',
    kind: 'KongPlugin',
    metadata: { name, namespace: 'default' },
    plugin: 'redirect',
    config: { location: 'https://shop.example/sale' },
  });
  const sold = (annotations: Record<string, string>): JsonObject => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'sold', namespace: 'default', annotations },
    spec: { ports: [{ port: 80 }] },
  });
  const written = (name: string, ...also: JsonObject[]) =>
    suggested('kong', also).objects.find(({ kind, metadata }) => kind === 'HTTPRoute' && metadata.name === name);

  test.each([
    ['the route', { 'konghq.com/plugins': 'moved' }, {}],
    ['its Service', {}, { 'konghq.com/plugins': 'moved' }],
  ])('have no backends beside a redirect of %s, and are admitted', (_, ofRoute, ofService) => {
    const one = written(
      'gone',
      gateway('plain', 'HTTP'),
      moved('moved'),
      sold(ofService),
      routeOf('gone', 'plain', ofRoute),
    );
    expect(one).toMatchObject({ spec: { rules: [{ filters: [{ type: 'RequestRedirect' }] }] } });
    expect(one).not.toHaveProperty('spec.rules[0].backendRefs');
    expect(admit(one)).toMatchObject({ verdict: 'accepted', problems: [] });
  });

  test.each([
    [['HTTP'], []],
    [['HTTP', 'HTTPS'], [{ sectionName: 'https' }]],
  ])('that ask for TLS are on none but its listeners: %j', (protocols, parents) => {
    const all = [
      gateway('mixed', ...protocols),
      sold({}),
      routeOf('secret', 'mixed', { 'konghq.com/protocols': 'https' }),
    ];
    const one = written('secret', ...all) as { spec: { parentRefs: object[] } };
    expect(one.spec.parentRefs).toHaveLength(parents.length);
    expect(one).toMatchObject({ spec: { parentRefs: parents } });
    expect(written('secret-without-tls', ...all)).toMatchObject({ spec: { parentRefs: [{ sectionName: 'http' }] } });
    expect(admit(one)).toMatchObject({ verdict: 'accepted', problems: [] });
  });

  test('are left as they are where nobody knows which of their listeners have TLS', () => {
    const all = [sold({}), routeOf('secret', 'elsewhere', { 'konghq.com/protocols': 'https' })];
    expect(written('secret', ...all)).toBeUndefined();
    expect(suggested('kong', all).lines).toContainEqual(
      expect.objectContaining({ object: 'HTTPRoute default/secret', field: 'konghq.com/protocols', fate: 'Lost' }),
    );
  });
});

test('what a Service of Kong asks of connections becomes a policy of it, field by field', () => {
  const annotations = {
    'konghq.com/connect-timeout': '5000',
    'konghq.com/read-timeout': '3600001',
    'konghq.com/write-timeout': 'soon',
    'konghq.com/retries': '3',
    'konghq.com/protocol': 'grpcs',
  };
  const service = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'timed', namespace: 'default', annotations },
    spec: { ports: [{ port: 80 }] },
  };
  const { lines, objects } = suggested('kong', [service]);
  const policy = objects.find(({ kind }) => kind === 'BackendTrafficPolicy');
  expect(policy).toMatchObject({
    metadata: { name: 'timed' },
    spec: {
      targetRefs: [{ group: '', kind: 'Service', name: 'timed' }],
      timeouts: { connect: '5s', read: '1h1ms' },
      retry: { attempts: 3 },
      httpVersion: 'HTTP2',
      tls: { verification: 'Disabled' },
    },
  });
  expect(admit(policy)).toMatchObject({ verdict: 'accepted', problems: [], resource: policy });
  const told = lines
    .filter(({ object }) => object === 'Service default/timed')
    .map(({ fate, field }) => `${fate} ${field}`);
  expect(told.sort()).toEqual([
    'Differs konghq.com/protocol',
    'Differs konghq.com/write-timeout',
    'Same konghq.com/connect-timeout',
    'Same konghq.com/read-timeout',
    'Same konghq.com/retries',
  ]);
});

test('a certificate that Kong shows goes with TLS, and a KongUpstreamPolicy is told with what to write', () => {
  const annotations = {
    'konghq.com/protocol': 'https',
    'konghq.com/client-cert': 'shown',
    'konghq.com/upstream-policy': 'sticky',
  };
  const service = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'secure', namespace: 'default', annotations },
    spec: { ports: [{ port: 443 }] },
  };
  const { lines, objects } = suggested('kong', [service]);
  expect(
    objects.find(({ kind, metadata }) => kind === 'BackendTrafficPolicy' && metadata.name === 'secure'),
  ).toMatchObject({
    spec: { tls: { verification: 'Disabled', clientCertificateRef: { name: 'shown' } } },
  });
  const told = lines.filter(({ object }) => object === 'Service default/secure');
  expect(told).toContainEqual(
    expect.objectContaining({
      fate: 'Same',
      field: 'konghq.com/client-cert',
      ours: expect.stringContaining('tls.clientCertificateRef'),
    }),
  );
  const upstream = told.find(({ field }) => field === 'konghq.com/upstream-policy')!;
  expect(upstream.why).toContain('{ kind: BackendTrafficPolicy, spec: { targetRefs: [');
  expect(upstream.why).toContain('name: secure');
});

const ENVOY = 'gateway.envoyproxy.io/v1alpha1';
const SHOP = [{ group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', name: 'shop' }];

function suggestedFor(apiVersion: string, kind: string, spec: object) {
  const metadata = { name: 'one', namespace: 'default' };
  return suggestions([], [foreignObject({ apiVersion, kind, metadata, spec } as unknown as JsonObject)!]);
}

describe('fields of Envoy Gateway that nobody knows yet', () => {
  const access = (spec: object) =>
    suggestedFor(ENVOY, 'SecurityPolicy', { targetRefs: SHOP, ...spec }).objects.find(
      ({ kind }) => kind === 'AccessPolicy',
    );
  const key = { credentialRefs: [{ name: 'keys' }], extractFrom: [{ headers: ['x-key'] }] };
  const near = { action: 'Allow', principal: { clientCIDRs: ['10.0.0.0/8'] } };
  const strange = { action: 'Allow', principal: { tomorrow: 1 } };

  test.each([
    ['a rule that allows', { authorization: { rules: [strange] } }],
    ['what asks', { apiKeyAuth: { ...key, tomorrow: 1 } }],
    ['rules as a whole', { authorization: { rules: [near], tomorrow: 1 } }],
    ['the policy', { apiKeyAuth: key, tomorrow: {} }],
    ['the policy alone', { tomorrow: {} }],
  ])('let nobody in: of %s', (_, spec) => {
    expect(access(spec)).toMatchObject({ spec: { allow: NOBODY } });
  });

  test('leave the other rules as they are, and have a rule that denies take more', () => {
    expect(access({ authorization: { rules: [near, strange] } })).toMatchObject({
      spec: { allow: [{ addresses: ['10.0.0.0/8'] }] },
    });
    const deny = { action: 'Deny', principal: { tomorrow: 1 } };
    expect(access({ authorization: { defaultAction: 'Allow', rules: [deny] } })).toMatchObject({
      spec: { deny: [{ cel: 'true' }] },
    });
  });

  test('write no limit, which would count everybody', () => {
    const rules = [{ limit: { requests: 1, unit: 'Hour' }, clientSelectors: [{ tomorrow: 1 }] }];
    const limited = (asked: object[]) =>
      suggestedFor(ENVOY, 'BackendTrafficPolicy', { targetRefs: SHOP, rateLimit: { local: { rules: asked } } }).objects;
    expect(limited(rules)).toEqual([]);
    expect(limited([{ limit: { requests: 1, unit: 'Hour' } }])).toHaveLength(1);
  });
});

test('a filter of NGINX Gateway Fabric with a field that nobody knows stays in its routes', () => {
  const filter = (more: object): JsonObject => ({
    apiVersion: 'gateway.nginx.org/v1alpha1',
    kind: 'AuthenticationFilter',
    metadata: { name: 'tomorrow', namespace: 'default' },
    spec: { type: 'Basic', basic: { secretRef: { name: 'users' }, ...more } },
  });
  const extensionRef = { group: 'gateway.nginx.org', kind: 'AuthenticationFilter', name: 'tomorrow' };
  const route = {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'HTTPRoute',
    metadata: { name: 'guarded', namespace: 'default' },
    spec: { rules: [{ filters: [{ type: 'ExtensionRef', extensionRef }], backendRefs: [{ name: 'web', port: 80 }] }] },
  };
  const written = (more: object) =>
    suggested('nginx', [filter(more), route])
      .objects.map(({ metadata }) => metadata.name)
      .filter((name) => name === 'tomorrow' || name === 'guarded')
      .sort();
  expect(written({})).toEqual(['guarded', 'tomorrow']);
  expect(written({ strange: 1 })).toEqual([]);
});

describe('a limit that counts by what not all requests have', () => {
  const some = (name: string, value: string) => ({ type: 'RegularExpression', name, value });
  const limitOf = (apiVersion: string, kind: string, spec: object) =>
    suggestedFor(apiVersion, kind, { targetRefs: SHOP, ...spec }).objects.map(
      (one) => (one as unknown as { spec: { limits: object[] } }).spec.limits[0],
    );
  const ofNginx = (key: string) => {
    const rateLimit = { local: { rules: [{ rate: '1r/m', key }] } };
    return limitOf('gateway.nginx.org/v1alpha1', 'RateLimitPolicy', { rateLimit });
  };

  test.each([
    ['$http_x_key', [{ headers: [some('x-key', '^.+$')] }]],
    ['$arg_k', [{ queryParams: [some('k', '^.+$')] }]],
    ['$cookie_sid', [{ headers: [some('cookie', '^(?:.*; *)?sid=[^;].*$')] }]],
    ['$arg_k$http_x_key', [{ queryParams: [some('k', '^.+$')] }, { headers: [some('x-key', '^.+$')] }]],
  ])('counts nobody whose key is empty, as nginx: %s', (key, when) => {
    expect(ofNginx(key)).toMatchObject([{ requests: 1, when }]);
  });

  test.each(['$binary_remote_addr', '$binary_remote_addr$http_x_key', '$host'])('and everybody by %s', (key) => {
    const [limit] = ofNginx(key);
    expect(limit).toMatchObject({ requests: 1 });
    expect(limit).not.toHaveProperty('when');
  });

  test.each([
    ['headers', 'Header', 'x-user'],
    ['queryParams', 'Query', 'user'],
  ])('counts only requests that have it, as Envoy: %s', (list, type, name) => {
    const clientSelectors = [{ [list]: [{ type: 'Distinct', name }] }];
    const rateLimit = { local: { rules: [{ limit: { requests: 1, unit: 'Hour' }, clientSelectors }] } };
    expect(limitOf(ENVOY, 'BackendTrafficPolicy', { rateLimit })).toMatchObject([
      { key: [{ type, name }], when: [{ [list]: [some(name, '^.*$')] }] },
    ]);
  });
});

test.each([
  ['RejectRequest', 'Same', 1],
  ['KeepUnchanged', 'Same', 0],
  ['UnescapeAndRedirect', 'Lost', 0],
  ['UnescapeAndForward', 'Lost', 0],
])('escaped slashes of Envoy Gateway: %s', (action, fate, guards) => {
  const targetRefs = [{ group: 'gateway.networking.k8s.io', kind: 'Gateway', name: 'gw' }];
  const path = { escapedSlashesAction: action };
  const { lines, objects } = suggestedFor(ENVOY, 'ClientTrafficPolicy', { targetRefs, path });
  expect(lines).toMatchObject([{ field: 'spec.path.escapedSlashesAction', fate }]);
  expect(objects.map(({ kind }) => kind)).toEqual(guards === 1 ? ['AccessPolicy'] : []);
  for (const one of objects) expect(admit(one)).toMatchObject({ verdict: 'accepted', problems: [] });
});

describe('what Envoy Gateway asks of traffic', () => {
  const traffic = (spec: object) => {
    const { lines, objects } = suggestedFor(ENVOY, 'BackendTrafficPolicy', { targetRefs: SHOP, ...spec });
    return { lines, spec: (objects[0] as { spec?: object } | undefined)?.spec };
  };

  test('a fault that is no error is told, and no fault is written that would not be taken', () => {
    const { lines, spec } = traffic({ faultInjection: { abort: { httpStatus: 200, percentage: 50 } } });
    expect(spec).not.toHaveProperty('abort.statusCode');
    expect(lines).toContainEqual(
      expect.objectContaining({ fate: 'Lost', field: 'spec.faultInjection.abort.httpStatus' }),
    );
  });

  test.each([
    [0.2, 1, 'Differs'],
    [2.5, 3, 'Differs'],
    [0, 0, 'Same'],
    [7, 7, 'Same'],
  ])('a fault of %d %% is one of %d', (percentage, whole, fate) => {
    const { lines, spec } = traffic({ faultInjection: { abort: { httpStatus: 503, percentage } } });
    expect(spec).toMatchObject({ abort: { statusCode: 503, percentage: whole } });
    expect(lines).toContainEqual(expect.objectContaining({ fate, field: 'spec.faultInjection.abort.percentage' }));
  });

  test('compression begins at 30 bytes where nobody says, and with the least of several', () => {
    const bytes = (...compression: object[]) => traffic({ compression }).spec;
    expect(bytes({ type: 'Gzip' })).toMatchObject({ compression: { minimumBytes: 30 } });
    expect(bytes({ type: 'Gzip', minContentLength: '1Ki' })).toMatchObject({ compression: { minimumBytes: 1024 } });
    expect(bytes({ type: 'Gzip', minContentLength: '1Ki' }, { type: 'Brotli' })).toMatchObject({
      compression: { minimumBytes: 30 },
    });
  });
});

test('limits of connections are of each endpoint here, and the lesser of two counts', () => {
  const circuitBreaker = { maxConnections: 100, perEndpoint: { maxConnections: 7 } };
  const metadata = { name: 'few', namespace: 'default' };
  const { lines, objects } = suggested('envoy-routes', [
    { apiVersion: ENVOY, kind: 'BackendTrafficPolicy', metadata, spec: { targetRefs: SHOP, circuitBreaker } },
  ]);
  const policy = objects.find(({ kind, metadata: { name } }) => kind === 'BackendTrafficPolicy' && name === 'few');
  expect(policy).toMatchObject({ spec: { circuitBreaker: { maxConnections: 7 } } });
  const told = lines.filter(({ object }) => object.endsWith('/few')).map(({ fate, field }) => `${fate} ${field}`);
  expect(told).toEqual(
    expect.arrayContaining([
      'Differs spec.circuitBreaker.maxConnections',
      'Same spec.circuitBreaker.perEndpoint.maxConnections',
    ]),
  );
});

/** What the cases do not have. */
const EXPECTED = [
  'Secret default/pair does not exist',
  'Secret default/login does not exist',
  'ConfigMap default/keys does not exist',
  'ConfigMap default/clients-ca does not exist',
  'Secret default/revoked does not exist',
];
