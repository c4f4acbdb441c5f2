/** What a data plane cannot use of a policy shows in the policy's status, until it can. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import type { Condition, PolicyStatus } from '../../src/api/index.ts';
import type { ConfigObject } from '../../src/config/index.ts';
import { Control, type Report } from '../../src/control/index.ts';
import { MemoryFleet } from '../../src/delivery/index.ts';
import { createLog } from '../../src/observe/index.ts';
import { fileSource } from '../../src/sources/index.ts';
import { backendRefs, httpRoute, manifests, service } from '../served/manifest.ts';
import { Authority } from '../tls/authority.ts';
import { Asker, guardedSite, ROUTE, secret } from './authentication-asker.ts';
import { countryFile } from './country-file.ts';
import { backendTraffic, clientTraffic, type PolicyAim, requestPolicy } from './policy.ts';

const closing: Array<() => unknown> = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** Conditions of a policy by ancestor, as `status reason: message`. */
function conditionsOf(report: Report, kind: string, name: string): Record<string, Record<string, string>> {
  const item = report.items.find((one) => one.kind === kind && one.metadata.name === name);
  const { ancestors = [] } = (item?.status ?? {}) as Partial<PolicyStatus>;
  const told = ({ status, reason, message }: Condition): string => `${status} ${reason}: ${message}`;
  return Object.fromEntries(
    ancestors.map(({ ancestorRef, conditions }) => [
      ancestorRef.name,
      Object.fromEntries(conditions.map((one) => [one.type, told(one)])),
    ]),
  );
}

describe('where it serves', () => {
  async function serving(spec: object, kind = 'AccessPolicy', options: object = {}): Promise<Asker> {
    const asker = await Asker.over(guardedSite(requestPolicy(kind, 'p', ROUTE, spec)), options);
    closing.push(() => asker.rig.close());
    return asker;
  }

  test('countries that are not known: the status says so and how out, the route is shut, and opens again', async () => {
    const asker = await serving({ deny: [{ countries: ['FR'] }] });
    const told = conditionsOf(asker.rig.report(), 'AccessPolicy', 'p').gw!;
    expect(told.Programmed).toMatch(/^False Invalid: DMN_CONFIG_INVALID: rig: countries are not known/);
    expect(told.Programmed).toContain('--country-database FILE');
    expect(told.Programmed).toContain('give the DaemunParameters of its Gateway a countryDatabase');
    expect(told.Programmed).toContain('where it had none, requests that this acts on are refused');
    expect(told.Accepted).toBe('True Accepted: accepted');
    const said = asker.rig.report().diagnostics.filter(({ object }) => object === 'AccessPolicy/default/p');
    expect(said).toMatchObject([{ severity: 'error', message: expect.stringContaining('countries are not known') }]);
    expect([await asker.status(), await asker.status({ host: 'b.example' })]).toEqual([500, 200]);

    await asker.serve(guardedSite(requestPolicy('AccessPolicy', 'p', ROUTE, { deny: [{ methods: ['PUT'] }] })));
    const now = conditionsOf(asker.rig.report(), 'AccessPolicy', 'p').gw!;
    expect(now).toEqual({ Accepted: 'True Accepted: accepted; enforced on 1 route' });
    expect([await asker.status(), await asker.status({ method: 'PUT' })]).toEqual([200, 403]);
  });

  test('a form that was good stays in service, and the status says that the newer is not', async () => {
    const asker = await serving({ deny: [{ methods: ['PUT'] }] });
    await asker.serve(guardedSite(requestPolicy('AccessPolicy', 'p', ROUTE, { deny: [{ countries: ['FR'] }] })));
    expect(conditionsOf(asker.rig.report(), 'AccessPolicy', 'p').gw!.Programmed).toContain('countries are not known');
    expect([await asker.status(), await asker.status({ method: 'PUT' })]).toEqual([200, 403]);
  });

  test('with a database nothing is said', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'refused-'));
    closing.push(() => rm(folder, { recursive: true }));
    const countryDatabase = join(folder, 'c.mmdb');
    await writeFile(countryDatabase, countryFile({ '192.0.2.0/24': 'FR' }));
    const asker = await serving({ deny: [{ countries: ['FR'] }] }, 'AccessPolicy', { countryDatabase });
    expect(Object.keys(conditionsOf(asker.rig.report(), 'AccessPolicy', 'p').gw!)).toEqual(['Accepted']);
    expect(await asker.status()).toBe(403);
  });

  test('a disk that is not there: the status says so and how out, and requests are answered', async () => {
    const cache = { defaultTtl: '10s', disk: {} };
    const asker = await serving({ cache }, 'ResponsePolicy');
    const told = conditionsOf(asker.rig.report(), 'ResponsePolicy', 'p').gw!;
    expect(told.Programmed).toMatch(/^False PartlyProgrammed: rig: it has no disk for answers/);
    expect(told.Programmed).toContain('--cache-path, or give the DaemunParameters of its Gateway a cache');
    expect(told.Accepted).toBe('True Accepted: accepted; enforced on 1 route');
    expect(await asker.status()).toBe(200);

    await asker.serve(guardedSite(requestPolicy('ResponsePolicy', 'p', ROUTE, { cache: { defaultTtl: '10s' } })));
    expect(Object.keys(conditionsOf(asker.rig.report(), 'ResponsePolicy', 'p').gw!)).toEqual(['Accepted']);
  });

  test('of two that act together both are told which of them cannot be used', async () => {
    const outer = { overrides: { deny: [{ methods: ['PUT'] }] } };
    const aim = (kind: PolicyAim['kind'], name: string): PolicyAim => ({ kind, name });
    const site = guardedSite(
      requestPolicy('AccessPolicy', 'outer', aim('Gateway', 'gw'), outer),
      requestPolicy(
        'AccessPolicy',
        'nearer',
        { ...aim('Gateway', 'gw'), sectionName: 'http' },
        {
          deny: [{ countries: ['FR'] }],
        },
      ),
    );
    const asker = await Asker.over(site);
    closing.push(() => asker.rig.close());
    for (const name of ['outer', 'nearer']) {
      const told = conditionsOf(asker.rig.report(), 'AccessPolicy', name).gw!.Programmed;
      expect(told).toContain('AccessPolicy default/nearer: countries are not known');
    }
    expect(await asker.status()).toBe(500);
  });
});

