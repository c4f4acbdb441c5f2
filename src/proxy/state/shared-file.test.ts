import { fork } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { SharedBuckets, type SharedMemory, SharedUnderway } from './shared-file.ts';

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

const memory = (index: number, workers = 2): SharedMemory => ({ fd, index, workers, seed: 1 });

test('what one worker takes another has no more', () => {
  const [one, other] = [new SharedBuckets(memory(0)), new SharedBuckets(memory(1))];
  one.charge(7, 9, { now: 1_000, cost: 400 });
  expect([one.debt(7, 9, 1_000), other.debt(7, 9, 1_100), other.debt(8, 9, 1_100)]).toEqual([400, 300, 0]);
  other.charge(7, 9, { now: 1_100, cost: 50 });
  expect(one.debt(7, 9, 1_100)).toBe(350);
});

/** The nth of those hashes that have one and the same set. */
function meeting(n: number): number {
  return ((n << 19) | (n << 4) | (n >>> 11)) >>> 0;
}

test('keys that meet in a set stand side by side, and of too many the one that would be full first makes room', () => {
  const buckets = new SharedBuckets(memory(0));
  for (let n = 1; n <= 6; n++) buckets.charge(meeting(n), meeting(n), { now: 0, cost: 100 + n });
  const left = [1, 2, 3, 4, 5, 6].map((n) => buckets.debt(meeting(n), meeting(n), 0));
  expect(left).toEqual([0, 0, 103, 104, 105, 106]);
  expect(buckets.evicted).toBe(2);
});

test('requests under way of all workers count together, and those of one that crashed do not', () => {
  const [one, other] = [new SharedUnderway(memory(0), 0), new SharedUnderway(memory(1), 0)];
  expect([one.take(1, 2, 2), other.take(1, 2, 2), one.take(1, 2, 2), one.take(3, 2, 2)]).toEqual([
    true,
    true,
    false,
    true,
  ]);
  one.giveBack(1, 2);
  expect([other.take(1, 2, 2), one.take(1, 2, 2)]).toEqual([true, false]);
  expect(new SharedUnderway(memory(1), 0).take(1, 2, 1)).toBe(true);
});

/** Takes as fast as it can for a while, and says how often it could. */
const TAKER = `
import { LeasedBuckets } from '${new URL('./bucket-leases.ts', import.meta.url)}';
import { SharedBuckets } from '${new URL('./shared-file.ts', import.meta.url)}';
const capacity = Number(process.argv[3]);
const shared = new SharedBuckets({ fd: 4, index: Number(process.argv[2]), workers: 3, seed: 1 });
const buckets = process.argv[4] === 'leased' ? new LeasedBuckets(shared, 3) : shared;
const offset = Number(process.hrtime.bigint()) / 1e6 - performance.now();
process.on('message', (until) => {
  let taken = 0;
  for (let now = performance.now() + offset; now < until; now = performance.now() + offset) {
    if (buckets.debt(5, 6, now) + 1 > capacity) continue;
    buckets.charge(5, 6, { now, cost: 1, capacity });
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
