import fc from 'fast-check';
import { expect, test } from 'vitest';
import { MAX_ABOVE, MapDraft } from './layered-map.ts';

const key = fc.integer({ min: 0, max: 2 * MAX_ABOVE }).map(String);
const edit = fc.record({ key, value: fc.option(fc.integer(), { nil: undefined }) });

function edited(map: ReadonlyMap<string, number>, edits: Array<{ key: string; value?: number }>) {
  const draft = new MapDraft(map);
  for (const { key, value } of edits) {
    if (value === undefined) draft.delete(key);
    else draft.set(key, value);
  }
  return draft.finished();
}

test('it is what a Map would be, in the same order, and those before it stay as they were', () => {
  const size = fc.integer({ min: 0, max: 2 * MAX_ABOVE });
  const steps = fc.array(fc.array(edit, { maxLength: MAX_ABOVE / 2 }), { maxLength: 6 });
  fc.assert(
    fc.property(size, steps, (size, steps) => {
      let map: ReadonlyMap<string, number> = new Map(Array.from({ length: size }, (_, at) => [String(at), at]));
      const model = new Map(map);
      for (const edits of steps) {
        const [before, shown] = [map, [...map]];
        map = edited(map, edits);
        for (const { key, value } of edits) {
          if (value === undefined) model.delete(key);
          else model.set(key, value);
        }
        expect([...map]).toEqual([...model]);
        expect([...map.keys(), ...map.values(), map.size]).toEqual([...model.keys(), ...model.values(), model.size]);
        for (let at = 0; at <= 2 * MAX_ABOVE; at++) {
          expect(map.get(String(at))).toBe(model.get(String(at)));
          expect(map.has(String(at))).toBe(model.has(String(at)));
        }
        expect([...before]).toEqual(shown);
      }
    }),
    { numRuns: 30 },
  );
});

test('a large map is not copied for one change, but once in so many', () => {
  let copies = 0;
  class Counted extends Map<string, number> {
    override [Symbol.iterator]() {
      copies++;
      return super[Symbol.iterator]();
    }
  }
  let map: ReadonlyMap<string, number> = new Counted(
    Array.from({ length: MAX_ABOVE + 1 }, (_, at) => [String(at), at]),
  );
  copies = 0;
  for (let at = 0; at < MAX_ABOVE; at++) map = edited(map, [{ key: String(at), value: -1 }]);
  expect(copies).toBe(0);
  map = edited(map, [{ key: String(MAX_ABOVE), value: -1 }]);
  expect(copies).toBe(1);
  expect([...map.values()].every((value) => value === -1)).toBe(true);
});
