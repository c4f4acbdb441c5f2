/** An API server that was away is asked at once by all who wait for it, however long each would wait by then. */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { StatusReconciler } from '../../src/reconcile/index.ts';
import { CONNECT_TIMEOUT } from '../../src/sources/cluster/api-client.ts';
import { FullReads } from '../../src/sources/cluster/full-reads.ts';
import { ApiClient } from '../../src/sources/cluster/index.ts';
import { ListWatch } from '../../src/sources/cluster/list-watch.ts';
import { type ApiObject, ApiServer, FAILED, type FaultRule } from './index.ts';
import { Desk } from './infrastructure-desk.ts';

/** Ten minutes: nobody who waits comes again by himself. */
const LONG = { first: 600_000, longest: 600_000 };
const ROUTES = '/apis/gateway.networking.k8s.io/v1/httproutes';
const AWAY: FaultRule = () => ({ kind: 'reset' });

interface Rig {
  api: ApiServer;
  client: ApiClient;
  /** Something that is answered. */
  back(): Promise<void>;
}

async function start(options: { awayAfter?: number } = { awayAfter: 0 }): Promise<Rig> {
  const api = await ApiServer.start();
  const client = new ApiClient({ server: api.url, namespace: 'shop', name: 'test' }, options);
  onTestFinished(async () => {
    client.close();
    await api.close();
  });
  return { api, client, back: async () => void (await client.call({ path: '/api/v1/namespaces' })) };
}

/** How often a list was asked for. */
function watched({ api, client }: Rig, fault: FaultRule): { asked: () => number; lists: () => number } {
  let [asked, lists] = [0, 0];
  api.fault = (request) => {
    if (request.path === ROUTES) asked++;
    return fault(request);
  };
  const watch = new ListWatch({
    client,
    path: ROUTES,
    times: { firstPause: LONG.first, longestPause: LONG.longest },
    events: { replace: () => void lists++, change() {}, trouble() {} },
  });
  onTestFinished(() => watch.close());
  return { asked: () => asked, lists: () => lists };
}

test('lists are read anew, once for all', async () => {
  const rig = await start();
  const { asked, lists } = watched(rig, AWAY);
  await expect.poll(asked).toBe(1);
  rig.api.fault = () => undefined;
  await rig.back();
  await expect.poll(lists).toBe(1);
});

test('a list that fails once more then, over a connection that died meanwhile, is asked for soon', async () => {
  const rig = await start();
  let asked = 0;
  rig.api.fault = ({ path }) => {
    if (path !== ROUTES) return undefined;
    asked++;
    return { kind: 'reset' };
  };
  const times = { firstPause: 20, longestPause: LONG.longest };
  const watch = new ListWatch({
    client: rig.client,
    path: ROUTES,
    times,
    events: { replace() {}, change() {}, trouble() {} },
  });
  onTestFinished(() => watch.close());
  // Were they one series, pauses would be minutes by then.
  for (let round = 0; round < 15; round++) {
    await expect.poll(() => asked, { interval: 5 }).toBeGreaterThan(round);
    await rig.back();
  }
  const before = asked;
  await expect.poll(() => asked).toBeGreaterThan(before + 2);
});

test.each<[string, FaultRule, { awayAfter?: number }]>([
  ['that is answered with a failure', ({ path }) => (path === ROUTES ? FAILED : undefined), { awayAfter: 0 }],
  [
    'that alone breaks, while others are answered,',
    ({ path }) => (path === ROUTES ? { kind: 'reset' } : undefined),
    {},
  ],
])('a list %s waits as long as it should', async (_, fault, options) => {
  const rig = await start(options);
  await rig.back();
  const { asked } = watched(rig, fault);
  await expect.poll(asked).toBe(1);
  const began = performance.now();
  while (performance.now() - began < 700) await rig.back();
  expect(asked()).toBe(1);
});

