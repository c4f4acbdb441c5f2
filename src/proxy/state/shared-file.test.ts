import { fork } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { SharedBuckets, SharedUnderway } from './shared-file.ts';
import type { SharedMemory } from './shared-table.ts';

let folder: string;
let fd: number;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'shared-'));
  fd = openSync(join(folder, 'memory'), 'w+');
});
afterEach(() => {
  closeSync(fd);
  rmSync(folder, { recursive: true });
});

/** Whose buckets were forgotten. */
let forgotten: number[];
beforeEach(() => {
  forgotten = [];
});
const forgot = (owner: number): void => void forgotten.push(owner);

const memory = (index: number, workers = 2): SharedMemory => ({ fd, index, workers, seed: 1 });

test('what one worker takes another has no more', () => {
  const [one, other] = [new SharedBuckets(memory(0), forgot), new SharedBuckets(memory(1), forgot)];
  one.charge(7, 9, { now: 1_000, cost: 400, owner: 7 });
  expect([one.debt(7, 9, 1_000), other.debt(7, 9, 1_100), other.debt(8, 9, 1_100)]).toEqual([400, 300, 0]);
  other.charge(7, 9, { now: 1_100, cost: 50, owner: 7 });
  expect(one.debt(7, 9, 1_100)).toBe(350);
});

/** The nth of those hashes that have one and the same set. */
function meeting(n: number): number {
  return ((n << 19) | (n << 4) | (n >>> 11)) >>> 0;
}

test('keys that meet in a set stand side by side, and of too many the one that would be full first makes room', () => {
  const buckets = new SharedBuckets(memory(0), forgot);
  for (let n = 1; n <= 6; n++) buckets.charge(meeting(n), meeting(n), { now: 0, cost: 100 + n, owner: 7 });
  const left = [1, 2, 3, 4, 5, 6].map((n) => buckets.debt(meeting(n), meeting(n), 0));
  expect(left).toEqual([0, 0, 103, 104, 105, 106]);
  expect(forgotten).toEqual([7, 7]);
});

test('requests under way of all workers count together, and those of one that crashed do not', () => {
  const [one, other] = [new SharedUnderway(memory(0), 0), new SharedUnderway(memory(1), 0)];
  const [key, another] = [
    { a: 1, b: 2, owner: 7 },
    { a: 3, b: 2, owner: 7 },
  ];
  expect([one.take(key, 2), other.take(key, 2), one.take(key, 2), one.take(another, 2)]).toEqual([
    true,
    true,
    false,
    true,
  ]);
  one.giveBack(key);
  expect([other.take(key, 2), one.take(key, 2)]).toEqual([true, false]);
  expect(new SharedUnderway(memory(1), 0).take(key, 1)).toBe(true);
});

test('a tenant that has very many keys under way has its own counted by each worker alone, and not those of others', () => {
  const [one, other] = [new SharedUnderway(memory(0), 0), new SharedUnderway(memory(1), 0)];
  const [flood, own] = [1 << 16, 2 << 16];
  const keyOf = (n: number, owner: number): { a: number; b: number; owner: number } => ({ a: meeting(n), b: n, owner });
  for (let n = 1; n <= 100; n++) one.take(keyOf(n, flood), 1);
  const late = keyOf(101, own);
  expect([one.take(late, 2), other.take(late, 2), one.take(late, 2), other.take(late, 2)]).toEqual([
    true,
    true,
    false,
    false,
  ]);
  // Each worker still counts what it has itself, and whoever has as many places as another takes none from him.
  expect([one.take(keyOf(1, flood), 1), one.take(keyOf(4, flood), 1)]).toEqual([false, false]);
  const second = keyOf(102, own);
  expect([one.take(second, 1), other.take(second, 1)]).toEqual([true, false]);
  const third = keyOf(103, own);
  expect([one.take(third, 1), other.take(third, 1)]).toEqual([true, true]);
  for (const key of [late, second, third]) one.giveBack(key);
  expect(one.take(second, 1)).toBe(true);
});

/** Takes as fast as it can for a while, and says how often it could. */
const TAKER = `
import { LeasedBuckets } from '${new URL('./bucket-leases.ts', import.meta.url)}';
import { SharedBuckets } from '${new URL('./shared-file.ts', import.meta.url)}';
const capacity = Number(process.argv[3]);
const shared = new SharedBuckets({ fd: 4, index: Number(process.argv[2]), workers: 3, seed: 1 }, () => {});
const buckets = process.argv[4] === 'leased' ? new LeasedBuckets(shared, 3) : shared;
const offset = Number(process.hrtime.bigint()) / 1e6 - performance.now();
process.on('message', (until) => {
  let taken = 0;
  for (let now = performance.now() + offset; now < until; now = performance.now() + offset) {
    if (buckets.debt(5, 6, now) + 1 > capacity) continue;
    buckets.charge(5, 6, { now, cost: 1, capacity, owner: 7 });
    taken++;
  }
  process.send(taken);
});
process.send('ready');
`;

test.each([
  [200, 'asked each time'],
  [200, 'leased'],
  [2_000, 'leased'],
])(
  'processes that take one bucket of %i at once, %s, take what it holds, within 5 %%',
  async (capacity, how) => {
    const entry = join(folder, 'taker.mjs');
    writeFileSync(entry, TAKER);
    const children = Array.from({ length: 3 }, (_, index) =>
      fork(entry, [String(index), String(capacity), how], { stdio: ['ignore', 'inherit', 'inherit', 'ipc', fd] }),
    );
    const heard = () => Promise.all(children.map((one) => new Promise((resolve) => one.once('message', resolve))));
    await heard();
    // What it holds at once, and 1 a millisecond.
    const began = Number(process.hrtime.bigint()) / 1e6;
    const answers = heard();
    for (const one of children) one.send(began + 1_000);
    const taken = ((await answers) as number[]).reduce((sum, count) => sum + count, 0);
    const elapsed = Number(process.hrtime.bigint()) / 1e6 - began;
    for (const one of children) one.disconnect();
    expect(taken).toBeGreaterThan((capacity + 1_000) * 0.95);
    expect(taken).toBeLessThan((capacity + elapsed) * 1.05);
  },
  30_000,
);
