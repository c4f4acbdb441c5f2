import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { BucketOwners } from './bucket-owner.ts';
import { type Buckets, MemoryBuckets } from './buckets.ts';
import { SharedBuckets } from './shared-file.ts';

let owners: BucketOwners;
beforeEach(() => {
  owners = new BucketOwners(1);
});

const LOG_IN = ['RateLimitPolicy/shop/log-in', 'address'] as const;
const PAGES = ['RateLimitPolicy/shop/pages', 'header'] as const;
const FLOOD = ['RateLimitPolicy/mob/all', 'header'] as const;

const SECOND = 1_000;
const DAY = 86_400_000;

/** By chance, the same each time. */
function mixed(half: number): number {
  let h = Math.imul(half ^ (half >>> 16), 0x21f0aaad);
  h = Math.imul(h ^ (h >>> 15), 0x735a2d97);
  return (h ^ (h >>> 15)) >>> 0 || 1;
}

type Hash = [a: number, b: number];
const spread = (owner: number, key: number): Hash => [
  mixed(owner ^ Math.imul(key + 1, 0x9e3779b1)),
  mixed(~owner ^ Math.imul(key + 1, 0x85ebca6b)),
];

/** Those hashes that have one and the same set of a table that workers share, apart for each owner. */
function meeting(owner: number, key: number): Hash {
  const n = (owner % 7) * 1_000 + key + 1;
  const half = ((n << 19) | (n << 4) | (n >>> 11)) >>> 0;
  return [half, half];
}

/** Each of so many keys has taken as much as comes back in `cost` milliseconds. */
function fill(
  buckets: Buckets,
  owner: number,
  { count, cost, hash = spread }: { count: number; cost: number; hash?: typeof spread },
): void {
  for (let key = 0; key < count; key++) {
    const [a, b] = hash(owner, key);
    if (buckets.debt(a, b, 0) === 0) buckets.charge(a, b, { now: 0, cost, owner });
  }
}

function remembered(
  buckets: Buckets,
  owner: number,
  { count, hash = spread }: { count: number; hash?: typeof spread },
): number {
  let found = 0;
  for (let key = 0; key < count; key++) if (buckets.debt(...hash(owner, key), 0) > 0) found++;
  return found;
}

const rows = (): unknown[] =>
  owners.family('f', '', () => true).series.map(({ labels, value }) => [labels.policy, labels.rule, value]);

describe('a table of 1,024 slots', () => {
  let buckets: MemoryBuckets;
  beforeEach(() => {
    buckets = new MemoryBuckets(owners.forgot, { slots: 1_024, most: 1_024 });
  });

  test.each([
    ['before', 0],
    ['after', 1],
  ])('a flood of keys that hold for a day, %s a tenth of them, has its own forgotten', (_, turn) => {
    const [own, flood] = [owners.of(...LOG_IN), owners.of(...FLOOD)];
    const fills = [
      () => fill(buckets, own, { count: 100, cost: SECOND }),
      () => fill(buckets, flood, { count: 50_000, cost: DAY }),
    ];
    fills[turn]!();
    fills[1 - turn]!();
    expect(remembered(buckets, own, { count: 100 })).toBe(100);
    expect(rows()).toEqual([[...FLOOD, 50_100 - 1_024]]);
  });

  test('as much as half of it is kept for the greater part', () => {
    const [own, flood] = [owners.of(...LOG_IN), owners.of(...FLOOD)];
    fill(buckets, own, { count: 500, cost: SECOND });
    fill(buckets, flood, { count: 50_000, cost: DAY });
    expect(remembered(buckets, own, { count: 500 })).toBeGreaterThan(300);
  });

  test('many tenants keep theirs beside one that floods, and so do other limits of its own', () => {
    const many = Array.from({ length: 20 }, (_, n) => owners.of(`RateLimitPolicy/tenant-${n}/all`, 'address'));
    const quiet = [owners.of(...LOG_IN), ...many];
    for (const owner of quiet) fill(buckets, owner, { count: 10, cost: SECOND });
    fill(buckets, owners.of(...PAGES), { count: 50_000, cost: DAY });
    expect(quiet.map((owner) => remembered(buckets, owner, { count: 10 }))).toEqual(quiet.map(() => 10));
  });

  test('one that has the table for itself has all of it', () => {
    const flood = owners.of(...FLOOD);
    fill(buckets, flood, { count: 1_024, cost: DAY });
    expect(remembered(buckets, flood, { count: 1_024 })).toBeGreaterThan(900);
  });
});

test('of a file that workers share the same holds: whoever has most of the places makes room', () => {
  const folder = mkdtempSync(join(tmpdir(), 'owner-'));
  const fd = openSync(join(folder, 'memory'), 'w+');
  onTestFinished(() => {
    closeSync(fd);
    rmSync(folder, { recursive: true });
  });
  const [one, other] = [0, 1].map((index) => new SharedBuckets({ fd, index, workers: 2, seed: 1 }, owners.forgot));
  const [own, flood] = [owners.of(...LOG_IN), owners.of(...FLOOD)];
  fill(one!, own, { count: 1, cost: SECOND, hash: meeting });
  fill(other!, flood, { count: 100, cost: DAY, hash: meeting });
  expect(remembered(one!, own, { count: 1, hash: meeting })).toBe(1);
  expect(rows()).toEqual([[...FLOOD, 97]]);
  // Who has fewer gets a place, whatever worker he comes to.
  const late = owners.of('RateLimitPolicy/late/all', 'address');
  fill(one!, late, { count: 1, cost: SECOND, hash: meeting });
  expect([own, late].map((owner) => remembered(other!, owner, { count: 1, hash: meeting }))).toEqual([1, 1]);
});

test('it is told whose were forgotten, and of nobody that is not known', () => {
  owners.forgot(owners.of(...FLOOD));
  owners.forgot(owners.of(...LOG_IN));
  owners.forgot(1);
  expect(rows()).toEqual([
    [...FLOOD, 1],
    [...LOG_IN, 1],
  ]);
});