/** What a data plane of a Gateway refuses. */
type Refuses = (object: ConfigObject) => boolean | string;

/** Two Gateways, `gw` and `other`, with data planes of their own: that of `gw` refuses what it is told to. */
async function twoGateways(
  site: string,
  refuses: { now: Refuses },
): Promise<{ control: Control; put(text: string): Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'refused-'));
  closing.push(() => rm(folder, { recursive: true }));
  const file = join(folder, 'site.yaml');
  await writeFile(file, site);
  const control = new Control({
    source: (lastGood) => fileSource({ paths: [folder], watch: true, endpoints: [], lastGood }),
    perGateway: true,
    log: await createLog({ level: 'silent', format: 'json' }),
  });
  closing.push(() => control.drain(0));
  await control.start(
    (events, gateway) =>
      new MemoryFleet(
        'pod',
        () => ({
          apply: async ({ version, upserts }) => ({
            version,
            proxy: 'pod',
            rejected: upserts.flatMap((object) => {
              const why = gateway === 'default/gw' && refuses.now(object);
              const message = typeof why === 'string' ? why : 'as it was told';
              return why === false ? [] : [{ kind: object.kind, key: object.key, code: 'DMN_CONFIG_INVALID', message }];
            }),
            listeners: [],
          }),
          metrics: () => [],
          drain: async () => {},
        }),
        events,
      ),
  );
  return { control, put: (text) => writeFile(file, text) };
}

