import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { admit } from './admission.ts';
import { fieldName } from './diagnostic.ts';

/** What is said of an object, `field: message` a line; undefined for a foreign kind. */
function saidOf(yaml: string): string[] | undefined {
  const admission = admit(parse(yaml));
  if (admission.verdict === 'foreign') return undefined;
  return admission.problems.map(({ path, severity, message }) => `${severity} ${fieldName(path)}: ${message}`);
}

function admitted(yaml: string): Record<string, unknown> {
  const admission = admit(parse(yaml));
  expect(admission).toMatchObject({ verdict: 'accepted' });
  return (admission as unknown as { resource: Record<string, unknown> }).resource;
}

function core(kind: string, rest: string, name = 'a'): string {
  const apiVersion = kind === 'EndpointSlice' ? 'discovery.k8s.io/v1' : 'v1';
  return `apiVersion: ${apiVersion}\nkind: ${kind}\nmetadata: { name: ${name} }\n${rest}`;
}

describe('old versions', () => {
  const specs: Record<string, string> = {
    GatewayClass: '{ controllerName: example.com/c }',
    Gateway: '{ gatewayClassName: c, listeners: [{ name: a, port: 80, protocol: HTTP }] }',
    HTTPRoute: '{}',
    GRPCRoute: '{}',
    TLSRoute: '{ hostnames: [a.b], rules: [{ backendRefs: [{ name: a, port: 1 }] }] }',
    TCPRoute: '{ rules: [{ backendRefs: [{ name: a, port: 1 }] }] }',
    UDPRoute: '{ rules: [{ backendRefs: [{ name: a, port: 1 }] }] }',
    ReferenceGrant: '{ from: [{ group: a, kind: A, namespace: a }], to: [{ group: "", kind: A }] }',
    BackendTLSPolicy:
      '{ targetRefs: [{ group: "", kind: Service, name: a }], validation: { hostname: a.b, wellKnownCACertificates: System } }',
    XListenerSet: '{ parentRef: { name: a }, listeners: [{ name: a, port: 80, protocol: HTTP }] }',
  };

  test.each([
    ['v1beta1', 'GatewayClass'],
    ['v1beta1', 'Gateway'],
    ['v1beta1', 'HTTPRoute'],
    ['v1beta1', 'ReferenceGrant'],
    ['v1alpha2', 'GRPCRoute'],
    ['v1alpha2', 'TLSRoute'],
    ['v1alpha3', 'TLSRoute'],
    ['v1alpha2', 'TCPRoute'],
    ['v1alpha2', 'UDPRoute'],
    ['v1alpha3', 'BackendTLSPolicy'],
    ['v1alpha1', 'XListenerSet'],
  ])('reads %s %s as v1, with a warning that names the new version', (version, kind) => {
    const group = kind.startsWith('X') ? 'gateway.networking.x-k8s.io' : 'gateway.networking.k8s.io';
    const yaml = `apiVersion: ${group}/${version}\nkind: ${kind}\nmetadata: { name: a }\nspec: ${specs[kind]}`;
    expect(admitted(yaml)).toMatchObject({ apiVersion: 'gateway.networking.k8s.io/v1', kind: kind.replace(/^X/, '') });
    const said = saidOf(yaml);
    expect(said).toHaveLength(1);
    expect(said![0]).toMatch(/^warning apiVersion: .*write (apiVersion )?gateway\.networking\.k8s\.io\/v1$/);
  });

  test('accepts of an old version what only that accepts', () => {
    const rules = 'rules: [{ backendRefs: [{ name: a, port: 1 }] }, { backendRefs: [{ name: b, port: 1 }] }]';
    for (const kind of ['TLSRoute', 'TCPRoute', 'UDPRoute']) {
      const said = (version: string) =>
        saidOf(
          `apiVersion: gateway.networking.k8s.io/${version}\nkind: ${kind}\nmetadata: { name: a }\nspec: { ${rules} }`,
        );
      expect(said('v1alpha2')).toHaveLength(1);
      expect(said('v1')).not.toEqual([]);
    }
  });

  test('refuses versions that nobody knows, and says which one to write', () => {
    expect(saidOf('apiVersion: gateway.networking.k8s.io/v2\nkind: Gateway\nmetadata: { name: a }')).toEqual([
      'error apiVersion: is no version of Gateway that can be read; write gateway.networking.k8s.io/v1',
    ]);
  });

  test('tells kinds of the same name in other groups apart', () => {
    expect(saidOf('apiVersion: networking.istio.io/v1\nkind: Gateway')).toBeUndefined();
    expect(saidOf('apiVersion: serving.knative.dev/v1\nkind: Service')).toBeUndefined();
  });
});

