import { beforeEach, expect, test } from 'vitest';
import { LEASE_TIME, LEASED_SHARE, LeasedBuckets } from './bucket-leases.ts';
import { type Buckets, type Charge, MemoryBuckets } from './buckets.ts';

/** Buckets that say how often they were asked. */
class Counted implements Buckets {
  readonly #buckets = new MemoryBuckets(() => {});
  asked = 0;
  charged = 0;

  debt(a: number, b: number, now: number): number {
    this.asked++;
    return this.#buckets.debt(a, b, now);
  }

  charge(a: number, b: number, charge: Charge): void {
    this.charged++;
    this.#buckets.charge(a, b, charge);
  }
}

let shared: Counted;
let workers: LeasedBuckets[];
beforeEach(() => {
  shared = new Counted();
  workers = [new LeasedBuckets(shared, 2), new LeasedBuckets(shared, 2)];
});

/** How many of `count` requests of a worker pass. */
function take(worker: number, count: number, { now = 0, capacity = 10_000, cost = 1, a = 5, b = 6 } = {}): number {
  const buckets = workers[worker]!;
  let taken = 0;
  for (let i = 0; i < count; i++) {
    if (buckets.debt(a, b, now) + cost > capacity) continue;
    buckets.charge(a, b, { now, cost, capacity, owner: 7 });
    taken++;
  }
  return taken;
}

test('of a bucket that is far from empty much is taken before anybody is asked', () => {
  expect(take(0, 1_000)).toBe(1_000);
  expect(shared.asked + shared.charged).toBeLessThan(25);
  expect(workers[0]!.debt(5, 6, 0)).toBe(1_000);
});

test('never more than its share of what is left goes untold, and near the limit all is told', () => {
  take(0, 1);
  for (let taken = 1; taken < 10_000; taken++) {
    const told = shared.debt(5, 6, 0);
    expect(taken - told).toBeLessThanOrEqual(((10_000 - told) * LEASED_SHARE) / 2 + 1);
    take(0, 1);
  }
  expect(shared.debt(5, 6, 0)).toBe(10_000);
  expect(take(0, 1)).toBe(0);
});

test('all workers together take no more than the share above it', () => {
  let taken = 0;
  for (let round = 0; round < 20_000; round++) taken += take(round % 2, 1);
  expect(taken).toBeGreaterThanOrEqual(10_000);
  expect(taken).toBeLessThanOrEqual(10_000 * (1 + LEASED_SHARE));
});

test('what others took is heard when the time of a lease is up, and what was taken is told', () => {
  take(0, 100);
  take(1, 5_000);
  expect(workers[0]!.debt(5, 6, 0)).toBe(100);
  const told = shared.debt(5, 6, LEASE_TIME);
  expect(told).toBeGreaterThan(4_800);
  expect(workers[0]!.debt(5, 6, LEASE_TIME)).toBe(told + 99);
  expect(shared.debt(5, 6, LEASE_TIME)).toBe(told + 99);
});

test('what has flowed in again meanwhile is not owed', () => {
  take(0, 100);
  expect(workers[0]!.debt(5, 6, 60_000)).toBe(0);
  expect(shared.debt(5, 6, 60_000)).toBe(0);
});

test('a narrow limit is exact to the request, whoever takes', () => {
  for (let round = 0; round < 40; round++) {
    expect(take(round % 2, 1, { capacity: 20 })).toBe(round < 20 ? 1 : 0);
    expect(shared.debt(5, 6, 0)).toBe(Math.min(20, round + 1));
  }
});

test('keys that find no place are exact, those whose time is up make room, and nothing that they took is lost', () => {
  take(0, 50);
  take(0, 50, { a: 5 + 4_096 });
  const third = { a: 5 + 8_192 };
  expect(take(0, 50, third)).toBe(50);
  expect(shared.debt(third.a, 6, 0)).toBe(50);
  expect(shared.debt(5, 6, 0)).toBeLessThan(50);
  take(0, 10_000, { ...third, now: LEASE_TIME, cost: 3 });
  expect(take(0, 10_000, { now: LEASE_TIME })).toBe(10_000);
});
