import { expect, test } from 'vitest';
import type { Failure, Upstream } from '../ground/codec.ts';
import { DeadlineWheel } from '../ground/deadline.ts';
import { MemoryDriver, MemoryLink } from '../listen/index.ts';
import { BackendState, FIRST_EVICTION, LONGEST_EVICTION } from '../state/index.ts';
import { DEFAULT_ENDPOINT_LIMITS, type EndpointLimits, MAX_IDLE_PER_ENDPOINT, type OpenWaiter } from './connection.ts';
import { ConnectionPool, type PooledConnection } from './pool.ts';
import { WaitingRoom } from './waiting-room.ts';

class FakeConnection implements PooledConnection {
  isOpen = false;
  onOpen(): void {
    this.isOpen = true;
  }
  readonly carried: OpenWaiter[] = [];
  closed = false;
  /** Its backend has closed it; how often it was looked. */
  ended = false;
  looked = 0;
  hasEnded(): boolean {
    this.looked++;
    return this.ended;
  }
  answeredAt = 0;
  adopt(waiter: OpenWaiter): void {
    this.carried.push(waiter);
  }
  closeIdle(): void {
    this.closed = true;
  }
  sendHead(): void {}
  sendBody(): boolean {
    return true;
  }
  sendEnd(): void {}
  flush(): void {}
  abort(): void {}
  pauseBody(): void {}
  resumeBody(): void {}
}

class FakeWaiter implements OpenWaiter {
  got: Upstream | undefined;
  used: boolean | undefined;
  failed: Failure | undefined;
  once = false;
  upstreamReady(upstream: Upstream, used?: boolean): void {
    this.got = upstream;
    this.used = used;
  }
  upstreamUnavailable(why: Failure): void {
    this.failed = why;
  }
  responseInformational(): void {}
  responseHead(): void {}
  responseBody(): void {}
  responseEnd(): void {}
  upstreamFailed(): void {}
  upstreamDrained(): void {}
  responseFlush(): void {}
}

function poolOf(limits: EndpointLimits = DEFAULT_ENDPOINT_LIMITS): {
  pool: ConnectionPool;
  made: FakeConnection[];
  pass(milliseconds: number): void;
} {
  let time = 0;
  const wheel = new DeadlineWheel(() => time);
  const made: FakeConnection[] = [];
  const health = new BackendState(wheel).endpoints.hold('');
  const target = { address: '10.0.0.1', port: 80, tls: undefined, health, limits };
  const pool = new ConnectionPool({ driver: new MemoryDriver(), wheel }, target, () => {
    const connection = new FakeConnection();
    made.push(connection);
    return connection;
  });
  const pass = (milliseconds: number): void => {
    time += milliseconds;
    wheel.advance();
  };
  return { pool, made, pass };
}

function open(pool: ConnectionPool, count: number): FakeWaiter[] {
  return Array.from({ length: count }, () => {
    const waiter = new FakeWaiter();
    waiter.got = pool.open(waiter) ?? undefined;
    return waiter;
  });
}

test('a request gets a new connection, and the next one the same where it is idle', () => {
  const { pool, made } = poolOf();
  const [first] = open(pool, 1);
  expect(first!.got).toBeUndefined();
  pool.opened(made[0]!);
  expect(first).toMatchObject({ got: made[0], used: false });
  pool.idle(made[0]!);
  const [second] = open(pool, 1);
  expect(second!.got).toBe(made[0]);
  expect(made).toHaveLength(1);
});

test('a connection that becomes idle goes to whoever waits, who hears that it was used', () => {
  const { pool, made } = poolOf();
  const [first, second] = open(pool, 2);
  expect(made).toHaveLength(2);
  pool.opened(made[0]!);
  pool.idle(made[0]!);
  expect(first!.got).toBe(made[0]);
  expect(second).toMatchObject({ got: made[0], used: true });
  pool.opened(made[1]!);
  expect(open(pool, 1)[0]!.got).toBe(made[1]);
});

const { connections: MAX_CONNECTIONS_PER_ENDPOINT, pending: MAX_PENDING } = DEFAULT_ENDPOINT_LIMITS;