test.each([
  ['no name', core('ConfigMap', '').replace('{ name: a }', '{}'), 'error metadata.name: is required'],
  ['a name in upper case', core('ConfigMap', '', 'A'), 'error metadata.name: must be a DNS name'],
  [
    'a label that is none',
    core('ConfigMap', '').replace('name: a', 'name: a, labels: { a: "b c" }'),
    'error metadata.labels.a: ',
  ],
  [
    'a label key that is none',
    core('ConfigMap', '').replace('name: a', 'name: a, labels: { "a b": c }'),
    'error metadata.labels: has a key',
  ],
  [
    'data that is no string',
    core('ConfigMap', 'data: { a: 1 }'),
    'error data.a: must be a string, not number 1. Put it in quotes',
  ],
  ['a key that is no file name', core('ConfigMap', 'data: { "a/b": c }'), 'error data: has a key that is no file name'],
  [
    'a key in data and binaryData',
    core('ConfigMap', 'data: { a: b }\nbinaryData: { a: Yg== }'),
    'error binaryData: must not repeat',
  ],
  ['data that is no base64', core('Secret', 'data: { a: "not base64" }'), 'error data.a: must be base64'],
  ['a Service without ports', core('Service', 'spec: {}'), 'error spec.ports: is required'],
  [
    'ports without names',
    core('Service', 'spec: { ports: [{ port: 1 }, { port: 2 }] }'),
    'error spec.ports: must each have a name',
  ],
  [
    'a port twice',
    core('Service', 'spec: { ports: [{ port: 1, name: a }, { port: 1, name: b }] }'),
    'error spec.ports: must differ',
  ],
  [
    'ExternalName without the name',
    core('Service', 'spec: { type: ExternalName }'),
    'error spec.externalName: must be a DNS name',
  ],
  ['a Service type with a typo', core('Service', 'spec: { type: ClusterIp }'), 'Did you mean ClusterIP?'],
  ['a slice without addressType', core('EndpointSlice', 'endpoints: []'), 'error addressType: is required'],
  [
    'addresses of another type',
    core('EndpointSlice', 'addressType: IPv6\nendpoints: [{ addresses: [10.0.0.1] }]'),
    'error endpoints: must have addresses',
  ],
  [
    'Endpoints without addresses',
    core('Endpoints', 'subsets: [{ ports: [{ port: 1 }] }]'),
    'error subsets[0]: must have addresses',
  ],
  [
    'an address that is none',
    core('Endpoints', 'subsets: [{ addresses: [{ ip: a }] }]'),
    'error subsets[0].addresses[0].ip: must be an IPv4 or IPv6',
  ],
  ['a namespace with a dot', core('Namespace', '', 'a.b'), 'error metadata.name: must be lower-case letters'],
])('refuses %s', (_, yaml, expected) => {
  expect(saidOf(yaml)?.join('\n')).toContain(expected);
});

test('warns of a TLS secret without its key, and takes it over: its listener says since when another stands in', () => {
  const secret = core('Secret', 'type: kubernetes.io/tls\ndata: { tls.crt: Yg== }');
  expect(saidOf(secret)).toEqual(['warning data: must have tls.key when type is kubernetes.io/tls']);
});

test.each([
  ['a headless Service', core('Service', 'spec: { clusterIP: None }')],
  [
    'an ExternalName Service with a final dot',
    core('Service', 'spec: { type: ExternalName, externalName: example.com. }'),
  ],
  [
    'what an API server adds to a Service',
    core('Service', 'spec: { ports: [{ port: 1, nodePort: 30000 }], ipFamilies: [IPv4] }\nstatus: {}'),
  ],
  ['base64 in several lines', core('Secret', 'data: { a: "YWJj\\nZGVm" }')],
  ['an entry without a value', core('ConfigMap', 'data: { a: }')],
  ['loopback endpoints', core('EndpointSlice', 'addressType: IPv4\nendpoints: [{ addresses: [127.0.0.1] }]')],
  ['fields that servers manage', core('ConfigMap', '').replace('name: a', 'name: a, managedFields: [], uid: x')],
])('accepts %s without a word', (_, yaml) => {
  expect(saidOf(yaml)).toEqual([]);
});

