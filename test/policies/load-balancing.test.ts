/** How a BackendTrafficPolicy has endpoints chosen, seen by who answers. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { backendRefs, HTTP, httpRoute, manifests, service } from '../served/manifest.ts';
import { type RawClient, rawClient } from '../served/raw-client.ts';
import { type Rig, serveManifests } from '../served/rig.ts';
import { h2Pod, type Pod, pod, slice } from './pods.ts';
import { backendTraffic } from './policy.ts';

let rig: Rig;
let pods: Pod[];
let h2Pods: Pod[];
let client: RawClient;
let written = '';

beforeAll(async () => {
  pods = await Promise.all(['a', 'b', 'c', 'd'].map((name) => pod(name)));
  h2Pods = await Promise.all(['x', 'y', 'z'].map((name) => h2Pod(name)));
  written = site({ type: 'RoundRobin' });
  rig = await serveManifests(written);
  client = await rawClient(rig.port());
});
afterAll(async () => {
  client.close();
  await rig.close();
  await Promise.all([...pods, ...h2Pods].map((one) => one.close()));
});

function site(loadBalancing: object, among: readonly Pod[] = pods.slice(0, 3), more: object = {}): string {
  const to = { ...service('s'), spec: { ports: [{ port: 80, ...more }] } };
  const slices = among.map((one) => slice('s', one));
  return manifests([HTTP], httpRoute('r', [backendRefs('s')]), to, ...slices, backendTraffic('s', { loadBalancing }));
}

async function put(text: string): Promise<void> {
  if (text !== written) await rig.write(text);
  written = text;
}

async function answers(count: number, headers: Record<string, string> = {}, path = '/'): Promise<Map<string, number>> {
  const seen = new Map<string, number>();
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  for (let i = 0; i < count; i++) {
    const [response] = await client.ask(`GET ${path} HTTP/1.1\r\nHost: a.example\r\n${lines.join('')}\r\n`);
    expect(response!.status).toBe(200);
    seen.set(String(response!.body), (seen.get(String(response!.body)) ?? 0) + 1);
  }
  return seen;
}

async function only(headers: Record<string, string>, path = '/'): Promise<string> {
  const seen = [...(await answers(4, headers, path)).keys()];
  expect(seen).toHaveLength(1);
  return seen[0]!;
}

const HASH = (keys: object[], more: object = {}): object => ({
  type: 'ConsistentHash',
  consistentHash: { keys, ...more },
});

test('Random: all get some', async () => {
  await put(site({ type: 'Random' }));
  const seen = await answers(60);
  expect([...seen.keys()].sort()).toEqual(['a', 'b', 'c']);
  expect(Math.min(...seen.values())).toBeGreaterThan(3);
});

describe('ConsistentHash', () => {
  const values = Array.from({ length: 24 }, (_, i) => `v${i}`);

  test.each<[object[], (value: string) => [Record<string, string>, string?]]>([
    [[{ type: 'Header', name: 'x-user' }], (value) => [{ 'X-User': value }]],
    [[{ type: 'Cookie', name: 'user' }], (value) => [{ cookie: `a=b; user=${value}` }]],
    [[{ type: 'Query', name: 'k' }], (value) => [{}, `/?a=1&k=${value}`]],
    [[{ type: 'Path' }], (value) => [{}, `/${value}?t=1`]],
    [[{ type: 'Uri' }], (value) => [{}, `/p?${value}`]],
    [
      [
        { type: 'Header', name: 'x-a' },
        { type: 'Query', name: 'b' },
      ],
      (value) => [{ 'x-a': value }, '/?b=1'],
    ],
  ])('by %j: one value, one endpoint, and all endpoints have some', async (keys, asking) => {
    await put(site(HASH(keys)));
    const own = new Map<string, string>();
    for (const value of values) own.set(value, await only(...asking(value)));
    expect(new Set(own.values()).size).toBe(3);
  });

  test('by the address all requests of a client go to one', async () => {
    await put(site(HASH([{ type: 'ClientAddress' }])));
    await only({});
  });

  test('what has no key goes by turns', async () => {
    await put(site(HASH([{ type: 'Header', name: 'x-user' }])));
    expect((await answers(6)).size).toBe(3);
  });

  test('when an endpoint comes only its part of the keys moves, and to it; when it goes they come back', async () => {
    const by = HASH([{ type: 'Query', name: 'k' }]);
    const all = async (): Promise<string[]> =>
      Promise.all(values.map((value) => value)).then(async (list) => {
        const found: string[] = [];
        for (const value of list) found.push([...(await answers(1, {}, `/?k=${value}`)).keys()][0]!);
        return found;
      });
    await put(site(by));
    const before = await all();
    await put(site(by, pods));
    const after = await all();
    for (const [at, name] of after.entries()) expect([before[at], 'd']).toContain(name);
    expect(after.filter((name) => name === 'd').length).toBeLessThan(values.length / 2);
    await put(site(by));
    expect(await all()).toEqual(before);
  });

  test('the same on another replica, in whatever order endpoints come', async () => {
    const by = HASH([{ type: 'Query', name: 'k' }]);
    await put(site(by));
    const other = await serveManifests(site(by, pods.slice(0, 3).toReversed()));
    const there = await rawClient(other.port());
    for (const value of values) {
      const [response] = await there.ask(`GET /?k=${value} HTTP/1.1\r\nHost: a.example\r\n\r\n`);
      expect(String(response!.body)).toBe(await only({}, `/?k=${value}`));
    }
    there.close();
    await other.close();
  });

  test('an endpoint bears a quarter more than its share, then the next takes over; without a bound it bears all', async () => {
    const busy = async (): Promise<Set<string>> => {
      const clients = await Promise.all(Array.from({ length: 12 }, () => rawClient(rig.port())));
      const slow = clients.map((one) => one.ask('GET /?k=hot HTTP/1.1\r\nHost: a.example\r\nX-Delay: 300\r\n\r\n'));
      const seen = new Set((await Promise.all(slow)).map(([response]) => String(response!.body)));
      for (const one of clients) one.close();
      return seen;
    };
    await put(site(HASH([{ type: 'Query', name: 'k' }])));
    expect((await busy()).size).toBe(3);
    await put(site(HASH([{ type: 'Query', name: 'k' }], { maxLoadPercent: 0 })));
    expect((await busy()).size).toBe(1);
  });

  test('a subset of endpoints for each key', async () => {
    await put(site(HASH([{ type: 'Query', name: 'k' }], { subsetSize: 2 }), pods));
    for (const value of ['v0', 'v1', 'v2']) expect((await answers(24, {}, `/?k=${value}`)).size).toBe(2);
  });

  test('over HTTP/2 to the backend', async () => {
    await put(site(HASH([{ type: 'Query', name: 'k' }]), h2Pods, { appProtocol: 'kubernetes.io/h2c' }));
    const own: string[] = [];
    for (const value of values) own.push(await only({}, `/?k=${value}`));
    expect(new Set(own).size).toBe(3);
  });
});

describe('zones', () => {
  const zoned = (...zones: string[]): string => {
    const slices = zones.map((zone, at) => slice('s', pods[at]!, { zone }));
    const policy = backendTraffic('s', { loadBalancing: { type: 'RoundRobin', zone: 'PreferLocal' } });
    return manifests([HTTP], httpRoute('r', [backendRefs('s')]), service('s'), ...slices, policy);
  };

  test('PreferLocal changes nothing where the gateway knows of no zone', async () => {
    await put(zoned('z1', 'z2', 'z2'));
    expect((await answers(6)).size).toBe(3);
  });

  test('PreferLocal: its own come first, and the others where those fail', async () => {
    const here = await serveManifests(zoned('z1', 'z2', 'z2'), { zone: 'z1' });
    const there = await rawClient(here.port());
    const ask = async (more = ''): Promise<string> =>
      String((await there.ask(`GET / HTTP/1.1\r\nHost: a.example\r\n${more}\r\n`))[0]!.body);
    const seen = new Set<string>();
    for (let i = 0; i < 8; i++) seen.add(await ask());
    expect([...seen]).toEqual(['a']);
    const fail = 'X-Fail: a=500\r\n';
    for (let i = 0; i < 30; i++) seen.add(await ask(fail));
    expect([...seen].sort()).toEqual(['a', 'b', 'c']);
    there.close();
    await here.close();
  });
});