test('a Secret that is referred to is read', async () => {
  const rig = await start();
  const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { namespace: 'shop', name: 'tls' } } as ApiObject;
  rig.api.store.create(rig.api.kind('Secret'), secret);
  rig.api.fault = AWAY;
  const told: string[] = [];
  const put = async (key: string): Promise<void> => void told.push(key);
  let troubles = 0;
  const reads = new FullReads(rig.client, { put, trouble: (_, error) => void (error && troubles++) }, LONG);
  onTestFinished(() => reads.close());
  reads.want('Secret/shop/tls', 'Gateway/shop/edge');
  await reads.seen('Secret/shop/tls', { resourceVersion: '1' });
  await expect.poll(() => troubles).toBe(1);
  rig.api.fault = () => undefined;
  await rig.back();
  await expect.poll(() => told).toEqual(['Secret/shop/tls']);
});

test('a status is written', async () => {
  const rig = await start();
  const metadata = { namespace: 'shop', name: 'edge' };
  const spec = { gatewayClassName: 'daemun', listeners: [] };
  const kind = rig.api.kind('Gateway');
  const gateway = { apiVersion: 'gateway.networking.k8s.io/v1', kind: 'Gateway', metadata, spec } as ApiObject;
  const { resourceVersion = '' } = rig.api.store.create(kind, gateway).metadata;
  rig.api.fault = AWAY;
  let warned = 0;
  const reconciler = new StatusReconciler({
    client: rig.client,
    controllerNames: ['daemun.dev/gateway-controller'],
    live: () => ({ resourceVersion, status: {} }),
    place: () => ({
      path: `${ROUTES.replace('httproutes', 'namespaces/shop/gateways')}/edge`,
      apiVersion: gateway.apiVersion!,
    }),
    log: { error() {}, warn: () => warned++, info() {}, debug() {} },
    pauses: LONG,
  });
  onTestFinished(() => reconciler.close());
  reconciler.lead(true);
  const conditions = [{ type: 'Accepted', status: 'True', reason: 'Accepted', message: '', observedGeneration: 1 }];
  reconciler.write([{ key: 'Gateway/shop/edge', after: { kind: 'Gateway', metadata, status: { conditions } } }]);
  await expect.poll(() => warned).toBe(1);
  rig.api.fault = () => undefined;
  await rig.back();
  await expect
    .poll(() => (rig.api.store.get(kind, 'shop', 'edge').status as { conditions?: object[] })?.conditions)
    .toMatchObject([{ type: 'Accepted', status: 'True' }]);
});

test('what a Gateway needs is made', async () => {
  const api = await ApiServer.start();
  const access = { server: api.url, namespace: 'default', name: 'test' };
  const at = new Desk({ access, namespace: 'shop', close: () => api.close() });
  onTestFinished(() => at.close());
  const edge = await at.gateway('edge');
  const reconciler = at.reconciler({ pauses: LONG });
  await at.make(reconciler, await at.gateway('other'));
  api.fault = AWAY;
  reconciler.write([{ key: 'Gateway/shop/edge', after: edge }]);
  await expect.poll(() => at.warnings.some((text) => text.includes('cannot be made'))).toBe(true);
  api.fault = () => undefined;
  await at.client.call({ path: '/api/v1/namespaces' });
  await expect.poll(() => at.names('Deployment')).toContain('daemun-edge');
});

test('a connection that is not made in time has failed', async () => {
  const held: Socket[] = [];
  // It takes connections and says nothing, as a machine between whose other side is gone.
  const server = createServer((socket) => held.push(socket)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const client = new ApiClient({ server: new URL(`https://127.0.0.1:${port}`), namespace: 'shop', name: 'test' });
  onTestFinished(() => {
    client.close();
    for (const socket of held) socket.destroy();
    server.close();
  });
  await expect(client.call({ path: '/' })).rejects.toThrow(`no connection for ${CONNECT_TIMEOUT / 1000} s`);
});
