import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Debounce } from './debounce.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test('fires once, when a burst of calls is over', () => {
  const fire = vi.fn();
  const debounce = new Debounce({ quiet: 30, patience: 250, fire });
  for (let i = 0; i < 5; i++) {
    debounce.call();
    vi.advanceTimersByTime(20);
  }
  expect(fire).not.toHaveBeenCalled();
  vi.advanceTimersByTime(10);
  expect(fire).toHaveBeenCalledOnce();
  vi.advanceTimersByTime(1000);
  expect(fire).toHaveBeenCalledOnce();
});

test('does not wait longer than its patience for a burst to end', () => {
  const fire = vi.fn();
  const debounce = new Debounce({ quiet: 30, patience: 250, fire });
  for (let elapsed = 0; elapsed < 250; elapsed += 10) {
    debounce.call();
    vi.advanceTimersByTime(10);
  }
  expect(fire).toHaveBeenCalledOnce();
});

test('does not fire after it was cancelled', () => {
  const fire = vi.fn();
  const debounce = new Debounce({ quiet: 30, patience: 250, fire });
  debounce.call();
  debounce.cancel();
  vi.advanceTimersByTime(1000);
  expect(fire).not.toHaveBeenCalled();
});
