import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { batch, type Change, type Collection, SourceCollection } from './index.ts';

/** What the sources of the suite hold: a number to compute with, and tags to group by. */
export interface Item {
  size: number;
  tags: string[];
}

/** One implementation under test: `build` makes it over two sources, `model` says what it must then hold. */
export interface Case {
  name: string;
  build(a: SourceCollection<Item>, b: SourceCollection<Item>): Collection<unknown>;
  model(a: ReadonlyMap<string, Item>, b: ReadonlyMap<string, Item>): Record<string, unknown>;
}

const keys = fc.constantFrom('k1', 'k2', 'k3', 'k4', 'k5');
const item = fc.record({ size: fc.integer({ min: 0, max: 3 }), tags: fc.subarray(['red', 'green', 'k1', 'k2']) });
const change = fc.record({ key: keys, value: fc.option(item, { nil: undefined }) });
const step = fc.record({
  source: fc.constantFrom('a' as const, 'b' as const),
  changes: fc.array(change, { maxLength: 4 }),
});
const history = fc.array(fc.array(step, { minLength: 1, maxLength: 3 }), { maxLength: 12 });

function run(one: Case, batches: Array<Array<{ source: 'a' | 'b'; changes: Array<{ key: string; value?: Item }> }>>) {
  const sources = { a: new SourceCollection<Item>('a'), b: new SourceCollection<Item>('b') };
  const collection = one.build(sources.a, sources.b);
  const seen = new Map<string, unknown>(collection.entries());
  let calls = 0;
  collection.subscribe((changes) => {
    calls++;
    replay(seen, changes);
  });
  for (const steps of batches) {
    const before = calls;
    batch(() => {
      for (const { source, changes } of steps) sources[source].apply(changes);
    });
    expect(calls - before).toBeLessThanOrEqual(1);
    const model = one.model(new Map(sources.a.entries()), new Map(sources.b.entries()));
    expect(Object.fromEntries(collection.entries())).toEqual(model);
    expect(Object.fromEntries(seen)).toEqual(model);
  }
  return { collection, sources };
}

/** Replays a batch on what a subscriber has seen; a change must start from there and must change something. */
function replay(seen: Map<string, unknown>, changes: ReadonlyArray<Change<unknown>>): void {
  for (const { key, before, after } of changes) {
    expect(before).toEqual(seen.get(key));
    expect(after).not.toEqual(before);
    if (after === undefined) seen.delete(key);
    else seen.set(key, after);
  }
}

/** The behaviour that every collection of the graph shares. */
export function collectionSuite(one: Case): void {
  describe(`${one.name}, as a collection`, () => {
    it('holds after any history what a build from scratch holds, and tells subscribers exactly that', () => {
      fc.assert(
        fc.property(history, (batches) => {
          const { collection, sources } = run(one, batches);
          const fresh = one.build(sources.a, sources.b);
          expect(new Map(fresh.entries())).toEqual(new Map(collection.entries()));
        }),
        { numRuns: 150 },
      );
    });

    it('answers get, values, entries and size alike', () => {
      const a = new SourceCollection<Item>('a');
      a.apply([{ key: 'k1', value: { size: 2, tags: ['red'] } }]);
      const collection = one.build(a, new SourceCollection<Item>('b'));
      const entries = Array.from(collection.entries());
      expect(entries.length).toBe(collection.size);
      expect(Array.from(collection.values())).toEqual(entries.map(([, value]) => value));
      for (const [key, value] of entries) expect(collection.get(key)).toBe(value);
      expect(collection.get('nothing')).toBeUndefined();
    });

    it('says nothing when an object is replaced by an equal one', () => {
      const a = new SourceCollection<Item>('a');
      a.apply([{ key: 'k1', value: { size: 2, tags: ['red'] } }]);
      const collection = one.build(a, new SourceCollection<Item>('b'));
      let calls = 0;
      collection.subscribe(() => calls++);
      a.apply([{ key: 'k1', value: { size: 2, tags: ['red'] } }]);
      expect(calls).toBe(0);
    });

    it('stops calling a subscriber that left', () => {
      const a = new SourceCollection<Item>('a');
      const collection = one.build(a, new SourceCollection<Item>('b'));
      let calls = 0;
      const leave = collection.subscribe(() => calls++);
      leave();
      a.apply([{ key: 'k1', value: { size: 2, tags: ['red'] } }]);
      expect(calls).toBe(0);
    });
  });
}
