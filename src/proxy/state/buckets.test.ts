import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { MAX_BUCKETS, MemoryBuckets } from './buckets.ts';

/** Whose buckets were forgotten. */
let forgotten: number[];
beforeEach(() => {
  forgotten = [];
});
const forgot = (owner: number): void => void forgotten.push(owner);

/** As a limit takes one: 100 ms each, ten at once. */
function take(buckets: MemoryBuckets, key: number, now: number): boolean {
  const hash = Math.imul(key, 0x9e3779b1) >>> 0 || 1;
  if (buckets.debt(hash, key + 1, now) + 100 > 1_000) return false;
  buckets.charge(hash, key + 1, { now, cost: 100, owner: 7 });
  return true;
}

function taken(buckets: MemoryBuckets, key: number, now: number): number {
  let count = 0;
  while (take(buckets, key, now)) count++;
  return count;
}

describe('buckets', () => {
  test('fill evenly, up to what they hold, each by itself', () => {
    const buckets = new MemoryBuckets(forgot);
    expect(taken(buckets, 1, 5_000)).toBe(10);
    expect(taken(buckets, 2, 5_000)).toBe(10);
    expect(taken(buckets, 1, 5_250)).toBe(2);
    expect(taken(buckets, 1, 5_300)).toBe(1);
    expect(taken(buckets, 1, 9_000)).toBe(10);
  });

  test('say what a plain token bucket says, whoever else is there', () => {
    const step = fc.record({ key: fc.nat(40), wait: fc.nat(150) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
        const buckets = new MemoryBuckets(forgot, { slots: 16 });
        const full = new Map<number, number>();
        let now = 1_000;
        for (const { key, wait } of steps) {
          now += wait;
          const at = Math.max(now, full.get(key) ?? 0) + 100;
          const expected = at - now <= 1_000;
          if (expected) full.set(key, at);
          expect(take(buckets, key, now)).toBe(expected);
        }
      }),
    );
  });

  test('grow with the keys that count, and not with those that have passed', () => {
    const buckets = new MemoryBuckets(forgot, { slots: 16 });
    for (let key = 0; key < 10_000; key++) take(buckets, key, key * 1_000);
    expect(buckets.slots).toBe(16);
    for (let key = 0; key < 10_000; key++) take(buckets, key, 1e8);
    for (let key = 0; key < 10_000; key++) expect(taken(buckets, key, 1e8)).toBe(9);
    expect(forgotten).toEqual([]);
  });

  test('a million keys are remembered, and the next ones make room: in 40 MiB, and told', () => {
    const buckets = new MemoryBuckets(forgot);
    for (let key = 0; key < MAX_BUCKETS; key++) take(buckets, key, 1e8);
    expect(forgotten).toEqual([]);
    expect(taken(buckets, 5, 1e8)).toBe(9);
    for (let key = MAX_BUCKETS; key < 2.5 * MAX_BUCKETS; key++) take(buckets, key, 1e8);
    expect(buckets.slots).toBe(2 * MAX_BUCKETS);
    expect(forgotten.length).toBeGreaterThan(MAX_BUCKETS / 4);
  });
});
