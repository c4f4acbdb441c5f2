import { expect, test } from 'vitest';
import type { Backend, Endpoint } from '../../config/index.ts';
import { DeadlineWheel } from '../ground/deadline.ts';
import { MemoryDriver } from '../listen/index.ts';
import type { EndpointHealth } from '../state/index.ts';
import { Balancer } from './balancer.ts';
import type { EndpointPool } from './connection.ts';

const BACKEND: Backend = {
  kind: 'Backend',
  key: 'd/s:80',
  service: { namespace: 'd', name: 's', port: 80 },
  protocol: 'http',
};

class FakePool implements EndpointPool {
  readonly address = '10.0.0.1';
  readonly port: number;
  readonly label: string;
  readonly health: EndpointHealth;
  load = 0;
  retired = false;
  constructor(port: number, health: EndpointHealth) {
    this.port = port;
    this.health = health;
    this.label = `10.0.0.1:${port}`;
  }
  open(): null {
    return null;
  }
  cancel(): void {}
  retire(): void {
    this.retired = true;
  }
}

function balancerOf(...endpoints: Endpoint[]): { balancer: Balancer; pools: FakePool[] } {
  const pools: FakePool[] = [];
  const balancer = new Balancer(BACKEND, {
    world: { driver: new MemoryDriver(), wheel: new DeadlineWheel(() => 0) },
    makePool: (_world, { port, health }) => {
      const pool = new FakePool(port, health);
      pools.push(pool);
      return pool;
    },
  });
  balancer.update(endpoints);
  return { balancer, pools };
}

function endpoint(port: number, state: Endpoint['state'] = 'ready'): Endpoint {
  return { address: '10.0.0.1', port, state };
}

function picks(balancer: Balancer, count: number): Array<number | undefined> {
  return Array.from({ length: count }, () => balancer.pick()?.port);
}

test('ready endpoints take turns, and draining ones only where none is ready', () => {
  const { balancer } = balancerOf(endpoint(1), endpoint(2), endpoint(3, 'draining'));
  expect(picks(balancer, 4)).toEqual([1, 2, 1, 2]);
  balancer.update([endpoint(3, 'draining')]);
  expect(picks(balancer, 2)).toEqual([3, 3]);
  balancer.update([]);
  expect(balancer.pick()).toBeNull();
});

test('an endpoint that is evicted, or just failed, is passed over as long as there is another', () => {
  const { balancer, pools } = balancerOf(endpoint(1), endpoint(2));
  pools[0]!.health.evictedUntil = 100;
  expect(picks(balancer, 3)).toEqual([2, 2, 2]);
  expect(balancer.pick(pools[1]!)).not.toBeNull();
  pools[1]!.health.evictedUntil = 100;
  expect(new Set(picks(balancer, 4))).toEqual(new Set([1, 2]));
});

test('of two by chance the one with fewer requests is taken, and none that is evicted', () => {
  const { balancer, pools } = balancerOf(endpoint(1), endpoint(2), endpoint(3));
  balancer.loadBalancing = { type: 'LeastRequest' };
  pools[0]!.load = 10;
  pools[1]!.health.streams = 5;
  const chosen = picks(balancer, 300);
  // The busiest is never the better one of two.
  expect(chosen).not.toContain(1);
  expect(chosen.filter((port) => port === 3).length).toBeGreaterThan(chosen.filter((port) => port === 2).length);
  pools[2]!.health.evictedUntil = 100;
  expect(picks(balancer, 50)).not.toContain(3);
  balancer.update([endpoint(1)]);
  expect(picks(balancer, 2)).toEqual([1, 1]);
});

test('an update keeps the pools of endpoints that stay and retires the others', () => {
  const { balancer, pools } = balancerOf(endpoint(1), endpoint(2));
  balancer.update([endpoint(2, 'draining'), endpoint(3)]);
  expect(pools.map(({ port }) => port)).toEqual([1, 2, 3]);
  expect(pools.map(({ retired }) => retired)).toEqual([true, false, false]);
  balancer.retire();
  expect(pools.every(({ retired }) => retired)).toBe(true);
});
