/**
 * What only the experimental channel of v1.7.0 has: filters of listeners (GEP-5224), default Gateways (GEP-3793), from where
 * addresses are reached (GEP-5093), each by its status and by what clients get. A cluster of an older release says what it lacks.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { run } from '../protocols/tool.ts';
import { output } from './kubectl.ts';
import { gateway, Scene } from './scene.ts';
import { Traffic } from './traffic.ts';

const HOST = 'shop.example.com';

interface Condition {
  type: string;
  status: string;
  reason: string;
  message: string;
}

interface GatewayStatus {
  addresses?: Array<{ value: string; routability?: string }>;
  conditions?: Condition[];
  listeners?: Array<{ name: string; conditions: Condition[] }>;
}

let scene: Scene;
/** What the class says that it can, and which CRDs it found. */
let features: string;
let found: string;

beforeAll(async () => {
  scene = await Scene.open('newest');
  features = await output(['get', 'gatewayclass/daemun', '-o', 'jsonpath={.status.supportedFeatures[*].name}']);
  const path = 'jsonpath={.status.conditions[?(@.type=="SupportedVersion")].message}';
  found = await output(['get', 'gatewayclass/daemun', '-o', path]);
  await Promise.all([scene.echo('plain'), scene.echo('gold'), scene.echo('auth')]);
});
afterAll(() => scene?.close());

/** Whether the cluster keeps such a field; where it drops it, the class must say so instead. */
async function keeps(field: string, told: string): Promise<boolean> {
  const kept = await output(['explain', field, '--api-version=gateway.networking.k8s.io/v1']).then(
    () => true,
    () => false,
  );
  if (!kept) expect(found).toContain(told);
  return kept;
}

interface Asked {
  port?: number;
  path?: string;
  headers?: string[];
}

