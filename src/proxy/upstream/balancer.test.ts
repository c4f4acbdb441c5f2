import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import type { Backend, Endpoint, HealthCheck, LoadBalancing } from '../../config/index.ts';
import { DeadlineWheel } from '../ground/deadline.ts';
import { atOnce } from '../ground/slice.ts';
import { MemoryDriver } from '../listen/index.ts';
import type { ProbeBook } from '../probe/index.ts';
import { plainHead } from '../route/plain-request.ts';
import { type EndpointHealth, ProxyState } from '../state/index.ts';
import type { Aim } from './aim.ts';
import { Balancer, type BalancerOptions } from './balancer.ts';
import { ClientPools } from './client-pools.ts';
import type { EndpointPool, EndpointTarget, PoolFactory, SpokenProtocol } from './connection.ts';
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

describe('what is spoken to endpoints', () => {
  function spoken(backend: Partial<Backend>, options: Partial<BalancerOptions> = {}) {
    const makePool = vi.fn<PoolFactory>((_world, target) => new FakePool(target));
    const world = { driver: new MemoryDriver(), wheel: new DeadlineWheel(() => 0) };
    const balancer = new Balancer({ ...BACKEND, ...backend }, { world, makePool, ...options });
    balancer.update([endpoint(1)]);
    return { balancer, makePool };
  }

  test.each<[Backend['protocol'], SpokenProtocol | undefined, SpokenProtocol, boolean]>([
    ['http', undefined, 'http', false],
    ['tcp', undefined, 'http', false],
    ['h2c', undefined, 'h2', true],
    ['http', 'auto', 'auto', true],
    ['h2c', 'http', 'http', false],
  ])('of %s, told %s: %s', (protocol, told, wanted, handsBack) => {
    const { balancer, makePool } = spoken({ protocol }, { protocol: told });
    expect(makePool.mock.calls.map(([, , said]) => said)).toEqual([wanted]);
    expect(balancer.handsBack).toBe(handsBack);
  });

  test('is what the backend’s TLS and limits are, for all its pools', () => {
    const tls = { serverName: 'b', ca: undefined, alpn: [], verify: () => undefined };
    const { balancer, makePool } = spoken({}, { tls, broken: 'why' });
    const [, target] = makePool.mock.calls[0]!;
    expect(target).toMatchObject({ address: '10.0.0.1', port: 1, label: '10.0.0.1:1', tls });
    expect(target.limits).toBe(balancer.limits);
    expect([balancer.broken, balancer.tls]).toEqual(['why', tls]);
  });

  test('has a pool for each client where connections begin with a PROXY header', () => {
    const { balancer, makePool } = spoken({}, { proxyProtocol: 2 });
    expect(balancer.pick()).toBeInstanceOf(ClientPools);
    expect(makePool).not.toHaveBeenCalled();
  });
});

test('state is kept under the name that is said, or the backend’s, until the last lets go of it', () => {
  const wheel = new DeadlineWheel(() => 0);
  const state = new ProxyState(wheel);
  const make = (stateKey?: string): Balancer => {
    const makePool: PoolFactory = (_world, target) => new FakePool(target);
    return new Balancer(BACKEND, { world: { driver: new MemoryDriver(), wheel, state }, makePool, stateKey });
  };
  const [own, same, other] = [make(), make(), make('other')];
  expect([own.state === same.state, own.state === other.state, own.retries === own.state.retries]).toEqual([
    true,
    false,
    true,
  ]);
  expect(own.state.settled).toBe(false);
  own.update([endpoint(1, 'draining')]);
  expect(own.state.settled).toBe(false);
  own.update([endpoint(1)]);
  expect(own.state.settled).toBe(true);
  own.retire();
  own.retire();
  expect(state.backends.size).toBe(2);
  same.retire();
  expect(state.backends.size).toBe(1);
});

