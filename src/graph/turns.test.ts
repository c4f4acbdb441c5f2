import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  batch,
  batchInTurns,
  type Collection,
  counts,
  derive,
  heads,
  index,
  join,
  SourceCollection,
  type Turns,
} from './index.ts';

/** A turn is over after so many looks at it; what is in `meanwhile` happens then. */
function turnsOf(size: number, meanwhile: () => void = () => {}): Turns & { count: number } {
  let looks = 0;
  return {
    count: 0,
    isOver: () => ++looks > size,
    async next() {
      await Promise.resolve();
      this.count++;
      looks = 0;
      meanwhile();
    },
  };
}

interface Rig {
  a: SourceCollection<number>;
  b: SourceCollection<number>;
  last: Collection<string>;
}

function rig(): Rig {
  const a = new SourceCollection<number>('a');
  const b = new SourceCollection<number>('b');
  const doubled = derive('doubled', a, (_context, value, key) => [[key, value * 2]]);
  const groups = index('groups', join('both', [doubled, b]), (value) => [`${value % 3}`]);
  const last = derive('last', a, (context, value, key) => [
    [key, `${value} ${context.fetch(doubled, key)} ${context.fetch(groups, `${value % 3}`)?.join()}`],
  ]);
  return { a, b, last };
}

const change = fc.record({
  source: fc.constantFrom('a' as const, 'b' as const),
  key: fc.constantFrom('k1', 'k2', 'k3', 'k4', 'k5', 'k6'),
  value: fc.option(fc.integer({ min: 0, max: 9 }), { nil: undefined }),
});

test('a batch in turns comes to what it would at once, whatever is applied in between', async () => {
  const steps = fc.array(fc.array(change, { minLength: 1, maxLength: 8 }), { minLength: 1, maxLength: 6 });
  await fc.assert(
    fc.asyncProperty(steps, steps, fc.integer({ min: 0, max: 4 }), async (own, meanwhile, size) => {
      const { a, b, last } = rig();
      const sources = { a, b };
      const seen = new Map<string, string>();
      last.subscribe((changes) => {
        for (const { key, before, after } of changes) {
          expect(before).toEqual(seen.get(key));
          if (after === undefined) seen.delete(key);
          else seen.set(key, after);
        }
      });
      const rest = [...meanwhile];
      const apply = (changes: (typeof own)[number]) => {
        for (const { source, ...one } of changes) sources[source].apply([one]);
      };
      const turns = turnsOf(size, () => {
        const next = rest.shift();
        if (next === undefined) return;
        if (rest.length % 2 === 0) batch(() => apply(next));
        else void batchInTurns(() => apply(next), turns);
      });
      for (const changes of own) await batchInTurns(() => apply(changes), turns);
      const fresh = rig();
      fresh.a.apply(Array.from(a.entries(), ([key, value]) => ({ key, value })));
      fresh.b.apply(Array.from(b.entries(), ([key, value]) => ({ key, value })));
      expect(new Map(last.entries())).toEqual(new Map(fresh.last.entries()));
      expect(seen).toEqual(new Map(fresh.last.entries()));
    }),
    { numRuns: 300 },
  );
});

test('what is short is done when it returns', () => {
  const { a, last } = rig();
  void batchInTurns(() => a.apply([{ key: 'k1', value: 2 }]), turnsOf(1000));
  expect(last.get('k1')).toBe('2 4 undefined');
});

test('what is long leaves turns to others, and subscribers see nothing of it before it is whole', async () => {
  const { a, last } = rig();
  const told: number[] = [];
  last.subscribe(({ length }) => told.push(length));
  const turns = turnsOf(50, () => expect(told).toEqual([]));
  const values = Array.from({ length: 1000 }, (_, at) => ({ key: `k${at}`, value: at }));
  await batchInTurns(() => a.apply(values), turns);
  expect(turns.count).toBeGreaterThan(10);
  expect(told).toEqual([1000]);
});