test('merges stringData into data, which it wins over', () => {
  const secret = admitted(core('Secret', 'data: { a: YQ==, b: Yg== }\nstringData: { b: plain }'));
  expect(secret).toMatchObject({ type: 'Opaque', data: { a: 'YQ==', b: Buffer.from('plain').toString('base64') } });
  expect(secret).not.toHaveProperty('stringData');
});

test('labels namespaces with their names', () => {
  expect(admitted(core('Namespace', ''))).toMatchObject({
    metadata: { labels: { 'kubernetes.io/metadata.name': 'a' } },
  });
});

test('prunes unknown fields with a warning', () => {
  const yaml = 'apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: { name: a }\n';
  const spec = 'spec: { hostname: [a], rules: [{ backendRef: [] }], useDefaultGateway: All }';
  expect(saidOf(yaml + spec)).toEqual([
    'warning spec.hostname: is not a field of this object; it is left out. Did you mean hostnames?',
    'warning spec.useDefaultGateway: is not a field of this object; it is left out. Did you mean useDefaultGateways?',
    'warning spec.rules[0].backendRef: is not a field of this object; it is left out. Did you mean backendRefs?',
  ]);
  expect(JSON.stringify(admitted(yaml + spec))).not.toMatch(/useDefaultGateway|hostname|backendRef/);
});

test('of a policy that guards nothing is left out: it is refused, and what it names is guarded', () => {
  const policy = (kind: string, spec: string): string =>
    `apiVersion: policies.daemun.dev/v1alpha1\nkind: ${kind}\nmetadata: { name: a }\nspec: ${spec}`;
  const target = 'targetRefs: [{ group: gateway.networking.k8s.io, kind: HTTPRoute, name: r }]';
  const guard = policy('AccessPolicy', `{ ${target}, maxBodyBytes: 9, denys: [] }`);
  expect(saidOf(guard)).toEqual([
    'error spec.denys: is not a field of this object; this policy guards, and nothing of it is followed until the field is corrected or removed. Did you mean deny?',
  ]);
  expect(admit(parse(guard))).toMatchObject({ verdict: 'refused', guard: { spec: { targetRefs: [{ name: 'r' }] } } });
  const other = policy('ResponsePolicy', `{ ${target}, maintenance: { retryAfter: 9 } }`);
  expect(saidOf(other)).toEqual([expect.stringMatching(/^warning spec.maintenance.retryAfter: .*left out/)]);
  const labelled = guard.replace('denys: []', 'deny: [{ methods: [PUT] }]').replace('name: a', 'name: a, label: {}');
  expect(saidOf(labelled)).toEqual([expect.stringMatching(/^warning metadata.label: .*left out/)]);
});