describe('health checks', () => {
  const CHECK: HealthCheck = {
    question: { type: 'TCP' },
    ...{ interval: 10_000, timeout: 1_000, jitterPercent: 10, healthyThreshold: 2, unhealthyThreshold: 3 },
    ...{ initialState: 'Healthy', panicThresholdPercent: 0 },
  };
  /** `verdicts`: whether an endpoint is healthy, by its label. */
  function checked(options: Partial<BalancerOptions> = {}, looks = true) {
    const held: string[] = [];
    const found = new Map<string, { healthy: boolean; unknown: boolean; finding: number }>();
    const book = {
      hold: (name: string, { label }: { label: string }) => {
        if (!held.includes(name)) held.push(name);
        const one = found.get(label) ?? { healthy: true, unknown: false, finding: 0 };
        found.set(label, one);
        return one;
      },
      letGo: (name: string) => held.splice(held.indexOf(name), 1),
    };
    let now = 0;
    const wheel = new DeadlineWheel(() => now);
    const probes = book as unknown as ProbeBook;
    const world = { driver: new MemoryDriver(), wheel, ...(looks && { probes }) };
    const balancer = new Balancer(BACKEND, { world, makePool: (_world, target) => new FakePool(target), ...options });
    balancer.update([endpoint(1), endpoint(2), endpoint(3, 'draining')]);
    const later = (milliseconds: number): void => {
      now += milliseconds;
      wheel.advance();
    };
    return { balancer, held, found, later };
  }

  test('are of the ready ones, by the way that they are reached, as long as they are asked for', () => {
    const { balancer, held } = checked({ stateKey: `${BACKEND.key} way`, proxyProtocol: 1 });
    balancer.healthCheck = CHECK;
    expect(held).toEqual(['d/s:80  way 1 10.0.0.1:1', 'd/s:80  way 1 10.0.0.1:2']);
    const { checks } = balancer;
    balancer.healthCheck = { ...CHECK };
    expect(balancer.checks).toBe(checks);
    expect(checks!.check).toBe(CHECK);
    const other = { ...CHECK, interval: 1 };
    balancer.healthCheck = other;
    expect(balancer.checks).toBe(checks);
    expect(checks!.check).toBe(other);
    balancer.update([endpoint(4)]);
    expect(held.at(-1)).toContain(':4');
    balancer.healthCheck = undefined;
    expect(balancer.checks).toBeNull();
    expect(held).toEqual([]);
    balancer.healthCheck = CHECK;
    balancer.retire();
    expect(balancer.checks).toBeNull();
    expect(held).toEqual([]);
  });

  test('are none where nobody looks, or nothing may be sent', () => {
    const [unseen, broken] = [checked({}, false), checked({ broken: 'why' })];
    for (const { balancer, held } of [unseen, broken]) {
      balancer.healthCheck = CHECK;
      balancer.verdictsChanged();
      expect([balancer.checks, held]).toEqual([null, []]);
    }
  });

  test('leave out who is not healthy, also of those that are near, and who comes back comes as a new one', () => {
    const { balancer, found, later } = checked();
    balancer.healthCheck = CHECK;
    found.get('10.0.0.1:1')!.healthy = false;
    expect(new Set(picks(balancer, 4))).toEqual(new Set([1, 2]));
    balancer.verdictsChanged();
    expect(new Set(picks(balancer, 4))).toEqual(new Set([2]));
    expect(balancer.size).toBe(2);
    later(5_000);
    found.get('10.0.0.1:1')!.healthy = true;
    balancer.verdictsChanged();
    const pools = Array.from({ length: 2 }, () => balancer.pick()!);
    expect(new Map(pools.map(({ port, health }) => [port, health.freshSince]))).toEqual(
      new Map([
        [1, 5_000],
        [2, expect.not.toBeOneOf([5_000])],
      ]),
    );
    found.get('10.0.0.1:1')!.healthy = found.get('10.0.0.1:2')!.healthy = false;
    balancer.verdictsChanged();
    // Those that drain are not looked at.
    expect(picks(balancer, 1)).toEqual([3]);
    balancer.healthCheck = undefined;
    expect(new Set(picks(balancer, 4))).toEqual(new Set([1, 2]));
  });

  test('keep no session at who is not healthy', () => {
    const { balancer, found } = checked();
    balancer.healthCheck = CHECK;
    const session = {
      type: 'Header',
      name: 'x-s',
      secret: 'x',
      mode: 'Persistent',
      changeOnFailure: false,
      acrossBackends: false,
    } as const;
    const say = (text: string): Aim => {
      const head = plainHead({ method: 'GET', host: 'a', target: '/', headers: [['x-s', text]] });
      return balancer.aim({ head, clientAddress: '', matchedPrefix: 0, secure: false }, session);
    };
    const first = balancer.pick(null, say(''))!;
    const name = balancer.sessionLine(say(''), first)!.value;
    expect(balancer.pick(null, say(name))).toBe(first);
    found.get(first.label)!.healthy = false;
    balancer.verdictsChanged();
    expect(balancer.pick(null, say(name))).not.toBe(first);
  });
});

describe('endpoints of our zone', () => {
  function zoned() {
    const pools: FakePool[] = [];
    const world = { driver: new MemoryDriver(), wheel: new DeadlineWheel(() => 0), zone: 'here' };
    const makePool: PoolFactory = (_world, target) => {
      pools.push(new FakePool(target));
      return pools.at(-1)!;
    };
    const balancer = new Balancer(BACKEND, { world, makePool });
    balancer.loadBalancing = { type: 'RoundRobin', zone: 'PreferLocal' };
    balancer.update([1, 2, 3, 4].map((port) => ({ ...endpoint(port), zone: port % 2 === 1 ? 'here' : 'there' })));
    const evict = (...ports: number[]): void => {
      for (const { port, health } of pools) health.evictedUntil = ports.includes(port) ? 100 : 0;
    };
    return { balancer, evict };
  }

  test('come first, as long as one of them can be used', () => {
    const { balancer, evict } = zoned();
    expect(picks(balancer, 4)).toEqual([1, 3, 1, 3]);
    evict(3);
    expect(new Set(picks(balancer, 4))).toEqual(new Set([1]));
    balancer.loadBalancing = undefined;
    expect(new Set(picks(balancer, 4))).toEqual(new Set([1, 2, 4]));
  });

  test('come first where there is only one, too', () => {
    const { balancer } = zoned();
    balancer.update([1, 2, 4].map((port) => ({ ...endpoint(port), zone: port === 1 ? 'here' : 'there' })));
    expect(picks(balancer, 4)).toEqual([1, 1, 1, 1]);
  });

  test('that cannot be used leave the others their even shares; and where none can, all are tried in turn', () => {
    const { balancer, evict } = zoned();
    evict(1, 3);
    expect(picks(balancer, 6).sort()).toEqual([2, 2, 2, 4, 4, 4]);
    evict(1, 2, 3, 4);
    expect(picks(balancer, 8).sort()).toEqual([1, 1, 2, 2, 3, 3, 4, 4]);
  });
});
