/** Histories of a cluster that are not whole: restored from a backup, lists whose pages expire, versions that say nothing. */
import { afterEach, describe, expect, test } from 'vitest';
import { ApiClient, ClusterSource } from '../../src/sources/cluster/index.ts';
import { ApiServer } from './index.ts';
import { CLASS, gateway, route, service, to, WrittenCluster } from './written-cluster.ts';

const open: Array<{ close(): Promise<void> | void }> = [];
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close();
});

const BOOKMARK = 50;
const PATIENCE = { timeout: 30_000 };

interface Judged {
  metadata: { generation?: number };
  status?: { parents?: Array<{ conditions: Array<{ observedGeneration?: number }> }> };
}

test('statuses are of the generations of then, and of what there is', async () => {
  const cluster = await WrittenCluster.start([
    CLASS,
    gateway('shop/edge'),
    service('shop/cart'),
    route('shop/web', 'edge', to('cart')),
  ]);
  open.push(cluster);
  const { api } = cluster;
  const says = (name: string) => expect.poll(() => cluster.said('HTTPRoute', 'shop', name), PATIENCE);
  await says('web').toContainEqual(expect.stringContaining('ResolvedRefs=True'));
  const backup = api.store.backup();
  const kind = api.kind('HTTPRoute');
  const held = () => api.store.get(kind, 'shop', 'web');
  for (const name of ['one', 'two', 'three']) {
    const { spec } = route('shop/web', 'edge', to(name));
    api.store.replace(kind, { ...structuredClone(held()), spec }, { status: false });
  }
  cluster.create(route('shop/later', 'edge', to('cart')));
  await says('web').toContainEqual(expect.stringContaining('Service shop/three does not exist'));
  const generation = held().metadata.generation!;
  api.store.restore(backup);
  for (const watch of [...api.watches]) watch.close();
  // The same edit once more, so that a status has to be written after the step back.
  const { spec } = route('shop/web', 'edge', to('four'));
  api.store.replace(kind, { ...structuredClone(held()), spec }, { status: false });
  await says('web').toContainEqual(expect.stringContaining('Service shop/four does not exist'));
  expect(held().metadata.generation).toBeLessThan(generation);
  const observed = ({ status }: Judged) => status?.parents?.[0]?.conditions.map((one) => one.observedGeneration);
  await expect
    .poll(() => new Set(observed(held() as unknown as Judged)), PATIENCE)
    .toEqual(new Set([held().metadata.generation]));
  const listeners = () =>
    api.store.get(api.kind('Gateway'), 'shop', 'edge').status as { listeners: Array<{ attachedRoutes: number }> };
  await expect.poll(() => listeners().listeners[0]?.attachedRoutes, PATIENCE).toBe(1);
});

describe('a source', () => {
  test('lists anew from the beginning where the pages of one moment are no more', async () => {
    const api = await startApi();
    for (let i = 0; i < 601; i++) put(api, service(`shop/s${i}`));
    let expired = 0;
    api.fault = ({ path, query }) => {
      if (path !== '/api/v1/services' || !query.has('continue') || expired++ > 0) return undefined;
      return { kind: 'refuse', code: 410, reason: 'Expired' };
    };
    const source = startSource(api);
    await source.ready;
    expect(source.collections.Service.size).toBe(601);
    expect(expired).toBe(2);
    expect([...source.diagnostics.values()].filter(({ object }) => object.startsWith('Service/'))).toEqual([]);
  });

  test('has what a backup had, once a cluster is restored from it: objects, generations and uids of then', async () => {
    const api = await startApi();
    put(api, service('shop/kept'));
    put(api, service('shop/again'));
    const kind = api.kind('Service');
    const uid = () => api.store.get(kind, 'shop', 'again').metadata.uid;
    const backup = api.store.backup();
    const before = uid();
    const source = startSource(api);
    await source.ready;
    api.store.delete(kind, 'shop', 'kept');
    api.store.delete(kind, 'shop', 'again');
    for (const name of ['again', 'b', 'c', 'd', 'e', 'f']) put(api, service(`shop/${name}`));
    await until(() => source.collections.Service.size === 6);
    expect(source.collections.Service.get('Service/shop/again')?.metadata.uid).not.toBe(before);
    api.store.restore(backup);
    for (const watch of [...api.watches]) watch.close();
    const names = () => [...source.collections.Service.values()].map(({ metadata }) => metadata.name).sort();
    await until(() => names().join() === 'again,kept');
    expect(source.collections.Service.get('Service/shop/again')?.metadata.uid).toBe(before);
    put(api, service('shop/after'));
    await until(() => source.collections.Service.size === 3);
  });

  test('takes lists and watches of version 0 as they come', async () => {
    const api = await startApi();
    put(api, service('shop/a'));
    const from = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(api.store), 'version')!;
    Object.defineProperty(api.store, 'version', { configurable: true, get: () => 0 });
    const source = startSource(api);
    await source.ready;
    put(api, service('shop/b'));
    await until(() => source.collections.Service.size === 2);
    Object.defineProperty(api.store, 'version', from);
  });
});

async function startApi(): Promise<ApiServer> {
  const api = await ApiServer.start({ bookmark: BOOKMARK });
  open.push(api);
  return api;
}

function startSource(api: ApiServer): ClusterSource {
  const client = new ApiClient({ server: api.url, namespace: 'default', name: 'test' });
  const source = new ClusterSource({ client, times: { firstPause: 5, longestPause: 20 } });
  open.push(client, source);
  return source;
}

function put(api: ApiServer, object: ReturnType<typeof service>): void {
  api.store.create(api.kind(object.kind), object);
}

async function until(holds: () => boolean): Promise<void> {
  await expect.poll(holds, PATIENCE).toBe(true);
}
