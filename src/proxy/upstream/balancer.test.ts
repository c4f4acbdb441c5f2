import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Backend, Endpoint, LoadBalancing } from '../../config/index.ts';
import { DeadlineWheel } from '../ground/deadline.ts';
import { atOnce } from '../ground/slice.ts';
import { MemoryDriver } from '../listen/index.ts';
import type { EndpointHealth } from '../state/index.ts';
import { Balancer } from './balancer.ts';
import type { EndpointPool, EndpointTarget } from './connection.ts';
import { spread } from './hash-ring.ts';

const BACKEND: Backend = {
  kind: 'Backend',
  key: 'd/s:80',
  service: { namespace: 'd', name: 's', port: 80 },
  protocol: 'http',
};

class FakePool implements EndpointPool {
  readonly address: string;
  readonly port: number;
  readonly label: string;
  readonly health: EndpointHealth;
  load = 0;
  retired = false;
  constructor({ address, port, health }: EndpointTarget) {
    this.address = address;
    this.port = port;
    this.health = health;
    this.label = `${address}:${port}`;
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
    makePool: (_world, target) => {
      const pool = new FakePool(target);
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

test('whatever the order, each endpoint that stays has its pool, each that comes one, and each that goes none', () => {
  const lists = fc.array(fc.array(fc.integer({ min: 1, max: 12 }), { maxLength: 14 }), { maxLength: 8 });
  fc.assert(
    fc.property(lists, (all) => {
      const { balancer, pools } = balancerOf();
      for (const ports of all) {
        const before = new Map(pools.filter(({ retired }) => !retired).map((pool) => [pool.port, pool]));
        balancer.update(ports.map((port) => endpoint(port, port % 3 === 0 ? 'draining' : 'ready')));
        const now = pools.filter(({ retired }) => !retired);
        expect(now.map(({ port }) => port).sort()).toEqual([...new Set(ports)].sort());
        for (const pool of now) expect(before.get(pool.port) ?? pool).toBe(pool);
        expect([...balancer.state.endpoints].length).toBe(now.length);
        const ready = ports.filter((port) => port % 3 !== 0);
        const turns = ready.length > 0 ? ready : ports;
        expect(picks(balancer, turns.length).sort()).toEqual([...turns].sort());
      }
    }),
  );
});

test('a list that was made beforehand is taken where others came meanwhile, and what is given up leaves nothing', () => {
  const { balancer, pools } = balancerOf(endpoint(1), endpoint(2));
  const held = (): string[] => Array.from(balancer.state.endpoints, ([label]) => label).sort();
  const prepared = atOnce(balancer.preparing([endpoint(2), endpoint(3)], undefined));
  balancer.update([endpoint(1), endpoint(3), endpoint(4)]);
  balancer.take(prepared);
  expect(new Set(picks(balancer, 4))).toEqual(new Set([2, 3]));
  expect(held()).toEqual(['10.0.0.1:2', '10.0.0.1:3']);
  balancer.discard(atOnce(balancer.preparing([endpoint(3), endpoint(5)], undefined)));
  expect(new Set(picks(balancer, 4))).toEqual(new Set([2, 3]));
  expect(held()).toEqual(['10.0.0.1:2', '10.0.0.1:3']);
  const live = pools.filter(({ retired }) => !retired);
  expect(live.map(({ port }) => port).sort()).toEqual([2, 3]);
});

describe('all ways to choose', () => {
  const hash = { keys: [{ type: 'Host' as const }] };
  test.each<LoadBalancing>([
    { type: 'RoundRobin' },
    { type: 'LeastRequest' },
    { type: 'Random' },
    { type: 'ConsistentHash', hash },
    { type: 'ConsistentHash', hash: { ...hash, subsetSize: 3 } },
  ])(
    '%j: the one that failed and those that are evicted are passed over, and where all are, one is tried',
    (settings) => {
      const { balancer, pools } = balancerOf(endpoint(1), endpoint(2), endpoint(3), endpoint(4, 'draining'));
      balancer.loadBalancing = settings;
      const aim = { hash: 7, session: null };
      pools[0]!.health.refused();
      for (let i = 0; i < 50; i++) expect(balancer.pick(pools[1]!, aim)?.port).toBe(3);
      pools[1]!.health.refused();
      pools[2]!.health.refused();
      expect([1, 2, 3]).toContain(balancer.pick(null, aim)?.port);
      balancer.update([endpoint(4, 'draining')]);
      expect(balancer.pick(null, aim)?.port).toBe(4);
      balancer.update([]);
      expect(balancer.pick(null, aim)).toBeNull();
    },
  );

  test.each<[LoadBalancing['type'], number, number]>([
    ['RoundRobin', 300, 300],
    ['Random', 240, 360],
    ['LeastRequest', 300, 400],
    ['ConsistentHash', 240, 360],
  ])('%s: an endpoint that weighs three gets three times as much', (type, least, most) => {
    const { balancer } = balancerOf(endpoint(1), { ...endpoint(2), address: '10.0.1.1' });
    balancer.loadBalancing = {
      type,
      weights: [{ networks: ['10.0.1.0/24'], weight: 3 }],
      hash: { ...hash, maxLoadPercent: 0 },
    };
    const seen = Array.from({ length: 400 }, (_, i) => balancer.pick(null, { hash: spread(i), session: null })!.port);
    const second = seen.filter((port) => port === 2).length;
    expect(second).toBeGreaterThanOrEqual(least);
    expect(second).toBeLessThanOrEqual(most);
  });
});

test('slow start: an endpoint that comes to others gets a part of its share at first, and all of it in the end', () => {
  let now = 0;
  const wheel = new DeadlineWheel(() => now);
  const balancer = new Balancer(BACKEND, {
    world: { driver: new MemoryDriver(), wheel },
    makePool: (_world, target) => new FakePool(target),
  });
  balancer.loadBalancing = { type: 'RoundRobin', slowStart: 10_000 };
  const share = (): number => picks(balancer, 2_000).filter((port) => port === 3).length / 2_000;
  balancer.update([endpoint(1), endpoint(2)]);
  balancer.update([endpoint(1), endpoint(2), endpoint(3)]);
  expect(share()).toBeLessThan(0.1);
  now = 5_000;
  wheel.advance();
  const half = share();
  expect(half).toBeGreaterThan(0.1);
  expect(half).toBeLessThan(0.3);
  now = 10_000;
  wheel.advance();
  expect(picks(balancer, 6).filter((port) => port === 3)).toHaveLength(2);
});