/** Which backend answered, or the status of the refusal. */
async function ask(address: string, { port = 80, path = '/', headers = [] }: Asked = {}): Promise<string> {
  const lines = [`Host: ${HOST}`, ...headers].flatMap((line) => ['-H', line]);
  const { stdout } = await run('curl', [
    '-s',
    '-m',
    '10',
    '-w',
    '\n%{http_code}',
    ...lines,
    `http://${address}:${port}${path}`,
  ]);
  const [body, status] = [stdout.slice(0, -4), stdout.slice(-3)];
  return status === '200' ? (/"pod": "(\w+)-/.exec(body)?.[1] ?? body) : status;
}

async function statusOf(name: string): Promise<GatewayStatus> {
  return (
    (JSON.parse(await scene.kubectl('get', `gateway/${name}`, '-o', 'json')) as { status?: GatewayStatus }).status ?? {}
  );
}

const said = (conditions: Condition[] = [], type: string): string | undefined => {
  const one = conditions.find((condition) => condition.type === type);
  return one && `${one.status} ${one.reason}: ${one.message}`;
};

async function conditionOf(name: string, type: string): Promise<string | undefined> {
  return said((await statusOf(name)).conditions, type);
}

const route = (name: string, spec: object): string =>
  `---\n${JSON.stringify({ apiVersion: 'gateway.networking.k8s.io/v1', kind: 'HTTPRoute', metadata: { name }, spec })}\n`;
const to = (service: string, ...matches: object[]): object => ({
  ...(matches.length === 0 ? {} : { matches }),
  backendRefs: [{ name: service, port: 8080 }],
});

describe('filters of listeners', () => {
  const filter = (name: string, http: object): object => ({
    type: 'ExternalAuth',
    externalAuth: { protocol: 'HTTP', backendRef: { name, port: 8080 }, http },
  });
  /** The service sets what the client asks it to: it stands for one that knows who that is. */
  const tenant = filter('auth', { allowedHeaders: ['X-Echo-Set-Header'], allowedResponseHeaders: ['X-Tenant'] });
  /** Answers /status/403 with that status. */
  const gate = filter('auth', { path: '/status' });
  const listener = (name: string, port: number, requests: object[]): string =>
    `    - ${JSON.stringify({ name, port, protocol: 'HTTP', filters: { requests } })}\n`;
  const listeners = (missing: string): string =>
    listener('tenant', 8081, [tenant]) +
    listener('gate', 8082, [gate]) +
    listener('missing', 8083, [filter(missing, {})]);

  test('act before the route is chosen, and keep out whom they refuse', async () => {
    if (!(await keeps('gateway.spec.listeners.filters', 'spec.listeners[].filters'))) return;
    expect(features).toContain('GatewayListenerFilters');
    const rules = [to('gold', { headers: [{ name: 'X-Tenant', value: 'gold' }] }), to('plain')];
    await scene.apply(
      gateway('guarded', listeners('nobody')) +
        route('guarded', { parentRefs: [{ name: 'guarded' }], hostnames: [HOST], rules }),
    );
    const address = await scene.address('guarded');
    await expect.poll(() => ask(address, { port: 8081 })).toBe('plain');
    const headers = ['X-Echo-Set-Header: X-Tenant:gold'];
    expect(await ask(address, { port: 8081, headers })).toBe('gold');
    // Nobody is gold who only says so; where no filter stands, the client's own line is as good as any.
    expect(await ask(address, { port: 8081, headers: ['X-Tenant: gold'] })).toBe('plain');
    expect(await ask(address, { headers: ['X-Tenant: gold'] })).toBe('gold');
    expect(await ask(address, { port: 8082, path: '/200' })).toBe('plain');
    expect(await ask(address, { port: 8082, path: '/403' })).toBe('403');
    // Also where no route would take the request.
    expect(await ask(address, { port: 8082, path: '/401', headers: ['Host: nobody.example.com'] })).toBe('401');
  });

  test('let nobody pass whom nobody was asked about, and say so on their listener alone', async () => {
    if (!(await keeps('gateway.spec.listeners.filters', 'spec.listeners[].filters'))) return;
    const address = await scene.address('guarded');
    const resolved = async (): Promise<Array<string | undefined>> =>
      ((await statusOf('guarded')).listeners ?? []).map(
        ({ name, conditions }) => `${name} ${said(conditions, 'ResolvedRefs')?.split(':')[0]}`,
      );
    expect(await resolved()).toEqual([
      'http True ResolvedRefs',
      'tenant True ResolvedRefs',
      'gate True ResolvedRefs',
      'missing False InvalidListenerFilterRef',
    ]);
    expect(await ask(address, { port: 8083 })).toBe('500');
    await scene.kubectl('scale', 'deployment/auth', '--replicas=0');
    await expect.poll(() => ask(address, { port: 8082, path: '/200' }), { timeout: 60_000 }).toMatch(/^50[03]$/);
    expect(await ask(address, { port: 8081 })).toMatch(/^50[03]$/);
    expect(await ask(address)).toBe('plain');
    await scene.kubectl('scale', 'deployment/auth', '--replicas=1');
    await expect.poll(() => ask(address, { port: 8082, path: '/200' }), { timeout: 60_000 }).toBe('plain');
    await scene.apply(gateway('guarded', listeners('auth')));
    await expect.poll(() => ask(address, { port: 8083 }), { timeout: 60_000 }).toBe('plain');
    await expect.poll(resolved).toContain('missing True ResolvedRefs');
  });
});

test('default Gateways take routes that name none, as long as they are some', async () => {
  if (!(await keeps('gateway.spec.defaultScope', 'spec.defaultScope'))) return;
  const scope = (value: string): string => gateway('front', `  defaultScope: ${value}\n`);
  const spec = { useDefaultGateways: 'All', hostnames: [HOST], rules: [to('plain')] };
  await scene.apply(scope('All') + gateway('other') + route('anywhere', spec));
  const [address, other] = [await scene.address('front'), await scene.address('other')];
  expect(await conditionOf('front', 'DefaultGateway')).toMatch(/^True DefaultGateway: /);
  expect(await conditionOf('other', 'DefaultGateway')).toBeUndefined();
  const parents = (): Promise<string> =>
    scene.kubectl('get', 'httproute/anywhere', '-o', 'jsonpath={.status.parents[*].parentRef.name}');
  await expect.poll(parents).toBe('front');
  await scene.kubectl(
    'wait',
    'httproute/anywhere',
    '--timeout=60s',
    `--for=jsonpath={.status.parents[0].conditions[?(@.type=="Programmed")].status}=True`,
  );
  expect(await ask(address)).toBe('plain');
  expect(await ask(other)).toBe('404');
  await scene.apply(scope('None'));
  await expect.poll(() => ask(address)).toBe('404');
  await expect.poll(parents).toBe('');
  expect(await conditionOf('front', 'DefaultGateway')).toBeUndefined();
  await scene.apply(scope('All'));
  await expect.poll(() => ask(address)).toBe('plain');
  await expect.poll(parents).toBe('front');
  await scene.kubectl('delete', 'httproute/anywhere', 'gateway/front', 'gateway/other', '--wait=false');
});

test('addresses are made where they are to be reached from, and come and go without a request failing', async () => {
  if (!(await keeps('gateway.spec.addresses.routability', 'spec.addresses[].routability'))) return;
  expect(features).toContain('GatewayAddressRoutabilityCluster');
  const reference = `  infrastructure: { parametersRef: { group: gateway.daemun.dev, kind: DaemunParameters, name: corp } }\n`;
  const asking = (...places: string[]): string => {
    const addresses = places.map((routability) => ({
      type: 'IPAddress',
      ...(routability === '' ? {} : { routability }),
    }));
    return gateway('inner', `${reference}  addresses: ${JSON.stringify(addresses)}\n`);
  };
  const parameters = (service: object): string =>
    `---\n${JSON.stringify({ apiVersion: 'gateway.daemun.dev/v1alpha1', kind: 'DaemunParameters', metadata: { name: 'corp' }, spec: { service } })}\n`;
  const rules = [to('plain')];
  await scene.apply(
    parameters({}) + asking('Cluster') + route('inner', { parentRefs: [{ name: 'inner' }], hostnames: [HOST], rules }),
  );
  const inner = await scene.address('inner');
  const service = (path: string): Promise<string> =>
    scene.kubectl('get', 'service/daemun-inner', '-o', `jsonpath={${path}}`);
  const places = async (): Promise<string[]> =>
    ((await statusOf('inner')).addresses ?? []).map(({ routability = '' }) => routability);
  expect([await service('.spec.type'), await service('.spec.clusterIP')]).toEqual(['ClusterIP', inner]);
  expect(await places()).toEqual(['Cluster']);
  expect(await conditionOf('inner', 'AddressesAssigned')).toMatch(/^True AddressesAssigned/);
  await expect.poll(() => ask(inner)).toBe('plain');
  const traffic = new Traffic({ address: inner, host: HOST, rate: 100, fresh: true });
  try {
    await scene.apply(asking('Cluster', '', 'example.com/Corp'));
    await expect.poll(places, { timeout: 60_000 }).toEqual(['Cluster', '']);
    expect(await conditionOf('inner', 'AddressesAssigned')).toMatch(
      /^False PartiallyAssigned: spec\.addresses\[2\] \(example\.com\/Corp\): .*service\.routabilities of DaemunParameters/,
    );
    await scene.apply(
      parameters({ routabilities: [{ name: 'example.com/Corp', annotations: { 'example.com/net': 'corp' } }] }),
    );
    await expect.poll(places, { timeout: 60_000 }).toEqual(['Cluster', '', 'example.com/Corp']);
    await expect.poll(() => conditionOf('inner', 'AddressesAssigned')).toMatch(/^True AddressesAssigned/);
    const { addresses = [] } = await statusOf('inner');
    expect(new Set(addresses.map(({ value }) => value)).size).toBe(3);
    expect(addresses[0]!.value).toBe(inner);
    for (const { value } of addresses) await expect.poll(() => ask(value)).toBe('plain');
    expect(
      await scene.kubectl('get', 'services', '-o', 'jsonpath={.items[*].metadata.annotations.example\\.com/net}'),
    ).toBe('corp');
    await scene.apply(asking('Cluster'));
    await expect.poll(places, { timeout: 60_000 }).toEqual(['Cluster']);
    await expect.poll(() => service('.spec.type')).toBe('ClusterIP');
  } finally {
    expect((await traffic.stop()).failures).toEqual([]);
  }
});
