import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { GoOn } from '../../state/index.ts';
import { COLLAPSE_STEP, COLLAPSE_TIMEOUT, CollapsedFetch, MAX_COLLAPSE_STEP } from './collapsed-fetch.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** `count` that wait for one that asks; `gone` of them, from the first on, have ended meanwhile. */
function waiting(count: number, gone = 0): { fetch: CollapsedFetch; why: Array<Parameters<GoOn>[0]> } {
  const fetch = new CollapsedFetch();
  fetch.asks();
  const why: Array<Parameters<GoOn>[0]> = [];
  for (let i = 0; i < count; i++) {
    fetch.wait((reason) => {
      if (i < gone) return false;
      why.push(reason);
      if (reason === 'long') fetch.asks();
      return true;
    });
  }
  return { fetch, why };
}

test('behind one that hangs one goes, then twice as many in each step, up to a limit', () => {
  const { why } = waiting(500, 3);
  vi.advanceTimersByTime(COLLAPSE_TIMEOUT - 1);
  expect(why).toHaveLength(0);
  vi.advanceTimersByTime(1);
  let all = 1;
  for (let step = 1; step < 20; step = Math.min(step * 2, MAX_COLLAPSE_STEP), all = Math.min(497, all + step)) {
    expect(why).toHaveLength(all);
    if (all === 497) break;
    vi.advanceTimersByTime(COLLAPSE_STEP);
  }
  vi.advanceTimersByTime(COLLAPSE_STEP * 20);
  expect(why).toHaveLength(497);
  expect(new Set(why)).toEqual(new Set(['long']));
  expect(vi.getTimerCount()).toBe(0);
});

test('who comes later waits for the next step', () => {
  const { fetch, why } = waiting(1);
  vi.advanceTimersByTime(COLLAPSE_TIMEOUT * 2);
  fetch.wait((reason) => why.push(reason) > 0);
  vi.advanceTimersByTime(COLLAPSE_STEP);
  expect(why).toEqual(['long', 'long']);
});

test('an answer ends it for all, and the end without one only where nobody asks any more', () => {
  const { fetch, why } = waiting(9);
  vi.advanceTimersByTime(COLLAPSE_TIMEOUT);
  expect(fetch.ends(true)).toBe(false);
  expect(fetch.ends(false)).toBe(true);
  fetch.tell('answer');
  expect(why).toEqual(['long', ...Array<string>(8).fill('answer')]);
  expect(vi.getTimerCount()).toBe(0);
  const { fetch: other } = waiting(1);
  expect(other.ends(true)).toBe(true);
});
