import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Grace, MAX_GONE_ROWS, ROW_GRACE } from './grace.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'] });
});
afterEach(() => {
  vi.useRealTimers();
});

test('what is gone is kept for a while, and what comes back begins anew', () => {
  const grace = new Grace();
  expect([grace.keeps('a', true), grace.keeps('a', false)]).toEqual([true, true]);
  vi.advanceTimersByTime(ROW_GRACE - 1);
  expect([grace.keeps('a', false), grace.keeps('a', true), grace.keeps('a', false)]).toEqual([true, true, true]);
  vi.advanceTimersByTime(ROW_GRACE - 1);
  expect(grace.keeps('a', false)).toBe(true);
  vi.advanceTimersByTime(1);
  expect(grace.keeps('a', false)).toBe(false);
});

test('of too much that is gone the rest goes at once', () => {
  const grace = new Grace();
  const kept = Array.from({ length: MAX_GONE_ROWS + 10 }, (_, i) => grace.keeps(String(i), false));
  expect(kept.filter(Boolean)).toHaveLength(MAX_GONE_ROWS);
  expect(grace.keeps('live', true)).toBe(true);
});
