import { expect, test } from 'vitest';
import type { ClientConnection, Upstream } from '../ground/codec.ts';
import { DeadlineWheel } from '../ground/deadline.ts';
import { MemoryDriver } from '../listen/index.ts';
import { BackendState } from '../state/index.ts';
import { ClientPools } from './client-pools.ts';
import {
  type EndpointPool,
  type EndpointTarget,
  MAX_CLIENTS_PER_ENDPOINT,
  type OpenWaiter,
  type UpstreamWorld,
} from './connection.ts';

class FakePool {
  readonly target: EndpointTarget;
  opened = 0;
  retired = false;
  readonly cancelled: OpenWaiter[] = [];

  constructor(target: EndpointTarget) {
    this.target = target;
  }
  open(): Upstream | null {
    this.opened++;
    return null;
  }
  cancel(waiter: OpenWaiter): void {
    this.cancelled.push(waiter);
  }
  retire(): void {
    this.retired = true;
  }
}

function rig() {
  const made: FakePool[] = [];
  const wheel = new DeadlineWheel(() => 0);
  const world: UpstreamWorld = {
    driver: new MemoryDriver(),
    wheel,
    proxyHeader: (version, { source }) => Buffer.from(`v${version} ${source.address}:${source.port}`),
  };
  const pools = new ClientPools(
    world,
    { address: '10.0.0.1', port: 80, tls: undefined, health: new BackendState(wheel).endpoints.hold('') },
    {
      version: 1,
      make(target) {
        const pool = new FakePool(target);
        made.push(pool);
        return pool as unknown as EndpointPool;
      },
    },
  );
  return { pools, made };
}

function clientOf(port: number): ClientConnection {
  return { remoteAddress: '192.0.2.1', remotePort: port, localAddress: '', localPort: 0 } as ClientConnection;
}

function waiterOf(client: ClientConnection, told: string[] = []): OpenWaiter {
  return { client, upstreamUnavailable: (why: string) => void told.push(why) } as unknown as OpenWaiter;
}

test('each client has a pool of its own, whose connections begin with its address', () => {
  const { pools, made } = rig();
  const [a, b] = [clientOf(1), clientOf(2)];
  for (const client of [a, b, a]) pools.open(waiterOf(client));
  expect(made.map(({ opened }) => opened)).toEqual([2, 1]);
  expect(made.map(({ target }) => Buffer.from(target.preamble!).toString())).toEqual([
    'v1 192.0.2.1:1',
    'v1 192.0.2.1:2',
  ]);
});

test('a pool goes with its client, or with the endpoint', () => {
  const { pools, made } = rig();
  const [a, b] = [clientOf(1), clientOf(2)];
  for (const client of [a, b]) pools.open(waiterOf(client));
  for (const own of a.ownPools!) own.retire();
  expect(made.map(({ retired }) => retired)).toEqual([true, false]);
  pools.open(waiterOf(a));
  expect(made).toHaveLength(3);
  pools.retire();
  expect(made.every(({ retired }) => retired)).toBe(true);
  expect(b.ownPools!.size).toBe(0);
});

test('with its client go the pools of all endpoints', () => {
  const rigs = [rig(), rig(), rig()];
  const client = clientOf(1);
  for (const { pools } of rigs) pools.open(waiterOf(client));
  expect(client.ownPools!.size).toBe(3);
  for (const own of client.ownPools!) own.retire();
  expect(rigs.map(({ made }) => made[0]!.retired)).toEqual([true, true, true]);
});

test('who is no longer interested is so in the pool of his client', () => {
  const { pools, made } = rig();
  const [a, b] = [waiterOf(clientOf(1)), waiterOf(clientOf(2))];
  for (const waiter of [a, b]) pools.open(waiter);
  pools.cancel(b);
  pools.cancel(waiterOf(clientOf(3)));
  expect(made.map(({ cancelled }) => cancelled)).toEqual([[], [b]]);
});

test('they are called as their endpoint is', () => {
  expect(rig().pools).toMatchObject({ address: '10.0.0.1', port: 80, label: '10.0.0.1:80' });
});

test('what comes after the client left, or the endpoint was given up, is served once', () => {
  const { pools, made } = rig();
  const gone = clientOf(1);
  gone.ownPools = null;
  pools.open(waiterOf(gone));
  expect(made[0]).toMatchObject({ opened: 1, retired: true });
  pools.retire();
  pools.open(waiterOf(clientOf(2)));
  expect(made[1]).toMatchObject({ opened: 1, retired: true });
});

test('an endpoint that refuses one client is passed over for all', () => {
  const { pools, made } = rig();
  pools.open(waiterOf(clientOf(1)));
  made[0]!.target.health.refused();
  expect(pools.health.evictedUntil).toBeGreaterThan(0);
  made[0]!.target.health.opened();
  expect(pools.health.evictedUntil).toBe(0);
});

test('more clients than the limit are turned away', async () => {
  const { pools, made } = rig();
  const told: string[] = [];
  for (let port = 1; port <= MAX_CLIENTS_PER_ENDPOINT; port++) pools.open(waiterOf(clientOf(port), told));
  expect(told).toEqual([]);
  pools.open(waiterOf(clientOf(0), told));
  await Promise.resolve();
  expect(told).toEqual(['overloaded']);
  expect(made).toHaveLength(MAX_CLIENTS_PER_ENDPOINT);
});
