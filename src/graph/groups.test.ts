import { expect, test } from 'vitest';
import { threadTime } from '../../test/pace.ts';
import { LARGE_GROUP } from './groups.ts';
import { type Change, counts, derive, heads, index, SourceCollection } from './index.ts';

const numbered = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, at) => ({ key: `k${String(from + at).padStart(4, '0')}`, value: from + at }));

function filled(count: number): SourceCollection<number> {
  const source = new SourceCollection<number>('numbers');
  source.apply(numbered(0, count));
  return source;
}

test('a large group is in the order of its keys, however it came to be', () => {
  const source = filled(0);
  const all = index('all', source, () => ['all']);
  source.apply(numbered(100, 200));
  for (const one of numbered(0, 100).reverse()) source.apply([one]);
  source.apply(numbered(50, 150).map(({ key }) => ({ key })));
  const expected = [...numbered(0, 50), ...numbered(150, 200)].map(({ value }) => value);
  expect(all.get('all')).toEqual(expected);
  expect([...all.values()]).toEqual([expected]);
});

test('a large group that was handed out never changes, and is the same until it does', () => {
  const source = filled(LARGE_GROUP * 2);
  const all = index('all', source, () => ['all']);
  const before = all.get('all')!;
  expect(all.get('all')).toBe(before);
  source.apply([{ key: 'k0000', value: -1 }]);
  expect(before[0]).toBe(0);
  expect(all.get('all')![0]).toBe(-1);
});

test('subscribers are told what a group was and is, while it grows large and becomes small again', () => {
  const source = filled(LARGE_GROUP - 1);
  const all = index('all', source, () => ['all']);
  const told: Array<Change<ReadonlyArray<number>>> = [];
  all.subscribe((changes) => told.push(...changes));
  source.apply(numbered(1000, 1002));
  source.apply([{ key: 'k1000' }]);
  source.apply([{ key: 'k1001' }]);
  expect(told.map(({ before, after }) => [before?.length, after?.length])).toEqual([
    [LARGE_GROUP - 1, LARGE_GROUP + 1],
    [LARGE_GROUP + 1, LARGE_GROUP],
    [LARGE_GROUP, LARGE_GROUP - 1],
  ]);
});

test('who reads a large group is computed again when one of its objects is another', () => {
  const source = filled(LARGE_GROUP * 2);
  const all = index('all', source, () => ['all']);
  const sums = derive('sums', all, (_context, group, key) => [[key, group.reduce((sum, one) => sum + one, 0)]]);
  const before = sums.get('all')!;
  source.apply([{ key: 'k0001', value: 11 }]);
  expect(sums.get('all')).toBe(before + 10);
});

test('whoever reads the head of a group is left alone by what comes behind it, and by the count by none', () => {
  const source = filled(10);
  const first = derive('first', heads('heads', source, { keysOf: () => ['all'], most: 3 }), (_c, group) => [
    ['all', group],
  ]);
  const count = derive(
    'count',
    counts('counts', source, () => ['all']),
    (_c, size) => [['all', size]],
  );
  const runs = first.computed;
  source.apply(numbered(10, 300));
  expect(first.computed).toBe(runs);
  expect(first.get('all')).toEqual([0, 1, 2]);
  expect(count.get('all')).toBe(300);
  source.apply([{ key: 'k0001' }]);
  expect(first.get('all')).toEqual([0, 2, 3]);
});

/** So many that a tick of the kernel's clock (4 ms) is little beside them. */
const CHANGES = 2_000;

test('a change of a large group that nobody reads costs the same whatever its size', () => {
  const cost = (size: number): number => {
    const source = filled(size);
    index('all', source, () => ['all']);
    let best = Number.POSITIVE_INFINITY;
    for (let round = 0; round < 3; round++) {
      const changes = numbered(size, size + CHANGES);
      const taken = threadTime(() => {
        for (const one of changes) source.apply([one]);
      });
      best = Math.min(best, taken);
      source.apply(numbered(size, size + CHANGES).map(({ key }) => ({ key })));
    }
    return best;
  };
  cost(1000);
  // A copy of the group at each change would be a hundred times dearer.
  expect(cost(100_000)).toBeLessThan(Math.max(cost(1000), 2) * 20);
});