describe('of every kind', async () => {
  const authority = await Authority.make('Refused Root');
  const certificates = (name: string): object => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name },
    data: { 'ca.crt': authority.certificate },
  });
  const refs = (name: string) => [{ group: '', kind: 'ConfigMap', name }];
  const gateways: PolicyAim[] = ['gw', 'other'].map((name) => ({ kind: 'Gateway', name }));
  const to = (kind: string, spec: object): object => requestPolicy(kind, 'p', gateways, spec);
  const both = (policy: object): object => {
    const { spec, ...rest } = policy as { spec: { targetRefs: object[] } };
    const [target] = spec.targetRefs;
    return { ...rest, spec: { ...spec, targetRefs: [target, { ...target, name: 'other' }] } };
  };
  const types =
    (...all: string[]): Refuses =>
    (object) =>
      object.kind === 'Policy' && all.includes(object.type);
  const backendTls = {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'BackendTLSPolicy',
    metadata: { name: 'p' },
    spec: {
      targetRefs: [{ group: '', kind: 'Service', name: 'web' }],
      validation: { hostname: 'web.example', caCertificateRefs: refs('backend-ca') },
    },
  };
  const users = secret('users', { auth: 'u:{PLAIN}secret' });
  const basic = { methods: [{ basic: { secretRef: { name: 'users' } } }] };
  const asking = { clientCertificates: { caCertificateRefs: refs('client-ca') }, headers: { maxBytes: 9000 } };

  test.each<[string, string, { policy: object; name?: string; refuses: Refuses }]>([
    [
      'AccessPolicy',
      'rules',
      { policy: to('AccessPolicy', { deny: [{ methods: ['PUT'] }] }), refuses: types('Access') },
    ],
    ['AccessPolicy', 'bodies', { policy: to('AccessPolicy', { maxBodyBytes: 9 }), refuses: types('BodySize') }],
    [
      'RateLimitPolicy',
      'limits',
      { policy: to('RateLimitPolicy', { limits: [{ requests: 9, per: 'Day' }] }), refuses: types('RateLimit') },
    ],
    [
      'AuthenticationPolicy',
      'methods',
      { policy: to('AuthenticationPolicy', basic), refuses: types('Authentication') },
    ],
    [
      'AuthenticationPolicy',
      'credentials',
      { policy: to('AuthenticationPolicy', basic), refuses: ({ kind }) => kind === 'Credential' },
    ],
    ['FaultPolicy', 'faults', { policy: to('FaultPolicy', { abort: { statusCode: 418 } }), refuses: types('Fault') }],
    [
      'RewritePolicy',
      'rewriting',
      { policy: to('RewritePolicy', { paths: [{ pattern: '^/a$', substitution: '/b' }] }), refuses: types('Rewrite') },
    ],
    [
      'ResponsePolicy',
      'compression',
      { policy: to('ResponsePolicy', { compression: {} }), refuses: types('Compression') },
    ],
    [
      'ClientTrafficPolicy',
      'a listener’s settings',
      { policy: both(clientTraffic('p', { headers: { maxBytes: 9000 } })), refuses: types('ClientTraffic') },
    ],
    [
      'ClientTrafficPolicy',
      'a port’s settings',
      { policy: both(clientTraffic('p', { connection: { maxConnections: 9 } })), refuses: types('ClientTraffic') },
    ],
    [
      'ClientTrafficPolicy',
      'client certificates',
      { policy: both(clientTraffic('p', asking)), refuses: types('ClientCertificates') },
    ],
    [
      'ClientTrafficPolicy',
      'authorities of clients',
      {
        policy: both(clientTraffic('p', asking)),
        refuses: ({ kind, key }) => kind === 'TrustBundle' && key.endsWith('client-ca'),
      },
    ],
    [
      'BackendTrafficPolicy',
      'a backend’s settings',
      { policy: backendTraffic('web', { timeouts: { connect: '9s' } }), name: 'web', refuses: types('BackendTraffic') },
    ],
    ['BackendTLSPolicy', 'TLS of a backend', { policy: backendTls, refuses: ({ kind }) => kind === 'Backend' }],
    [
      'BackendTLSPolicy',
      'authorities of a backend',
      { policy: backendTls, refuses: ({ kind, key }) => kind === 'TrustBundle' && key.endsWith('backend-ca') },
    ],
  ])('%s: %s', async (kind, _what, { policy, name = 'p', refuses }) => {
    const leaf = await authority.sign({ dns: ['web.example'] });
    const tls = { mode: 'Terminate', certificateRefs: [{ name: 'leaf' }] };
    const listeners = [
      { name: 'http', port: 80, protocol: 'HTTP' },
      { name: 'https', port: 443, protocol: 'HTTPS', tls },
    ];
    const other = {
      apiVersion: 'gateway.networking.k8s.io/v1',
      kind: 'Gateway',
      metadata: { name: 'other' },
      spec: { gatewayClassName: 'any', listeners },
    };
    const parentRefs = [{ name: 'gw' }, { name: 'other' }];
    const innocent = requestPolicy('RewritePolicy', 'innocent', gateways, {
      paths: [{ pattern: '^/x$', substitution: '/y' }],
    });
    const site = (...more: object[]): string =>
      manifests(
        listeners,
        other,
        httpRoute('a', [backendRefs('web')], { parentRefs }),
        service('web'),
        {
          apiVersion: 'v1',
          kind: 'Secret',
          type: 'kubernetes.io/tls',
          metadata: { name: 'leaf' },
          stringData: { 'tls.crt': leaf.certificate, 'tls.key': leaf.privateKey },
        },
        users,
        certificates('client-ca'),
        certificates('backend-ca'),
        ...(kind === 'RewritePolicy' ? [] : [innocent]),
        ...more,
      );
    const refusing = { now: refuses };
    const { control, put } = await twoGateways(site(policy), refusing);
    const told = () => conditionsOf(control.report(), kind, name);
    await expect.poll(() => told().gw?.Programmed).toContain('DMN_CONFIG_INVALID: pod: as it was told; ');
    expect(told().gw).toMatchObject({ Programmed: expect.stringMatching(/^False Invalid: /) });
    // Not of the Gateway whose data planes take it, and not of policies that it is not about.
    expect(Object.keys(told())).toEqual(['gw', 'other']);
    expect(told().other).not.toHaveProperty('Programmed');
    expect(told().other!.Accepted).toMatch(/^True Accepted: .*enforced on 1 route/);
    expect(told().gw!.Accepted).not.toContain('enforced');
    if (kind !== 'RewritePolicy')
      expect(JSON.stringify(conditionsOf(control.report(), 'RewritePolicy', 'innocent'))).not.toContain('Programmed');

    refusing.now = () => false;
    await put(site());
    await expect.poll(told).toEqual({});
    await put(site(policy));
    await expect.poll(() => told().gw?.Accepted).toContain('enforced on 1 route');
    expect(told().gw).not.toHaveProperty('Programmed');
  });
});

