/** Thousands of routes of a tenant come at once, against the embedded API: what somebody else changes then does not wait for all of them. */
import { afterEach, expect, test } from 'vitest';
import type { Ack, Delta } from '../../src/config/index.ts';
import { Control } from '../../src/control/index.ts';
import { MemoryFleet } from '../../src/delivery/index.ts';
import { createLog } from '../../src/observe/index.ts';
import { StatusReconciler } from '../../src/reconcile/index.ts';
import { ApiClient, ClusterSource } from '../../src/sources/cluster/index.ts';
import { type ApiObject, ApiServer } from './index.ts';

const FLOOD = 3000;
/** Of the flood that may be served, or have its status written, before the change of somebody else: a sixth. */
const MOST = FLOOD / 6;
const API = 'gateway.networking.k8s.io/v1';
const CONTROLLER = 'daemun.dev/gateway-controller';

const closing: Array<() => unknown> = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

const CLASS = {
  apiVersion: API,
  kind: 'GatewayClass',
  metadata: { name: 'daemun' },
  spec: { controllerName: CONTROLLER },
};
const EDGE = {
  apiVersion: API,
  kind: 'Gateway',
  metadata: { name: 'edge', namespace: 'infra' },
  spec: {
    gatewayClassName: 'daemun',
    listeners: [{ name: 'http', port: 80, protocol: 'HTTP', allowedRoutes: { namespaces: { from: 'All' } } }],
  },
};

function route(namespace: string, name: string) {
  const parentRefs = [{ name: 'edge', namespace: 'infra' }];
  const spec = {
    parentRefs,
    hostnames: [`${name}.${namespace}.example.com`],
    rules: [{ backendRefs: [{ name: 'web', port: 80 }] }],
  };
  return { apiVersion: API, kind: 'HTTPRoute', metadata: { name, namespace }, spec };
}

/** Keys of the rules that the data planes of the Gateway were told of, in order. */
async function controller(api: ApiServer): Promise<{ told: Set<string> }> {
  const client = new ApiClient({ server: api.url, namespace: 'default', name: 'test' });
  const log = await createLog({ level: 'silent', format: 'json' });
  let source: ClusterSource | undefined;
  const reconciler = new StatusReconciler({
    client,
    controllerNames: [CONTROLLER],
    live: (key) => source?.live.get(key),
    place: (kind, metadata) => source?.pathTo(kind, metadata),
    log,
  });
  const told = new Set<string>();
  const take = (delta: Delta): Ack => {
    for (const { kind, key } of delta.upserts) if (kind === 'RouteRule') told.add(key);
    return {
      version: delta.version,
      proxy: 'pod',
      rejected: [],
      listeners: [{ key: 'infra/edge/http', state: 'serving', bound: ['10.0.0.1:80'] }],
    };
  };
  const control = new Control({
    source: (lastGood) => {
      const opened = new ClusterSource({ client, lastGood });
      opened.live.subscribe((changes) => {
        for (const { key } of changes) reconciler.seen(key);
      });
      source = opened;
      return opened;
    },
    writer: reconciler,
    controllerNames: [CONTROLLER],
    perGateway: true,
    log,
  });
  closing.push(async () => {
    reconciler.close();
    await control.end();
    client.close();
  });
  await control.start(
    (events) =>
      new MemoryFleet(
        'pod',
        () => ({ apply: async (delta) => take(delta), metrics: () => [], drain: async () => {} }),
        events,
      ),
  );
  reconciler.lead(true);
  await expect
    .poll(() => JSON.stringify(api.store.get(api.kind('Gateway'), 'infra', 'edge').status ?? {}))
    .toContain('Accepted');
  return { told };
}

const key = (namespace: string, name: string): string => `HTTPRoute/${namespace}/${name}/0`;

test('what somebody else changes is served, and has its status, long before a flood is', async () => {
  const api = await ApiServer.start();
  closing.push(() => api.close());
  for (const object of [CLASS, EDGE, route('owner', 'before')])
    api.store.create(api.kind(object.kind), object as unknown as ApiObject);
  const { told } = await controller(api);
  await expect.poll(() => told.has(key('owner', 'before'))).toBe(true);
  const written = (): string[] =>
    api.store.writes
      .filter(({ served, subresource }) => served.kind === 'HTTPRoute' && subresource === 'status')
      .map(({ name }) => name);
  const make = (namespace: string, name: string): void => {
    api.store.create(api.kind('HTTPRoute'), route(namespace, name) as unknown as ApiObject);
  };
  for (let at = 0; at < FLOOD; at++) make('red', `flood-${at}`);
  make('owner', 'own');
  await expect.poll(() => told.has(key('red', `flood-${FLOOD - 1}`)), { timeout: 60_000 }).toBe(true);
  const order = [...told];
  await expect.poll(() => new Set(written()).size, { timeout: 60_000 }).toBeGreaterThanOrEqual(FLOOD + 2);
  expect(order.indexOf(key('owner', 'own'))).toBeLessThan(MOST);
  expect(written().indexOf('own')).toBeLessThan(MOST);
}, 120_000);