test('connections, idle ones and waiting requests are capped', async () => {
  const { pool, made } = poolOf();
  // Those for whom a connection is being opened do not count.
  const admitted = open(pool, MAX_CONNECTIONS_PER_ENDPOINT + MAX_PENDING);
  expect(made).toHaveLength(MAX_CONNECTIONS_PER_ENDPOINT);
  const [tooMany] = open(pool, 1);
  await Promise.resolve();
  expect(tooMany!.failed).toBe('overloaded');
  expect(admitted.every(({ failed }) => failed === undefined)).toBe(true);
  for (const waiter of admitted.slice(MAX_CONNECTIONS_PER_ENDPOINT)) pool.cancel(waiter);
  for (const connection of made) pool.opened(connection);
  const waiting = open(pool, 3);
  expect(made).toHaveLength(MAX_CONNECTIONS_PER_ENDPOINT);
  pool.gone(made[0]!);
  expect(made).toHaveLength(MAX_CONNECTIONS_PER_ENDPOINT + 1);
  for (const connection of made.slice(1, -1)) pool.idle(connection);
  expect(waiting.every(({ got }) => got !== undefined)).toBe(true);
  expect(made.filter(({ closed }) => !closed).length).toBe(MAX_IDLE_PER_ENDPOINT + 3 + 2);
});

test('one of many that does not open sends one who waits elsewhere, and the others are served', () => {
  const { pool, made } = poolOf();
  const waiting = open(pool, 3);
  pool.opened(made[0]!);
  pool.refused('connect_timeout');
  expect(waiting.map(({ failed }) => failed)).toEqual([undefined, 'connect_timeout', undefined]);
  pool.idle(made[0]!);
  expect(waiting[2]!.got).toBe(made[0]);
});

test('where nothing is left to connect with, as many are served as connections could be begun', () => {
  const { pool, made } = poolOf();
  const waiting = open(pool, 3);
  pool.refused('limit');
  expect(waiting.map(({ failed }) => failed)).toEqual(['limit', undefined, undefined]);
  for (const one of made.slice(0, 2)) pool.opened(one);
  expect(waiting.slice(1).every(({ got }) => got !== undefined)).toBe(true);
  const others = open(pool, 2);
  for (const _ of others) pool.refused('limit');
  expect(others.map(({ failed }) => failed)).toEqual(['limit', 'limit']);
});

test('where all that was begun finds nothing left, all who wait are told', () => {
  const { pool } = poolOf();
  const waiting = open(pool, 3);
  for (const _ of waiting) pool.refused('limit');
  expect(waiting.map(({ failed }) => failed)).toEqual(['limit', 'limit', 'limit']);
});

test('one that refuses fails all who wait, and evicts the endpoint, longer each time', () => {
  const { pool, made, pass } = poolOf();
  const waiting = open(pool, 2);
  pool.refused('connect_refused');
  expect(waiting.map(({ failed }) => failed)).toEqual(['connect_refused', 'connect_refused']);
  expect(pool.health.evictedUntil).toBe(FIRST_EVICTION);
  pass(2_000);
  open(pool, 1);
  pool.refused('connect_refused');
  expect(pool.health.evictedUntil).toBe(2_000 + FIRST_EVICTION * 2);
  pool.health.refused();
  expect(pool.health.evictedUntil).toBe(2_000 + FIRST_EVICTION * 2);
  for (let i = 0; i < 10; i++) {
    pass(LONGEST_EVICTION);
    pool.health.refused();
  }
  expect(pool.health.evictedUntil).toBe(2_000 + 11 * LONGEST_EVICTION);
  open(pool, 1);
  pool.opened(made.at(-1)!);
  expect(pool.health.evictedUntil).toBe(0);
});

test('one that was cancelled is not called, and its connection serves the next', () => {
  const { pool, made } = poolOf();
  const [cancelled] = open(pool, 1);
  pool.cancel(cancelled!);
  pool.opened(made[0]!);
  expect(cancelled!.got).toBeUndefined();
  expect(open(pool, 1)[0]!.got).toBe(made[0]);
});