describe('a guard that cannot be told for certain', () => {
  const head = (apiVersion: string, kind: string): string =>
    `${apiVersion === '' ? '' : `apiVersion: ${apiVersion}\n`}kind: ${kind}\nmetadata: { name: a, namespace: shop }\n`;
  const spec =
    'spec: { targetRefs: [{ group: gateway.networking.k8s.io, kind: HTTPRoute, name: r }], maxBodyBytes: 9 }';

  test.each([
    ['policies.daemun.dev/v1', 'AccessPolicy', 'AccessPolicy'],
    ['', 'AccessPolicy', 'AccessPolicy'],
    ['policies.daemun.dev/v1alpha1', 'AcessPolicy', 'AccessPolicy'],
    ['policies.daemun.dev/v1alpha1', 'authenticationpolicy', 'AuthenticationPolicy'],
    ['policies.daemun.dev/v1alpha1', 'RateLimitPolicies', 'RateLimitPolicy'],
    ['policy.daemun.dev/v1alpha1', 'AccessPolicy', 'AccessPolicy'],
    ['gateway.networking.k8s.io/v1', 'AccessPolicy', 'AccessPolicy'],
  ])('%s %s denies in the place of what it was to guard', (apiVersion, written, kind) => {
    expect(admit(parse(head(apiVersion, written) + spec))).toMatchObject({
      verdict: 'refused',
      key: `${kind}/shop/a`,
      guard: { kind, spec: { targetRefs: [{ name: 'r' }], refused: expect.stringMatching(/^cannot be followed: /) } },
    });
  });

  test('whose field stands in the refusal as everywhere else', () => {
    const deny = 'deny: [{ adresses: [a] }]';
    const target = '{ group: gateway.networking.k8s.io, kind: HTTPRoute, name: r }';
    const text = `${head('policies.daemun.dev/v1alpha1', 'AccessPolicy')}spec: { targetRefs: [${target}], ${deny} }`;
    expect(admit(parse(text))).toMatchObject({
      guard: { spec: { refused: expect.stringMatching(/^cannot be followed: spec\.deny\[0\]/) } },
    });
  });

  test.each([
    ['{ kind: HTTPRoute, name: r }', { group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', name: 'r' }],
    [
      '{ group: gateway.networking.k8s.io/v1, kind: httproute, name: r, sectionName: admin }',
      { group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', name: 'r', sectionName: 'admin' },
    ],
    [
      '{ kind: Gateway, name: edge, sectionName: [http] }',
      { group: 'gateway.networking.k8s.io', kind: 'Gateway', name: 'edge' },
    ],
    ['{ kind: service, name: web }', { group: '', kind: 'Service', name: 'web' }],
  ])('of the target %s guards what was meant', (target, meant) => {
    const text = `${head('policies.daemun.dev/v1alpha1', 'AccessPolicy')}spec: { targetRefs: [${target}], maxBodyBytes: 9 }`;
    const { guard } = admit(parse(text)) as { guard?: { spec: { targetRefs: unknown } } };
    expect(guard?.spec.targetRefs).toEqual([meant]);
  });

  test('what guards nothing stands for nothing', () => {
    for (const kind of ['ResponsPolicy', 'ResponsePolicies']) {
      expect(admit(parse(head('policies.daemun.dev/v1alpha1', kind) + spec))).not.toHaveProperty('guard');
    }
    expect(admit(parse(`${head('policies.daemun.dev/v1alpha1', 'FirewallPolicy')}spec: {}`))).not.toHaveProperty(
      'guard',
    );
  });

  test.each([
    ['policies.daemun.dev/v1alpha1', 'FirewallPolicy', '(FirewallPolicy) a'],
    ['daemun.dev/v2', 'Fire/../wall', '(Firewall) a'],
  ])('of a kind that there is not denies what it names: %s %s', (apiVersion, kind, name) => {
    const admission = admit(parse(head(apiVersion, kind) + spec));
    expect(admission).toMatchObject({
      verdict: 'refused',
      guard: { kind: 'AccessPolicy', metadata: { name }, spec: { targetRefs: [{ name: 'r' }] } },
    });
    expect(admission).toMatchObject({ key: undefined });
  });
});

test.each([
  ['"https://a.example.com/cart"', 'a.example.com: scheme and path are not part of it'],
  ['"a.example.com:8080"', 'a.example.com: port is not part of it'],
  ['A.Example.com.', 'a.example.com'],
  ['“a.example.com”', 'a.example.com'],
])('of the hostname %s it is told what was meant', (written, meant) => {
  const route = `apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: { name: a }\nspec: { hostnames: [${written}] }`;
  expect(saidOf(route)![0]).toMatch(new RegExp(`\\. Write ${meant.replaceAll('.', '\\.')}$`));
});

test('a size is told in bytes', () => {
  const access = (size: string) =>
    saidOf(
      `apiVersion: policies.daemun.dev/v1alpha1\nkind: AccessPolicy\nmetadata: { name: a }\nspec: { targetRefs: [{ group: "", kind: Service, name: r }], maxBodyBytes: ${size} }`,
    );
  expect(access('8m')).toEqual(['error spec.maxBodyBytes: must be a whole number, not the string "8m". Write 8388608']);
  expect(access('64KiB')![0]).toMatch(/Write 65536$/);
  expect(access('many')![0]).toMatch(/"many"$/);
});

describe('policies of our own', () => {
  const ROUTE = '{ group: gateway.networking.k8s.io, kind: HTTPRoute, name: r }';
  const GATEWAY = '{ group: gateway.networking.k8s.io, kind: Gateway, name: gw }';
  const policy = (kind: string, spec: string): string =>
    `apiVersion: policies.daemun.dev/v1alpha1\nkind: ${kind}\nmetadata: { name: a }\nspec: ${spec}`;

  test('are filled in', () => {
    const spec = `{ targetRefs: [${GATEWAY}], proxyProtocol: { trustedSources: [10.0.0.0/8, "2001:db8::/32"] } }`;
    expect(admitted(policy('ClientTrafficPolicy', spec))).toMatchObject({
      apiVersion: 'policies.daemun.dev/v1alpha1',
      spec: { proxyProtocol: { mode: 'Required', trustedSources: ['10.0.0.0/8', '2001:db8::/32'] } },
    });
  });

  test.each([
    ['no target', 'ClientTrafficPolicy', '{ targetRefs: [] }', 'spec.targetRefs: must have'],
    [
      'a Service as target of clients',
      'ClientTrafficPolicy',
      '{ targetRefs: [{ group: "", kind: Service, name: a }] }',
      'spec.targetRefs: must name Gateways or ListenerSets',
    ],
    [
      'a Gateway as target of backends',
      'BackendTrafficPolicy',
      `{ targetRefs: [${GATEWAY}] }`,
      'spec.targetRefs: must name Services',
    ],
    [
      'a source that is no network',
      'ClientTrafficPolicy',
      `{ targetRefs: [${GATEWAY}], proxyProtocol: { trustedSources: [10.0.0.1] } }`,
      'spec.proxyProtocol.trustedSources[0]: must be a network such as',
    ],
    [
      'too many bits',
      'ClientTrafficPolicy',
      `{ targetRefs: [${GATEWAY}], proxyProtocol: { trustedSources: [10.0.0.0/33] } }`,
      'spec.proxyProtocol.trustedSources[0]: must be a network such as',
    ],
    [
      'nobody to trust',
      'ClientTrafficPolicy',
      `{ targetRefs: [${GATEWAY}], proxyProtocol: { mode: Required } }`,
      'spec.proxyProtocol.trustedSources: is required',
    ],
    [
      'another version',
      'BackendTrafficPolicy',
      '{ targetRefs: [{ group: "", kind: Service, name: a }], proxyProtocol: v1 }',
      'spec.proxyProtocol: must be one of V1, V2',
    ],
    [
      'a circuit breaker that lets nothing through',
      'BackendTrafficPolicy',
      '{ targetRefs: [{ group: "", kind: Service, name: a }], circuitBreaker: { maxConnections: 0 } }',
      'spec.circuitBreaker.maxConnections: must be',
    ],
    [
      'another way to balance',
      'BackendTrafficPolicy',
      '{ targetRefs: [{ group: "", kind: Service, name: a }], loadBalancing: { type: Fastest } }',
      'spec.loadBalancing.type: must be one of RoundRobin, LeastRequest',
    ],
    [
      'one network in the place of a list',
      'AccessPolicy',
      `{ targetRefs: [${ROUTE}], allow: [{ addresses: 10.0.0.0/8 }] }`,
      'not the string "10.0.0.0/8". Write [10.0.0.0/8]',
    ],
    [
      'an object in the place of a list',
      'AccessPolicy',
      `{ targetRefs: [${ROUTE}], allow: { addresses: [10.0.0.0/8] } }`,
      'not an object. Write "- " before its first line',
    ],
    [
      'text for a path',
      'AccessPolicy',
      `{ targetRefs: [${ROUTE}], deny: [{ paths: [/admin] }] }`,
      'not the string "/admin". Write { value: /admin }',
    ],
    [
      'text for a Secret',
      'AuthenticationPolicy',
      `{ targetRefs: [${ROUTE}], methods: [{ basic: { secretRef: people } }] }`,
      'not the string "people". Write { name: people }',
    ],
    [
      'a number in quotes',
      'RateLimitPolicy',
      `{ targetRefs: [${ROUTE}], limits: [{ requests: "5", per: Second }] }`,
      'must be a whole number, not the string "5". Take it out of its quotes',
    ],
    [
      'a namespace for a target',
      'AccessPolicy',
      '{ targetRefs: [{ group: gateway.networking.k8s.io, kind: HTTPRoute, name: r, namespace: shop }], maxBodyBytes: 9 }',
      'spec.targetRefs[0].namespace: is not a field of this object; this policy guards, and nothing of it is followed until the field is corrected or removed. A policy acts in its own namespace',
    ],
    [
      'true for a word',
      'ClientTrafficPolicy',
      `{ targetRefs: [${GATEWAY}], clientCertificates: { caCertificateRefs: [], forward: { nginxHeaders: true } } }`,
      'spec.clientCertificates.forward.nginxHeaders: must be one of Names, Certificate, not boolean true',
    ],
  ])('are refused with %s', (_, kind, spec, expected) => {
    expect(saidOf(policy(kind, spec))?.join('\n')).toContain(expected);
  });

  test('are told apart from those of other projects', () => {
    expect(saidOf('apiVersion: gateway.envoyproxy.io/v1alpha1\nkind: ClientTrafficPolicy')).toBeUndefined();
  });
});

describe('kinds that nobody has', () => {
  test.each([
    ['gateway.networking.k8s.io/v1', 'HttpRoute', 'apiVersion: gateway.networking.k8s.io/v1, kind: HTTPRoute'],
    ['gateway.networking.k8s.io/v1', 'HTTPRoutes', 'apiVersion: gateway.networking.k8s.io/v1, kind: HTTPRoute'],
    ['gateway.networking.k8s.io/v1', 'Gatewy', 'apiVersion: gateway.networking.k8s.io/v1, kind: Gateway'],
    ['networking.k8s.io/v1', 'HTTPRoute', 'apiVersion: gateway.networking.k8s.io/v1, kind: HTTPRoute'],
    ['networking.k8s.io/v1', 'Gateway', 'apiVersion: gateway.networking.k8s.io/v1, kind: Gateway'],
    ['v1', 'EndpointSlice', 'apiVersion: discovery.k8s.io/v1, kind: EndpointSlice'],
    ['apps/v1', 'Service', 'apiVersion: v1, kind: Service'],
    ['v1', 'configmap', 'apiVersion: v1, kind: ConfigMap'],
  ])('%s %s is told as a slip', (apiVersion, kind, meant) => {
    const [said, ...others] = saidOf(`apiVersion: ${apiVersion}\nkind: ${kind}\nmetadata: { name: a }`)!;
    expect(said).toMatch(/^error kind: .* is no kind that Kubernetes has; did you mean /);
    expect(said).toContain(meant);
    expect(others).toEqual([]);
  });

  test.each([
    ['policies.daemun.dev/v1alpha1', 'AuthenticationPolcy', /kind: AuthenticationPolicy\?$/],
    ['policies.daemun.dev/v1alpha1', 'HTTPRoute', /apiVersion: gateway.networking.k8s.io\/v1, kind: HTTPRoute\?$/],
    ['policies.daemun.dev/v1alpha1', 'FirewallRules', /one of .*\bAccessPolicy, .*\bResponsePolicy/],
    ['gateway.daemun.dev/v1alpha1', 'Settings', /one of DaemunParameters\?$/],
  ])('%s %s is told, since what it was to guard is open', (apiVersion, kind, meant) => {
    const [said, ...others] = saidOf(`apiVersion: ${apiVersion}\nkind: ${kind}\nmetadata: { name: a }`)!;
    expect(said).toMatch(/^error kind: .* is no kind that this gateway has; did you mean /);
    expect(said).toMatch(meant);
    expect(others).toEqual([]);
  });

  test.each([
    ['v1', 'ServiceAccount'],
    ['v1', 'Pod'],
    ['apps/v1', 'Deployment'],
    ['networking.k8s.io/v1', 'Ingress'],
    ['networking.istio.io/v1', 'Gateway'],
    ['gateway.networking.x-k8s.io/v1alpha1', 'XMesh'],
    ['gateway.envoyproxy.io/v1alpha1', 'BackendTrafficPolicy'],
  ])('%s %s is somebody else’s', (apiVersion, kind) => {
    expect(saidOf(`apiVersion: ${apiVersion}\nkind: ${kind}\nmetadata: { name: a }`)).toBeUndefined();
  });
});

describe('listeners', () => {
  const gateway = (listeners: string) =>
    saidOf(
      `apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: { name: a }\nspec: { gatewayClassName: c, listeners: [${listeners}] }`,
    );

  test('two without a name are told that they need one, and nothing else', () => {
    expect(gateway('{ port: 80, protocol: HTTP }, { port: 81, protocol: HTTP }')).toEqual([
      'error spec.listeners[0].name: is required',
      'error spec.listeners[1].name: is required',
    ]);
  });

  test('of two that nothing tells apart both are named', () => {
    const said = gateway(
      '{ name: one, port: 80, protocol: HTTP }, { name: b, port: 81, protocol: HTTP }, { name: two, port: 80, protocol: HTTP }',
    );
    expect(said).toEqual([
      'error spec.listeners: must differ in port, protocol or hostname, and one and two do not; change one of them',
    ]);
  });
});
