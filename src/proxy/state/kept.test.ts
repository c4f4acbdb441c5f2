import { expect, test } from 'vitest';
import { Kept } from './kept.ts';

test('what is held by the next before the last lets go stays, and what nobody holds is forgotten', () => {
  const kept = new Kept((key) => ({ key }));
  const first = kept.hold('a');
  expect(kept.hold('a')).toBe(first);
  kept.letGo('a');
  expect(kept.hold('a')).toBe(first);
  kept.letGo('a');
  kept.letGo('a');
  expect([kept.size, [...kept]]).toEqual([0, []]);
  expect(kept.hold('a')).not.toBe(first);
  expect([...kept]).toEqual([['a', { key: 'a' }]]);
});

test('letting go more often than holding is an impossible state', () => {
  const kept = new Kept((key) => key);
  expect(() => kept.letGo('a')).toThrow();
});
