import { describe, expect, test, vi } from 'vitest';
import { fewest, threadTime } from '../../../test/pace.ts';
import type { Endpoint, HealthCheck } from '../../config/index.ts';
import { DeadlineWheel } from '../ground/deadline.ts';
import { type CheckedEndpoint, ProbeBook } from '../probe/index.ts';
import { ProxyState, type Verdict, type Verdicts } from '../state/index.ts';
import { Balancer } from './balancer.ts';
import { DEFAULT_ENDPOINT_LIMITS, type EndpointPool, type EndpointTarget, type PoolFactory } from './connection.ts';
import { type ChecksOptions, EndpointChecks } from './endpoint-checks.ts';

const CHECK: HealthCheck = {
  question: { type: 'TCP' },
  interval: 10_000,
  timeout: 1_000,
  jitterPercent: 10,
  healthyThreshold: 2,
  unhealthyThreshold: 3,
  initialState: 'Healthy',
  panicThresholdPercent: 50,
};

/** A balancer that goes by what another worker says. */
function checked(count: number, said: Map<string, Verdict>) {
  let clock = 0;
  const wheel = new DeadlineWheel(() => clock);
  const state = new ProxyState(wheel);
  const names: string[] = [];
  const verdicts: Verdicts = {
    keyOf: (name) => ({ a: names.push(name) - 1, b: 0 }),
    isOwn: () => false,
    tell() {},
    read: ({ a }) => said.get(names[a]!.split(' ').at(-1)!),
    news: () => true,
  };
  const probes = new ProbeBook({ wheel, verdicts, troubles: undefined });
  const service = { namespace: 'n', name: 's', port: 80 };
  const balancer = new Balancer(
    { kind: 'Backend', key: 'n/s:80', service, protocol: 'http' },
    {
      world: { driver: { connect: () => expect.fail('nobody looks here') }, wheel, state, probes },
      makePool: (_world, { address, port, label = '', health }) =>
        ({
          address,
          port,
          label,
          health,
          load: 0,
          retired: false,
          open: () => null,
          cancel() {},
          retire() {},
        }) satisfies EndpointPool,
    },
  );
  const endpoints = Array.from(
    { length: count },
    (_, i): Endpoint => ({ address: `10.1.${i >> 8}.${i & 255}`, port: 80, state: 'ready' }),
  );
  balancer.update(endpoints);
  balancer.healthCheck = CHECK;
  const hear = (): void => {
    for (let i = 0; i < 20; i++) {
      clock += 50;
      wheel.advance();
    }
  };
  return { balancer, hear, endpoints };
}

const OUT: Verdict = { healthy: false, finding: 503 };

function picked(balancer: Balancer, count: number): Set<string> {
  return new Set(Array.from({ length: count }, () => balancer.pick()?.label ?? ''));
}

test('what is found out is gone by; a list that comes anew changes nothing of it, and one that is gone is forgotten', () => {
  const said = new Map([['10.1.0.0:80', OUT]]);
  const { balancer, hear, endpoints } = checked(3, said);
  const others = new Set(['10.1.0.1:80', '10.1.0.2:80']);
  hear();
  expect(picked(balancer, 6)).toEqual(others);
  balancer.update([...endpoints]);
  expect(picked(balancer, 6)).toEqual(others);
  said.clear();
  balancer.update(endpoints.slice(1));
  balancer.update(endpoints);
  expect(picked(balancer, 6).size).toBe(3);
});

test('slow start: one that comes back gets its share by and by', () => {
  const said = new Map([['10.1.0.0:80', OUT]]);
  const { balancer, hear } = checked(2, said);
  balancer.loadBalancing = { type: 'RoundRobin', slowStart: 1_000_000 };
  hear();
  said.clear();
  hear();
  const counts = Array.from({ length: 1_000 }, () => balancer.pick()!.label).filter((one) => one === '10.1.0.0:80');
  expect(counts.length).toBeGreaterThan(10);
  expect(counts.length).toBeLessThan(250);
});

test('of 10,000 endpoints some that change are a choice anew of some milliseconds', async () => {
  const { balancer } = checked(10_000, new Map([['10.1.0.0:80', OUT]]));
  const taken = await fewest(10, 7, () => threadTime(() => balancer.verdictsChanged()));
  expect(taken).toBeLessThan(10);
});

/** What is known of each, by its port: what a book would tell. */
type Known = Partial<Pick<CheckedEndpoint, 'healthy' | 'unknown' | 'finding'>>;
type Place = Parameters<ProbeBook['hold']>[1];