test('what comes while subscribers are told of it is computed in turns, whoever applies something at once meanwhile', async () => {
  const { a, b, last } = rig();
  const doubled = derive('again', a, (_context, value, key) => [[key, value * 2]]);
  let most = 0;
  const atOnce = (): void => {
    const before = doubled.computed;
    b.apply([{ key: 'k1', value: 8 }]);
    most = Math.max(most, doubled.computed - before);
  };
  // Two, so that there is a turn between them.
  for (const part of ['first', 'second']) last.subscribe((changes) => changes.length > 0 && told(part));
  let open = true;
  const told = (part: string): void => {
    if (part === 'second' || !open) return;
    open = false;
    // What thousands hang on comes as the first is told; what somebody else applies then is not to pay for it.
    void batchInTurns(() => a.apply(all(1)), turns);
    atOnce();
  };
  const all = (value: number) => Array.from({ length: 1000 }, (_, at) => ({ key: `k${at}`, value: at + value }));
  const turns = turnsOf(50, () => !open && atOnce());
  await batchInTurns(() => a.apply(all(0).slice(0, 2)), turns);
  expect(doubled.size).toBe(1000);
  expect(most).toBeLessThanOrEqual(50);
  expect(last.get('k1')).toMatch(/^2 4 .*,8(,|$)/);
});

const three = (value: number): string[] => [`${value % 3}`];
test.each<[string, (a: SourceCollection<number>) => void]>([
  ['an index', (a) => index('groups', a, three)],
  ['heads', (a) => heads('heads', a, { keysOf: three, most: 2 })],
  ['counts', (a) => counts('counts', a, three)],
  ['a join', (a) => join('joined', [a])],
  [
    'one that has read others than those that change',
    (a) => derive('reader', one(), (context) => [['all', context.fetch(a, 'none')]]),
  ],
])('%s looks whether its turn is over at each change', async (_, make) => {
  const a = new SourceCollection<number>('a');
  make(a);
  const turns = turnsOf(10);
  await batchInTurns(() => a.apply(Array.from({ length: 500 }, (_one, value) => ({ key: `k${value}`, value }))), turns);
  expect(turns.count).toBeGreaterThan(40);
});

function one(): SourceCollection<number> {
  const single = new SourceCollection<number>('one');
  single.apply([{ key: 'k', value: 1 }]);
  return single;
}

test('an error in it is thrown at its end, when all else is done, and the next one is none the worse', async () => {
  const { a, last } = rig();
  const broken = derive('broken', a, (_context, value, key) => {
    if (value === 13) throw new Error('thirteen');
    return [[key, value]];
  });
  const values = Array.from({ length: 100 }, (_, at) => ({ key: `k${at}`, value: at }));
  await expect(batchInTurns(() => a.apply(values), turnsOf(10))).rejects.toThrow('thirteen');
  expect([last.size, broken.size]).toEqual([100, 99]);
  await batchInTurns(() => a.apply([{ key: 'k13', value: 1 }]), turnsOf(10));
  expect(broken.size).toBe(100);
});

test('a subscriber that begins another batch in turns gets it done with this one, and neither fails', async () => {
  const { a, b, last } = rig();
  const inner: Array<Promise<void>> = [];
  const seen: string[] = [];
  last.subscribe((changes) => {
    for (const { key, after } of changes) seen.push(`${key} ${after}`);
    // As what the data planes say of a change is applied while others are still told of it.
    if (inner.length < 20) {
      const value = inner.length;
      inner.push(batchInTurns(() => b.apply([{ key: 'b', value }]), turnsOf(0)));
      inner.push(batchInTurns(() => a.apply([{ key: 'again', value }]), turnsOf(1)));
    }
  });
  const all = Array.from({ length: 40 }, (_, at) => ({ key: `k${at}`, value: at }));
  await batchInTurns(() => a.apply(all), turnsOf(1000));
  await Promise.all(inner);
  expect(last.get('again')).toMatch(/^18 36 /);
  // Nothing is left open: what is applied now is told at once.
  a.apply([{ key: 'after', value: 3 }]);
  expect(seen.some((one) => one.startsWith('after 3 6 '))).toBe(true);
});