test('after a request without an answer idle connections are closed that have not answered since it was sent', () => {
  const { pool, made } = poolOf();
  open(pool, 3);
  for (const connection of made) pool.opened(connection);
  for (const [i, connection] of made.entries()) {
    connection.answeredAt = 100 * i;
    pool.idle(connection);
  }
  expect(pool.load).toBe(0);
  pool.doubt(150);
  expect(made.map(({ closed }) => closed)).toEqual([true, true, false]);
  // The clock has steps: what was answered when it was sent may have been before.
  pool.doubt(200);
  expect(made[2]!.closed).toBe(true);
});

test('a retired pool closes idle connections at once and others when they are done, and fails nobody who waits', () => {
  const { pool, made } = poolOf();
  const [, second] = open(pool, 2);
  pool.opened(made[0]!);
  pool.retire();
  pool.opened(made[1]!);
  expect(second!.got).toBe(made[1]);
  pool.idle(made[0]!);
  expect(made[0]!.closed).toBe(true);
});

test('connections that could not be opened take no room from those that can', () => {
  const { pool, made } = poolOf();
  for (let i = 0; i < MAX_CONNECTIONS_PER_ENDPOINT + 1; i++) {
    const [waiter] = open(pool, 1);
    expect(made).toHaveLength(i + 1);
    pool.refused('connect_refused');
    expect(waiter!.failed).toBe('connect_refused');
  }
  expect(pool.load).toBe(0);
});

test('connections that ended take no room from others, and one that was idle is not given to anybody', () => {
  const { pool, made } = poolOf();
  open(pool, 3);
  for (const connection of made) pool.opened(connection);
  for (const connection of made) pool.idle(connection);
  expect(pool.load).toBe(0);
  pool.gone(made[1]!);
  expect(open(pool, 2).map(({ got }) => got)).toEqual([made[2], made[0]]);
  pool.gone(made[0]!);
  expect(pool.load).toBe(1);
  pool.idle(made[2]!);
  expect(open(pool, 1)[0]!.got).toBe(made[2]);
  for (let i = 0; i < MAX_CONNECTIONS_PER_ENDPOINT + 1; i++) {
    open(pool, 1);
    const connection = made.at(-1)!;
    pool.opened(connection);
    pool.gone(connection);
  }
  expect(made).toHaveLength(3 + MAX_CONNECTIONS_PER_ENDPOINT + 1);
});

test('its load is requests under way and those who wait', () => {
  const { pool, made } = poolOf();
  open(pool, 3);
  expect(pool.load).toBe(3);
  pool.opened(made[0]!);
  expect(pool.load).toBe(3);
  pool.opened(made[1]!);
  pool.opened(made[2]!);
  pool.idle(made[0]!);
  expect(pool.load).toBe(2);
});

test('one that retires closes what is idle', () => {
  const { pool, made } = poolOf();
  open(pool, 2);
  for (const connection of made) pool.opened(connection);
  for (const connection of made) pool.idle(connection);
  pool.retire();
  expect(made.map(({ closed }) => closed)).toEqual([true, true]);
});

test('one that ends while it is busy leaves those that are idle where they are', () => {
  const { pool, made } = poolOf();
  open(pool, 2);
  for (const connection of made) pool.opened(connection);
  pool.idle(made[0]!);
  pool.gone(made[1]!);
  expect(open(pool, 1)[0]!.got).toBe(made[0]);
});

test('it says where its endpoint is', () => {
  expect(poolOf().pool).toMatchObject({ address: '10.0.0.1', port: 80, label: '10.0.0.1:80' });
});

test('where nobody may wait, those are taken for whom a connection opens', async () => {
  const { pool, made } = poolOf({ ...DEFAULT_ENDPOINT_LIMITS, connections: 2, pending: 0 });
  const waiting = open(pool, 3);
  await Promise.resolve();
  expect(waiting.map(({ failed }) => failed)).toEqual([undefined, undefined, 'overloaded']);
  for (const connection of made) pool.opened(connection);
  expect(waiting.slice(0, 2).map(({ got }) => got)).toEqual(made);
  const [late] = open(pool, 1);
  await Promise.resolve();
  expect(late!.failed).toBe('overloaded');
});

