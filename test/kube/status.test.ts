/** Statuses written to a cluster, against the embedded API. */
import { afterEach, describe, expect, test, vi } from 'vitest';
import { DETAIL_CROWD, MOST_CROWDED } from '../../src/reconcile/detail-wait.ts';
import { StatusReconciler, type WantedStatus } from '../../src/reconcile/index.ts';
import { WRITES_AT_ONCE } from '../../src/reconcile/status-reconciler.ts';
import type { Call } from '../../src/sources/cluster/api-client.ts';
import { ApiClient, ClusterSource } from '../../src/sources/cluster/index.ts';
import { type ApiObject, ApiServer, FAILED, THROTTLED } from './index.ts';

const OURS = 'daemun.dev/gateway-controller';
const GATEWAY = 'gateway.networking.k8s.io/v1';
const QUICK = { firstPause: 5, longestPause: 20 };
const log = { error() {}, warn() {}, info() {}, debug() {} };
const open: Array<() => Promise<void> | void> = [];

afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

interface Rig {
  api: ApiServer;
  source: ClusterSource;
  reconciler: StatusReconciler;
  written: string[];
  statusOf(kind: string, name: string): Record<string, unknown>;
}

const nothingBefore = async (_: Call, __: ClusterSource): Promise<void> => {};

/** Answers only after something else has happened. */
class LateClient extends ApiClient {
  before: (call: Call) => Promise<void> | void = () => {};

  override async call<T = unknown>(call: Call): Promise<T> {
    const answer = await super.call<T>(call);
    await this.before(call);
    return answer;
  }
}

interface Starting {
  leads?: boolean;
  before?: typeof nothingBefore;
  detail?: ConstructorParameters<typeof StatusReconciler>[0]['detail'];
}

async function start(
  objects: object[],
  { leads = true, before = nothingBefore, detail = { quiet: 20, most: 1000 } }: Starting = {},
): Promise<Rig> {
  const api = await ApiServer.start();
  for (const object of objects)
    api.store.create(api.kind((object as ApiObject).kind), structuredClone(object) as ApiObject);
  const client = new LateClient({ server: api.url, namespace: 'default', name: 'test' });
  const source = new ClusterSource({ client, times: QUICK });
  client.before = (call) => before(call, source);
  const written: string[] = [];
  const reconciler = new StatusReconciler({
    client,
    controllerNames: [OURS],
    live: (key) => source.live.get(key),
    place: (kind, metadata) => source.pathTo(kind, metadata),
    log,
    detail,
    onWrite: (key) => written.push(key),
  });
  source.live.subscribe((changes) => {
    for (const { key } of changes) reconciler.seen(key);
  });
  open.push(
    () => api.close(),
    () => client.close(),
    () => source.close(),
    () => reconciler.close(),
  );
  await source.ready;
  reconciler.lead(leads);
  const statusOf = (kind: string, name: string): Record<string, unknown> =>
    api.store.get(api.kind(kind), 'shop', name).status as Record<string, unknown>;
  return { api, source, reconciler, written, statusOf };
}

const route = (name: string, status?: object): ApiObject => ({
  apiVersion: GATEWAY,
  kind: 'HTTPRoute',
  metadata: { name, namespace: 'shop' },
  spec: { parentRefs: [{ name: 'edge' }] },
  ...(status ? { status } : {}),
});
const gateway = (name: string): ApiObject => ({
  apiVersion: GATEWAY,
  kind: 'Gateway',
  metadata: { name, namespace: 'shop' },
  spec: { gatewayClassName: 'daemun', listeners: [] },
});
const condition = (type: string, status = 'True', message = ''): object => ({ type, status, reason: type, message });
const parent = (name: string, conditions: object[], controllerName = OURS): object => ({
  parentRef: { name },
  controllerName,
  conditions,
});
const wanted = (kind: WantedStatus['kind'], name: string, status: object): { key: string; after: WantedStatus } => ({
  key: `${kind}/shop/${name}`,
  after: { kind, metadata: { namespace: 'shop', name }, status },
});
const routeStatus = (name: string, ...parents: object[]) => wanted('HTTPRoute', name, { parents });
const theirs = { ...parent('mesh', [condition('Accepted')], 'example.com/other'), extra: 'kept' };

/** Sets a status past the writer, as another controller does. */
function setStatus(api: ApiServer, kind: string, name: string, status: object): void {
  const object = structuredClone(api.store.get(api.kind(kind), 'shop', name));
  object.status = status;
  api.store.replace(api.kind(kind), object, { status: true });
}

