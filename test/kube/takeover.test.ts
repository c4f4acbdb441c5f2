/** Who begins to lead, and what it does not say before it knows better; against the embedded API. */
import { afterEach, expect, test } from 'vitest';
import type { Condition } from '../../src/api/index.ts';
import { StatusReconciler } from '../../src/reconcile/index.ts';
import { TAKEOVER_PATIENCE } from '../../src/reconcile/takeover.ts';
import { ApiClient, ClusterSource } from '../../src/sources/cluster/index.ts';
import { type ApiObject, ApiServer } from './index.ts';

const OURS = 'daemun.dev/gateway-controller';
const log = { error() {}, warn() {}, info() {}, debug() {} };
const open: Array<() => Promise<void> | void> = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

const condition = (type: string, status = 'True', reason = type, observedGeneration = 1): Condition =>
  ({ type, status, reason, message: '', observedGeneration, lastTransitionTime: '2026-01-01T00:00:00Z' }) as Condition;
const PROGRAMMED = [condition('Accepted'), condition('Programmed')];
const PENDING = [condition('Accepted'), condition('Programmed', 'Unknown', 'Pending')];
const UNADDRESSED = [condition('Accepted'), condition('Programmed', 'False', 'AddressNotAssigned')];
const REFUSED = [condition('Accepted'), condition('Programmed', 'False', 'Invalid')];

const gatewayStatus = (own: Condition[], listener = own): object => ({
  conditions: own,
  listeners: [{ name: 'http', attachedRoutes: 1, supportedKinds: [], conditions: listener }],
});
const routeStatus = (conditions: Condition[]): object => ({
  parents: [{ parentRef: { name: 'edge' }, controllerName: OURS, conditions }],
});

/** A cluster in which `edge` and `a` are programmed, and a controller that has just begun to lead. */
async function takeover(patience?: number) {
  const api = await ApiServer.start();
  const metadata = { namespace: 'n', generation: 1 };
  const objects = [
    { kind: 'Gateway', metadata: { ...metadata, name: 'edge' }, spec: {}, status: gatewayStatus(PROGRAMMED) },
    { kind: 'HTTPRoute', metadata: { ...metadata, name: 'a' }, spec: {}, status: routeStatus(PROGRAMMED) },
    { kind: 'HTTPRoute', metadata: { ...metadata, name: 'new' }, spec: {} },
  ] as unknown as ApiObject[];
  for (const { status, ...object } of objects) {
    const served = api.kind(object.kind);
    api.store.create(served, { ...object, apiVersion: 'gateway.networking.k8s.io/v1' } as ApiObject);
    const there = api.store.get(served, 'n', object.metadata.name);
    if (status) api.store.replace(served, { ...structuredClone(there), status }, { status: true });
  }
  const client = new ApiClient({ server: api.url, namespace: 'n', name: 'test' });
  const source = new ClusterSource({ client, times: { firstPause: 5, longestPause: 20 } });
  const written: string[] = [];
  const reconciler = new StatusReconciler({
    client,
    controllerNames: [OURS],
    live: (key) => source.live.get(key),
    place: (kind, of) => source.pathTo(kind, of),
    log,
    onWrite: (key) => written.push(key),
    ...(patience === undefined ? {} : { patience }),
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
  await expect.poll(() => source.live.size).toBe(3);
  const want = (kind: 'Gateway' | 'HTTPRoute', name: string, status: object): void =>
    reconciler.write([{ key: `${kind}/n/${name}`, after: { kind, metadata: { namespace: 'n', name }, status } }]);
  return { reconciler, written, want };
}

test('what was programmed is not taken back while data planes look for the new leader, and what is new is written', async () => {
  const { reconciler, written, want } = await takeover();
  want('Gateway', 'edge', gatewayStatus(PENDING));
  want('HTTPRoute', 'a', routeStatus(PENDING));
  want('HTTPRoute', 'new', routeStatus(PENDING));
  reconciler.lead(true);
  await reconciler.settled();
  expect(written).toEqual(['HTTPRoute/n/new']);
  // Its own listeners are programmed, and the address of the Gateway is still being read.
  want('Gateway', 'edge', gatewayStatus(UNADDRESSED, PROGRAMMED));
  await reconciler.settled();
  // Found: nothing has changed, and nothing is written at all.
  want('Gateway', 'edge', gatewayStatus(PROGRAMMED));
  want('HTTPRoute', 'a', routeStatus(PROGRAMMED));
  await reconciler.settled();
  expect(written).toEqual(['HTTPRoute/n/new']);
  expect(TAKEOVER_PATIENCE).toBeGreaterThanOrEqual(20_000);
});

test('what is known to be otherwise is written at once', async () => {
  const { reconciler, written, want } = await takeover();
  reconciler.lead(true);
  want('HTTPRoute', 'a', routeStatus(REFUSED));
  want('Gateway', 'edge', gatewayStatus(PROGRAMMED, REFUSED));
  await expect.poll(() => written).toHaveLength(2);
});

test('so is what is said of a newer generation', async () => {
  const { reconciler, written, want } = await takeover();
  reconciler.lead(true);
  want('HTTPRoute', 'a', routeStatus([condition('Programmed', 'Unknown', 'Pending', 2)]));
  await expect.poll(() => written).toEqual(['HTTPRoute/n/a']);
});

test('nobody is waited for without end, and later word is written at once', async () => {
  const { reconciler, written, want } = await takeover(50);
  want('HTTPRoute', 'a', routeStatus(PENDING));
  reconciler.lead(true);
  await reconciler.settled();
  expect(written).toEqual([]);
  await expect.poll(() => written).toEqual(['HTTPRoute/n/a']);
  want('HTTPRoute', 'a', routeStatus(PROGRAMMED));
  await expect.poll(() => written).toHaveLength(2);
  want('HTTPRoute', 'a', routeStatus(PENDING));
  await expect.poll(() => written).toHaveLength(3);
});