/** Checks of endpoints by their ports, and what they ask of the book. */
function checksOf(known: Record<number, Known> = {}, options: Partial<ChecksOptions> = {}, check: HealthCheck = CHECK) {
  const held = new Map<string, { place: Place; check: HealthCheck }>();
  const watcher = { verdictsChanged() {} };
  const book = {
    hold: vi.fn((name: string, place: Place, with_: { check: HealthCheck; watcher: object }) => {
      expect(with_.watcher).toBe(watcher);
      held.set(name, { place, check: with_.check });
      return {
        healthy: true,
        unknown: false,
        finding: 0,
        ...known[Number(place.label.split(':')[1])],
      } as CheckedEndpoint;
    }),
    letGo: vi.fn((name: string, by: object) => {
      expect(by).toBe(watcher);
      held.delete(name);
    }),
  };
  const backend = {
    kind: 'Backend',
    key: 'n/s:80',
    service: { namespace: 'n', name: 's', port: 80 },
    protocol: 'http',
  } as const;
  const wheel = new DeadlineWheel(() => 0);
  const checks = new EndpointChecks(check, {
    ...{ backend, protocol: 'http', book: book as unknown as ProbeBook, watcher, reach: 'R' },
    ...{ world: { driver: { connect: () => expect.fail() }, wheel }, makePool: () => expect.fail() },
    ...{ tls: undefined, proxyProtocol: undefined },
    ...options,
  });
  return { checks, book, held };
}
const poolsAt = (...ports: number[]): EndpointPool[] =>
  ports.map((port) => ({ address: 'a', port, label: `a:${port}` }) as unknown as EndpointPool);
const BAD: Known = { healthy: false };
const UNKNOWN: Known = { healthy: false, unknown: true };
/** Ports of those that are used. */
function used(known: Record<number, Known>, panicThresholdPercent: number): number[] {
  const pools = poolsAt(...Object.keys(known).map(Number));
  const { checks } = checksOf(known, {}, { ...CHECK, panicThresholdPercent });
  checks.follow(pools);
  expect(checks.panics).toBe(
    checks.usable(pools) === pools && Object.values(known).some((one) => one.healthy === false),
  );
  for (const pool of pools) expect(checks.isOut(pool.label)).toBe(!checks.usable(pools).includes(pool));
  return checks.usable(pools).map(({ port }) => port);
}

describe('who is left out', () => {
  test.each<[string, Record<number, Known>, number, number[]]>([
    ['nobody where all are healthy', { 1: {}, 2: {} }, 50, [1, 2]],
    ['who is not healthy', { 1: {}, 2: BAD }, 50, [1]],
    ['nobody where fewer are healthy than so many', { 1: {}, 2: BAD, 3: BAD }, 50, [1, 2, 3]],
    ['who is not, where just so many are', { 1: {}, 2: {}, 3: {}, 4: BAD }, 75, [1, 2, 3]],
    ['nobody where just too few are', { 1: {}, 2: {}, 3: {}, 4: BAD }, 76, [1, 2, 3, 4]],
    ['who is not, though nobody has looked at most', { 1: {}, 2: BAD, 3: UNKNOWN, 4: UNKNOWN, 5: UNKNOWN }, 50, [1]],
    ['nobody where none is healthy', { 1: BAD, 2: UNKNOWN }, 1, [1, 2]],
    ['all, where that is asked for', { 1: BAD, 2: BAD }, 0, []],
    ['nobody where nobody has been looked at', { 1: UNKNOWN, 2: UNKNOWN }, 50, [1, 2]],
  ])('%s', (_, known, percent, wanted) => expect(used(known, percent)).toEqual(wanted));

  test('is told by the hundredth part, and nobody is where nobody is', () => {
    const known = Object.fromEntries(
      Array.from({ length: 99 }, (_, at): [number, Known] => [at + 1, at < 50 ? {} : BAD]),
    );
    expect(used(known, 50)).toHaveLength(50);
    expect(used(known, 51)).toHaveLength(99);
    expect(used({}, 50)).toEqual([]);
  });

  test('is found anew', () => {
    const known: Record<number, Known> = { 1: {}, 2: {} };
    const pools = poolsAt(1, 2);
    const { checks, book } = checksOf(known);
    checks.follow(pools);
    book.hold.mock.results[1]!.value.healthy = false;
    expect(checks.isOut('a:2')).toBe(false);
    checks.review();
    expect(checks.usable(pools)).toEqual([pools[0]]);
    expect([...checks.findings()]).toEqual([
      { endpoint: 'a:1', healthy: true, reason: 'fine' },
      { endpoint: 'a:2', healthy: false, reason: 'fine' },
    ]);
  });
});