describe('statuses where CRDs of an older release lack a field', () => {
  const status = { attachedListenerSets: 0, conditions: [condition('Programmed')] };

  test('have all else, and are not written again', async () => {
    const { api, reconciler, written, statusOf } = await start([gateway('edge'), gateway('other')]);
    api.undeclared.set('Gateway', ['attachedListenerSets']);
    reconciler.write([wanted('Gateway', 'edge', status), wanted('Gateway', 'other', status)]);
    await reconciler.settled();
    for (const name of ['edge', 'other']) {
      expect(statusOf('Gateway', name)).toEqual({ conditions: [expect.objectContaining(condition('Programmed'))] });
    }
    reconciler.resync();
    await reconciler.settled();
    expect(written.sort()).toEqual(['Gateway/shop/edge', 'Gateway/shop/other']);
  });

  test('have it once the CRDs do', async () => {
    const { api, reconciler, statusOf } = await start([gateway('edge')]);
    api.undeclared.set('Gateway', ['attachedListenerSets']);
    reconciler.write([wanted('Gateway', 'edge', status)]);
    await reconciler.settled();
    api.undeclared.clear();
    reconciler.resync();
    await reconciler.settled();
    expect(statusOf('Gateway', 'edge')).toMatchObject({ attachedListenerSets: 0 });
  });
});

