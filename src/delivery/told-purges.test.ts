import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { CachePurge } from '../config/index.ts';
import { INVALIDATION_DELAY, MAX_TOLD_AT_ONCE, ToldPurges } from './told-purges.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test('what is gathered is told together, and at once where it is much', () => {
  const told: CachePurge[][] = [];
  const purges = new ToldPurges((some) => told.push(some));
  purges.add({ host: 'a' });
  purges.add({ host: 'b' });
  expect(told).toEqual([]);
  vi.advanceTimersByTime(INVALIDATION_DELAY);
  expect(told).toEqual([[{ host: 'a' }, { host: 'b' }]]);
  vi.advanceTimersByTime(10 * INVALIDATION_DELAY);
  expect(told).toHaveLength(1);
  for (let i = 0; i < MAX_TOLD_AT_ONCE; i++) purges.add({ host: `${i}` });
  expect(told[1]).toHaveLength(MAX_TOLD_AT_ONCE);
  vi.advanceTimersByTime(INVALIDATION_DELAY);
  expect(told).toHaveLength(2);
});