describe('those that are looked at', () => {
  test('are held once, for as long as they are there, and anew where they are looked at otherwise', () => {
    const { checks, book, held } = checksOf();
    checks.follow(poolsAt(1, 2));
    checks.follow(poolsAt(2, 3));
    expect([...held.keys()]).toEqual(['n/s:80 R a:2', 'n/s:80 R a:3']);
    expect(book.hold).toHaveBeenCalledTimes(3);
    checks.check = { ...CHECK, interval: 1 };
    checks.follow(poolsAt(2, 3));
    expect(book.hold).toHaveBeenCalledTimes(5);
    expect([...held.values()].map(({ check }) => check.interval)).toEqual([1, 1]);
    expect(book.letGo).toHaveBeenCalledOnce();
    checks.retire();
    expect([held.size, [...checks.findings()].length]).toEqual([0, 0]);
  });

  test('are let go of with what was found', () => {
    const { checks } = checksOf({ 1: {}, 2: BAD });
    checks.follow(poolsAt(1, 2));
    expect(checks.isOut('a:2')).toBe(true);
    checks.retire();
    expect(checks.isOut('a:2')).toBe(false);
  });

  test('stand in a lane of their Service, of whichever kind that is', () => {
    const service = { namespace: 'n', name: 's', port: 80, kind: 'ServiceImport' as const };
    const backend = { kind: 'Backend', key: 'n/s:80', service, protocol: 'http' } as const;
    const { checks, held } = checksOf({}, { backend });
    checks.follow(poolsAt(1));
    expect([...held]).toMatchObject([
      ['n/s:80;ServiceImport R a:1', { place: { lane: 'n/s:80;ServiceImport', backend: 'n/s:80', label: 'a:1' } }],
    ]);
  });
});

describe('a look', () => {
  const TLS = { serverName: 'b.example', ca: undefined, alpn: ['http/1.1'], verify: () => undefined };

  /** With what its connections are made. */
  function looked(options: Partial<ChecksOptions>, check: HealthCheck = CHECK) {
    const made: Array<{ target: EndpointTarget; protocol: string }> = [];
    const makePool: PoolFactory = (_world, target, protocol) => {
      made.push({ target, protocol });
      return poolsAt(1)[0]!;
    };
    const { checks, held } = checksOf({}, { makePool, ...options }, check);
    checks.follow(poolsAt(1));
    const site = [...held.values()][0]!.place.site();
    site.makePool();
    expect(made[0]!.target).toBe(site.target);
    return made[0]!;
  }

  test('has one connection of its own, made as those of requests are', () => {
    const { target, protocol } = looked({ tls: TLS });
    expect(target).toMatchObject({ address: 'a', port: 1, label: 'a:1', tls: TLS });
    expect(target.limits).toEqual({
      ...DEFAULT_ENDPOINT_LIMITS,
      connections: 1,
      pending: 1,
      idle: 0,
      connectTimeout: 1_000,
    });
    expect(target).not.toHaveProperty('preamble');
    expect(protocol).toBe('http');
    expect(looked({ protocol: 'auto' }).protocol).toBe('auto');
  });

  test('over HTTP/2 asks for nothing else', () => {
    const grpc: HealthCheck = { ...CHECK, question: { type: 'GRPC' } as HealthCheck['question'] };
    expect(looked({ tls: TLS }, grpc)).toMatchObject({
      protocol: 'h2',
      target: { tls: { serverName: 'b.example', alpn: ['h2'] } },
    });
    expect(looked({ tls: TLS, protocol: 'h2' }).target.tls?.alpn).toEqual(['h2']);
    expect(looked({}, grpc).target.tls).toBeUndefined();
  });

  test('says that it comes of nobody, where connections begin with a PROXY header', () => {
    const proxyHeader = vi.fn(() => Buffer.from('header'));
    const world = { driver: { connect: () => expect.fail() }, wheel: new DeadlineWheel(() => 0), proxyHeader };
    expect(looked({ world, proxyProtocol: 2 }).target.preamble).toEqual(Buffer.from('header'));
    const nobody = { address: '', port: 0 };
    expect(proxyHeader).toHaveBeenCalledExactlyOnceWith(2, { source: nobody, destination: nobody });
    expect(looked({ world }).target).not.toHaveProperty('preamble');
  });
});