describe('statuses of routes', () => {
  test('are put beside those of others, which stay as they are and where they are', async () => {
    const { api, reconciler, statusOf } = await start([route('a')]);
    setStatus(api, 'HTTPRoute', 'a', { parents: [theirs] });
    reconciler.write([routeStatus('a', parent('edge', [condition('Accepted')]))]);
    await reconciler.settled();
    expect(statusOf('HTTPRoute', 'a').parents).toEqual([
      theirs,
      expect.objectContaining({ parentRef: { name: 'edge' }, controllerName: OURS }),
    ]);
  });

  test('are not written where nothing, only the order or only a time differs', async () => {
    const { api, reconciler, written, statusOf } = await start([route('a')]);
    const conditions = [condition('Accepted'), condition('ResolvedRefs')];
    reconciler.write([routeStatus('a', parent('edge', conditions))]);
    await reconciler.settled();
    const { resourceVersion } = api.store.get(api.kind('HTTPRoute'), 'shop', 'a').metadata;
    const before = statusOf('HTTPRoute', 'a');
    reconciler.write([routeStatus('a', parent('edge', [...conditions].reverse()))]);
    reconciler.resync();
    await reconciler.settled();
    expect(written).toEqual(['HTTPRoute/shop/a']);
    expect(api.store.get(api.kind('HTTPRoute'), 'shop', 'a').metadata.resourceVersion).toBe(resourceVersion);
    expect(statusOf('HTTPRoute', 'a')).toEqual(before);
  });

  test('are not written where only defaults of a reference differ, which the server fills in', async () => {
    const { api, reconciler, written } = await start([route('a')]);
    const there = parent('edge', [{ ...condition('Accepted'), lastTransitionTime: '2020-01-01T00:00:00Z' }]);
    const parentRef = { group: 'gateway.networking.k8s.io', kind: 'Gateway', name: 'edge' };
    setStatus(api, 'HTTPRoute', 'a', { parents: [{ ...there, parentRef }] });
    reconciler.write([routeStatus('a', parent('edge', [condition('Accepted')]))]);
    await reconciler.settled();
    expect(written).toEqual([]);
  });

  test('keep the time of a condition whose status stays, and conditions of types that are not ours', async () => {
    const old = '2020-01-01T00:00:00Z';
    const there = [
      { ...condition('Accepted', 'True', 'old'), lastTransitionTime: old },
      { ...condition('Foreign'), lastTransitionTime: old },
      { ...condition('PartiallyInvalid'), lastTransitionTime: old },
      { ...condition('daemun.dev/Shadowed'), lastTransitionTime: old },
      { ...condition('Ready'), lastTransitionTime: old },
    ];
    const { api, reconciler, statusOf } = await start([route('a')]);
    setStatus(api, 'HTTPRoute', 'a', { parents: [parent('edge', there)] });
    reconciler.write([routeStatus('a', parent('edge', [condition('Accepted', 'True', 'new')]))]);
    await reconciler.settled();
    expect(statusOf('HTTPRoute', 'a').parents).toEqual([
      parent('edge', [
        { ...condition('Accepted', 'True', 'new'), lastTransitionTime: old },
        { ...condition('Foreign'), lastTransitionTime: old },
        { ...condition('Ready'), lastTransitionTime: old },
      ]),
    ]);
  });

  test('go where the route is no longer ours', async () => {
    const { api, reconciler, statusOf } = await start([route('a')]);
    setStatus(api, 'HTTPRoute', 'a', { parents: [theirs] });
    reconciler.write([routeStatus('a', parent('edge', [condition('Accepted')]))]);
    await reconciler.settled();
    reconciler.write([{ key: 'HTTPRoute/shop/a' }]);
    await reconciler.settled();
    expect(statusOf('HTTPRoute', 'a').parents).toEqual([theirs]);
  });

  test('come back where somebody took them away', async () => {
    const { api, reconciler, written } = await start([route('a')]);
    reconciler.write([routeStatus('a', parent('edge', [condition('Accepted')]))]);
    await reconciler.settled();
    setStatus(api, 'HTTPRoute', 'a', { parents: [] });
    await expect.poll(() => written.length).toBe(2);
  });

  test('come back also where the watch told of our own write before the answer to it came', async () => {
    const key = 'HTTPRoute/shop/a';
    const before = async ({ method }: Call, source: ClusterSource): Promise<void> => {
      if (method === 'PUT') await expect.poll(() => source.live.get(key)?.status.parents).toHaveLength(1);
    };
    const { api, reconciler, written } = await start([route('a')], { before });
    reconciler.write([routeStatus('a', parent('edge', [condition('Accepted')]))]);
    await reconciler.settled();
    setStatus(api, 'HTTPRoute', 'a', { parents: [] });
    await expect.poll(() => written.length).toBe(2);
  });

  test('survive a conflict with a writer that is faster, and lose nothing of it', async () => {
    const { api, reconciler, statusOf } = await start([route('a')]);
    let conflicts = 0;
    api.fault = ({ method }) => {
      // Between our look and our write.
      if (method === 'PUT' && conflicts++ < 3) setStatus(api, 'HTTPRoute', 'a', { parents: [theirs], at: conflicts });
      return undefined;
    };
    reconciler.write([routeStatus('a', parent('edge', [condition('Accepted')]))]);
    await reconciler.settled();
    expect(conflicts).toBe(4);
    expect(statusOf('HTTPRoute', 'a')).toMatchObject({ parents: [theirs, { controllerName: OURS }] });
  });

  test('that can never be written keep no other waiting', async () => {
    const { api, reconciler, written } = await start([route('bad'), ...['a', 'b', 'c'].map((name) => route(name))]);
    api.fault = ({ method, path }) =>
      method === 'PUT' && path.includes('/bad/') ? { kind: 'refuse', code: 422, reason: 'Invalid' } : undefined;
    reconciler.write(['bad', 'a', 'b', 'c'].map((name) => routeStatus(name, parent('edge', [condition('Accepted')]))));
    await expect.poll(() => [...written].sort()).toEqual(['a', 'b', 'c'].map((name) => `HTTPRoute/shop/${name}`));
    expect(reconciler.staleness).toBeGreaterThan(0);
  });

  test('are written after throttling and failures', async () => {
    const { api, reconciler, written } = await start([route('a')]);
    const faults = [THROTTLED, FAILED, THROTTLED];
    api.fault = ({ method }) => (method === 'PUT' ? faults.shift() : undefined);
    reconciler.write([routeStatus('a', parent('edge', [condition('Accepted')]))]);
    await reconciler.settled();
    expect(written).toHaveLength(1);
    expect(reconciler.staleness).toBe(0);
  });

  test('are written for an object that comes after its status', async () => {
    const { api, reconciler, written } = await start([]);
    reconciler.write([routeStatus('late', parent('edge', [condition('Accepted')]))]);
    await reconciler.settled();
    api.store.create(api.kind('HTTPRoute'), route('late'));
    await expect.poll(() => written).toEqual(['HTTPRoute/shop/late']);
  });
});