test('a policy that stands for another gateway’s plugin is told of where it was asked for', async () => {
  const plugin = {
    apiVersion: 'configuration.konghq.com/v1',
    kind: 'KongPlugin',
    metadata: { name: 'own' },
    plugin: 'request-size-limiting',
    config: { allowed_payload_size: 1 },
  };
  const route = httpRoute('a', [backendRefs('web')]) as { metadata: object };
  const asking = { ...route, metadata: { ...route.metadata, annotations: { 'konghq.com/plugins': 'own' } } };
  const site = manifests([{ name: 'http', port: 80, protocol: 'HTTP' }], asking, service('web'), plugin).replace(
    'example.com/any',
    'konghq.com/kic-gateway-controller',
  );
  const refusing: { now: Refuses } = { now: ({ kind }) => kind === 'Policy' };
  const { control } = await twoGateways(site, refusing);
  const told = () => control.report().diagnostics.filter(({ object }) => object === 'HTTPRoute/default/a');
  await expect
    .poll(() => told().filter(({ severity }) => severity === 'error'))
    .toMatchObject([
      { field: 'metadata.annotations["konghq.com/plugins"]', message: 'DMN_CONFIG_INVALID: pod: as it was told' },
    ]);
});

test('of many refusals some are told, and the rest are counted', async () => {
  const names = ['a', 'b', 'c', 'd', 'e'];
  const aims = names.map((name): PolicyAim => ({ kind: 'HTTPRoute', name }));
  const policy = requestPolicy('AccessPolicy', 'p', aims, { deny: [{ methods: ['PUT'] }] });
  const routes = names.map((name) => httpRoute(name, [backendRefs('web')], { hostnames: [`${name}.example`] }));
  const refuses: Refuses = (object) => object.kind === 'Policy' && `not for ${object.target.key}`;
  const site = manifests([{ name: 'http', port: 80, protocol: 'HTTP' }], ...routes, service('web'), policy);
  const { control } = await twoGateways(site, { now: refuses });
  const told = () => conditionsOf(control.report(), 'AccessPolicy', 'p').gw?.Programmed;
  await expect.poll(told).toContain('default/c/0; and 2 more like it; ');
  expect(told()!.split('not for ')).toHaveLength(4);
});