test('one who waits alone beside a tunnel gets a connection of its own after a failed connect', () => {
  const { pool, made } = poolOf({ ...DEFAULT_ENDPOINT_LIMITS, connections: 2, pending: 10 });
  open(pool, 1);
  pool.opened(made[0]!);
  const [first, second] = open(pool, 2);
  expect(made).toHaveLength(2);
  pool.refused('reset');
  expect(first!.failed).toBe('reset');
  expect(made).toHaveLength(3);
  pool.opened(made[2]!);
  expect(second!.got).toBe(made[2]);
});

test('a connection that is open already comes with those who wait for it, and who waits here is not forgotten', () => {
  const { pool, made } = poolOf({ ...DEFAULT_ENDPOINT_LIMITS, connections: 2 });
  expect(pool.load).toBe(0);
  const [first] = open(pool, 1);
  const second = new FakeWaiter();
  pool.take(new MemoryLink(), [second]);
  expect(made.map(({ isOpen }) => isOpen)).toEqual([false, true]);
  pool.opened(made[1]!);
  expect([first!.got, second.got]).toEqual([made[1], undefined]);
  pool.opened(made[0]!);
  expect(second.got).toBe(made[0]);
  expect(pool.load).toBe(2);
});

test('a connection that speaks another version counts no more: who waited for it is under way, and nothing else is', () => {
  const { pool, made } = poolOf();
  open(pool, 1);
  Object.assign(pool.target, { otherwise: () => true });
  expect(pool.otherwise(new MemoryLink())).toBe(true);
  expect(pool.surrender()).toHaveLength(1);
  expect(pool.load).toBe(0);
  open(pool, 1);
  expect(made).toHaveLength(2);
});

test('however many wait, and whoever leaves, they are served in the order they came', () => {
  const room = new WaitingRoom();
  const waiters = Array.from({ length: 5_000 }, () => new FakeWaiter());
  for (const waiter of waiters) room.admit(waiter, waiters.length);
  const leaves = (at: number): boolean => at % 7 === 3;
  for (const waiter of waiters.filter((_, at) => leaves(at))) room.leave(waiter);
  const places = new Map<unknown, number>(waiters.map((waiter, at) => [waiter, at]));
  const served = [...room.leaveAll()].map((waiter) => places.get(waiter)!);
  expect(served).toEqual([...places.values()].filter((at) => !leaves(at)));
  expect(room.size).toBe(0);
});

test('one that may not come twice gets an idle connection that was looked at; those that have ended are closed', () => {
  const { pool, made } = poolOf();
  open(pool, 3);
  for (const one of made) pool.opened(one);
  for (const one of made) pool.idle(one);
  made[2]!.ended = made[1]!.ended = true;
  const careful = new FakeWaiter();
  careful.once = true;
  expect(pool.open(careful)).toBe(made[0]);
  expect(made.map(({ closed }) => closed)).toEqual([false, true, true]);
  expect(made.map(({ looked }) => looked)).toEqual([1, 1, 1]);
  made[0]!.ended = true;
  pool.idle(made[0]!);
  expect(pool.open(new FakeWaiter())).toBe(made[0]);
  expect(made[0]!.looked).toBe(1);
});

test('an open connection that comes with several who wait is not the only one for them', () => {
  const { pool, made } = poolOf();
  const waiters = Array.from({ length: 3 }, () => new FakeWaiter());
  pool.take(new MemoryLink(), waiters);
  expect(made.map(({ isOpen }) => isOpen)).toEqual([true, false, false]);
});

test('a queue that is never empty takes no more room the longer it lasts', () => {
  const room = new WaitingRoom();
  const [one, other] = [new FakeWaiter(), new FakeWaiter()];
  room.admit(one, 2);
  const before = process.memoryUsage();
  for (let turn = 0; turn < 4_000_000; turn++) {
    room.admit(turn % 2 === 0 ? other : one, 2);
    room.next();
  }
  const after = process.memoryUsage();
  expect(room.size).toBe(1);
  // A place is 4 to 8 bytes.
  expect(after.heapUsed - before.heapUsed).toBeLessThan(12 * 1024 * 1024);
});