describe('statuses of Gateways', () => {
  const listener = (name: string, attachedRoutes = 0): object => ({
    name,
    attachedRoutes,
    supportedKinds: [{ group: 'gateway.networking.k8s.io', kind: 'HTTPRoute' }],
    conditions: [condition('Accepted')],
  });
  const status = (listeners: object[], conditions = [condition('Accepted')]) =>
    wanted('Gateway', 'edge', { conditions, listeners, addresses: [{ type: 'IPAddress', value: '10.0.0.1' }] });

  test('are applied, and written again only where they differ', async () => {
    const { reconciler, written, statusOf } = await start([gateway('edge')]);
    reconciler.write([status([listener('http', 1), listener('https')])]);
    await reconciler.settled();
    reconciler.resync();
    await reconciler.settled();
    expect(written).toHaveLength(1);
    expect(statusOf('Gateway', 'edge')).toMatchObject({
      listeners: [{ name: 'http', attachedRoutes: 1 }, { name: 'https' }],
    });
    reconciler.write([status([listener('http', 2), listener('https')])]);
    await reconciler.settled();
    expect(written).toHaveLength(2);
  });

  test('wait with numbers and words until nothing more changes: dozens of routes are one write', async () => {
    const { reconciler, written, statusOf } = await start([gateway('edge')], { detail: { quiet: 200, most: 60_000 } });
    reconciler.write([status([listener('http')])]);
    await reconciler.settled();
    for (let routes = 1; routes <= 16; routes++) {
      reconciler.write([status([listener('http', routes)], [condition('Accepted', 'True', `takes ${routes}`)])]);
      await new Promise(setImmediate);
      if (routes === 1) await vi.waitFor(() => expect(reconciler.staleness).toBeGreaterThan(0));
    }
    await reconciler.settled();
    expect(written).toHaveLength(2);
    expect(statusOf('Gateway', 'edge')).toMatchObject({
      listeners: [{ attachedRoutes: 16 }],
      conditions: [{ message: 'takes 16' }],
    });
    expect(reconciler.staleness).toBe(0);
  });

  test('do not wait with them for ever', async () => {
    const { reconciler, written } = await start([gateway('edge')], { detail: { quiet: 60_000, most: 100 } });
    reconciler.write([status([listener('http')])]);
    await reconciler.settled();
    let routes = 0;
    await vi.waitFor(() => {
      reconciler.write([status([listener('http', ++routes)])]);
      expect(written.length).toBeGreaterThan(1);
    });
  });

  test('wait longer with them where many objects do, for as long as many do', async () => {
    const names = Array.from({ length: DETAIL_CROWD * MOST_CROWDED }, (_, at) => `edge-${at}`);
    const quiet = 200;
    const { reconciler, written } = await start(names.map(gateway), { detail: { quiet, most: 60_000 } });
    const say = (some: string[], routes: number): void =>
      reconciler.write(some.map((name) => wanted('Gateway', name, { listeners: [listener('http', routes)] })));
    const wait = async (some: string[], routes: number): Promise<number> => {
      const began = performance.now();
      say(some, routes);
      await vi.waitFor(() => expect(reconciler.staleness).toBeGreaterThan(0));
      await reconciler.settled();
      return performance.now() - began;
    };
    say(names, 0);
    await reconciler.settled();
    // All are written at the first word: nobody waits for a condition.
    expect(written).toHaveLength(names.length);
    expect(await wait(names, 1)).toBeGreaterThanOrEqual(quiet * MOST_CROWDED * 0.99);
    expect(written).toHaveLength(names.length * 2);
    expect(await wait(names.slice(0, 1), 2)).toBeLessThan(quiet * MOST_CROWDED);
  });

  test('do not wait with anything else, and then take the numbers along', async () => {
    const { reconciler, written, statusOf } = await start([gateway('edge')], {
      detail: { quiet: 60_000, most: 60_000 },
    });
    reconciler.write([status([listener('http')])]);
    await reconciler.settled();
    reconciler.write([status([listener('http', 3)])]);
    reconciler.write([status([listener('http', 4)], [condition('Accepted', 'False')])]);
    await reconciler.settled();
    expect(written).toHaveLength(2);
    expect(statusOf('Gateway', 'edge')).toMatchObject({
      listeners: [{ attachedRoutes: 4 }],
      conditions: [{ status: 'False' }],
    });
  });

  test('are stale since what is not written yet, however long others of the object have been written', async () => {
    const held = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    let writes = 0;
    const { reconciler } = await start([gateway('edge')], {
      before: async ({ method }) => {
        if (method === 'PATCH') await held[writes++]?.promise;
      },
    });
    reconciler.write([status([listener('http')])]);
    await vi.waitFor(() => expect(writes).toBe(1));
    await vi.waitFor(() => expect(reconciler.staleness).toBeGreaterThan(0));
    const asked = performance.now();
    reconciler.write([status([listener('http')], [condition('Accepted', 'False')])]);
    held[0]!.resolve();
    await vi.waitFor(() => expect(writes).toBe(2));
    const { staleness } = reconciler;
    expect(staleness).toBeGreaterThan(0);
    expect(staleness).toBeLessThanOrEqual((performance.now() - asked) / 1000);
    held[1]!.resolve();
    await reconciler.settled();
  });

  test('lose listeners and conditions that are gone, and keep foreign conditions', async () => {
    const { api, reconciler, statusOf } = await start([gateway('edge')]);
    const foreign = { ...condition('Foreign'), lastTransitionTime: '2020-01-01T00:00:00Z' };
    setStatus(api, 'Gateway', 'edge', { conditions: [foreign] });
    reconciler.write([status([listener('http'), listener('old')], [condition('Accepted'), condition('ResolvedRefs')])]);
    await reconciler.settled();
    reconciler.write([status([listener('http')])]);
    await reconciler.settled();
    const { conditions, listeners } = statusOf('Gateway', 'edge') as Record<
      string,
      Array<{ name: string; type: string }>
    >;
    expect(conditions!.map(({ type }) => type).sort()).toEqual(['Accepted', 'Foreign']);
    expect(listeners!.map(({ name }) => name)).toEqual(['http']);
  });
});

