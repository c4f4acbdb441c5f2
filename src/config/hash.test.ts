import fc from 'fast-check';
import { expect, test } from 'vitest';
import { canonical, canonicalHash } from './hash.ts';

function shuffled(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(shuffled);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([name, member]) => [name, shuffled(member)]),
  );
}

test('the order of keys makes no difference', () => {
  fc.assert(fc.property(fc.jsonValue(), (value) => canonicalHash(shuffled(value)) === canonicalHash(value)));
});

test('the canonical form is JSON of the same value', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      expect(JSON.parse(canonical(value))).toEqual(JSON.parse(JSON.stringify(value)));
    }),
  );
});

test('values that differ have different hashes', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.jsonValue(), (a, b) => {
      fc.pre(JSON.stringify(shuffled(a)) !== JSON.stringify(shuffled(b)) && canonical(a) !== canonical(b));
      return canonicalHash(a) !== canonicalHash(b);
    }),
  );
});

test('an absent member and an undefined one are the same, an empty one is not', () => {
  expect(canonicalHash({ a: 1, b: undefined })).toBe(canonicalHash({ a: 1 }));
  expect(canonicalHash({ a: 1, b: null })).not.toBe(canonicalHash({ a: 1 }));
  expect(canonicalHash({ a: 1, b: [] })).not.toBe(canonicalHash({ a: 1 }));
});

test('the order of a list makes a difference', () => {
  expect(canonicalHash([1, 2])).not.toBe(canonicalHash([2, 1]));
});
