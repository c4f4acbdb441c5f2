import fc from 'fast-check';
import { expect, it } from 'vitest';
import { ARENA } from '../ground/arena.ts';
import { ByteMap } from './byte-map.ts';

// Few hashes for many keys, so that almost everything collides.
const hashOf = (key: string): number => (key.charCodeAt(key.length - 1) % 7) * 0x1fffffff;
const KEYS = Array.from({ length: 60 }, (_, i) => `/key-${i}`);
const key = fc.constantFrom(...KEYS);
const edit = fc.record({ key, value: fc.option(fc.nat(), { freq: 2, nil: undefined }) });

function find(map: ByteMap<number>, text: string): number | undefined {
  const end = ARENA.latin1Write(text, 0);
  return map.get(hashOf(text), 0, end);
}

/** Listed, and looked up. */
function contentOf(map: ByteMap<number>): Array<Map<string, number | undefined>> {
  const values = map.values();
  return [new Map(map.keys().map((one, i) => [one, values[i]!])), new Map(KEYS.map((one) => [one, find(map, one)]))];
}

it('agrees with a Map through any sequence of changes, and a copy leaves its original alone', () => {
  fc.assert(
    fc.property(fc.array(fc.array(edit, { maxLength: 90, size: 'max' }), { maxLength: 5 }), (rounds) => {
      let map = new ByteMap<number>(false);
      let model = new Map<string, number>();
      for (const edits of rounds) {
        const [before, expected] = [map, model];
        map = map.copy();
        model = new Map(model);
        for (const { key: text, value } of edits) {
          if (value === undefined) {
            map.delete(hashOf(text), text);
            model.delete(text);
          } else {
            map.set(hashOf(text), text, value);
            model.set(text, value);
          }
          expect(map.size).toBe(model.size);
        }
        for (const text of KEYS) expect(map.named(hashOf(text), text)).toBe(model.get(text));
        for (const [one, content] of [
          [map, model],
          [before, expected],
        ] as const) {
          expect(contentOf(one)).toEqual([content, new Map(KEYS.map((text) => [text, content.get(text)]))]);
        }
      }
    }),
    { numRuns: 200 },
  );
});

it('keeps no room for what was deleted long ago', () => {
  const map = new ByteMap<number>(false);
  for (let i = 0; i < 100_000; i++) {
    map.set(i, `/${i}`, i);
    if (i >= 100) map.delete(i - 100, `/${i - 100}`);
  }
  expect([map.size, map.room]).toEqual([100, 512]);
});