describe('the order of writes', () => {
  test('is Gateways, then routes, and last what is cleared away, however much of that there is', async () => {
    const names = Array.from({ length: 60 }, (_, at) => `r${at}`);
    const { reconciler, written } = await start([gateway('edge'), route('late'), ...names.map((name) => route(name))]);
    const statuses = names.map((name) => routeStatus(name, parent('edge', [condition('Accepted')])));
    reconciler.write(statuses);
    await reconciler.settled();
    written.length = 0;
    reconciler.write(statuses.map(({ key }) => ({ key })));
    reconciler.write([routeStatus('late', parent('edge', [condition('Accepted')]))]);
    reconciler.write([wanted('Gateway', 'edge', { conditions: [condition('Accepted')] })]);
    await reconciler.settled();
    expect(written).toHaveLength(62);
    // What was under way when they came, and they themselves.
    expect(written.indexOf('Gateway/shop/edge')).toBeLessThan(2 * WRITES_AT_ONCE);
    expect(written.indexOf('HTTPRoute/shop/late')).toBeLessThan(2 * WRITES_AT_ONCE);
  });
});

describe('the lead', () => {
  test('is what writes: nothing without it, everything with it, nothing after it', async () => {
    const { api, reconciler, written } = await start([route('a'), route('b')], { leads: false });
    reconciler.write([routeStatus('a', parent('edge', [condition('Accepted')]))]);
    await reconciler.settled();
    expect(api.store.writes).toEqual([]);
    reconciler.lead(true);
    await reconciler.settled();
    expect(written).toEqual(['HTTPRoute/shop/a']);
    reconciler.lead(false);
    reconciler.write([routeStatus('b', parent('edge', [condition('Accepted')]))]);
    setStatus(api, 'HTTPRoute', 'a', { parents: [] });
    await reconciler.settled();
    expect(written).toHaveLength(1);
  });

  test('stops what has not been sent, also what is about to be', async () => {
    const { api, source, reconciler } = await start([route('a')]);
    reconciler.write([routeStatus('a', parent('edge', [condition('Accepted')]))]);
    reconciler.lead(false);
    // What was sent would be there by the time that is seen.
    api.store.create(api.kind('HTTPRoute'), route('later'));
    await vi.waitFor(() => expect(source.live.get('HTTPRoute/shop/later')).toBeDefined());
    expect(api.store.writes).toEqual([]);
  });

  test('that changes hands keeps nothing else waiting while thousands are compared', async () => {
    const conditions = [{ ...condition('Accepted'), lastTransitionTime: '2026-01-01T00:00:00Z' }];
    const names = Array.from({ length: 6000 }, (_, at) => `r${at}`);
    const parents = [{ ...parent('edge', conditions) }];
    const { reconciler, written } = await start(
      names.map((name) => route(name, { parents })),
      { leads: false },
    );
    reconciler.write(names.map((name) => routeStatus(name, parent('edge', [condition('Accepted')]))));
    let turns = 0;
    const count = (): void => {
      turns++;
      setImmediate(count).unref();
    };
    reconciler.lead(true);
    setImmediate(count).unref();
    await reconciler.settled();
    expect(written).toEqual([]);
    expect(turns).toBeGreaterThan(0);
  });

  test('that changes hands rewrites nothing', async () => {
    const { api, reconciler } = await start([route('a')]);
    reconciler.write([routeStatus('a', parent('edge', [condition('Accepted')]))]);
    await reconciler.settled();
    const { version } = api.store;
    reconciler.lead(false);
    reconciler.lead(true);
    await reconciler.settled();
    expect(api.store.version).toBe(version);
  });
});
