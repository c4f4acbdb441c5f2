import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { LARGE_CHANGE, MemoryReturn, REST, returnMemory } from './memory-return.ts';

let collected = 0;
let memory: MemoryReturn;
beforeEach(() => {
  vi.useFakeTimers();
  collected = 0;
  memory = new MemoryReturn(() => collected++);
});
afterEach(() => {
  vi.useRealTimers();
});

test('once what was read at the start is served, and nothing has changed for a while', () => {
  memory.changed(1);
  vi.advanceTimersByTime(REST - 1);
  expect(collected).toBe(0);
  memory.changed(1);
  vi.advanceTimersByTime(REST - 1);
  expect(collected).toBe(0);
  vi.advanceTimersByTime(1);
  expect(collected).toBe(1);
});

test('from then on only after changes that are large together', () => {
  memory.changed(1);
  vi.advanceTimersByTime(REST);
  memory.changed(LARGE_CHANGE - 1);
  vi.advanceTimersByTime(10 * REST);
  expect(collected).toBe(1);
  memory.changed(1);
  vi.advanceTimersByTime(REST);
  expect(collected).toBe(2);
  vi.advanceTimersByTime(10 * REST);
  expect(collected).toBe(2);
});

test('what nobody holds is gone, and its room with it', () => {
  vi.useRealTimers();
  let held: object[] | undefined = Array.from({ length: 300_000 }, (_, at) => ({ at }));
  const before = process.memoryUsage();
  held = undefined;
  expect(held).toBeUndefined();
  returnMemory();
  const after = process.memoryUsage();
  expect(before.heapUsed - after.heapUsed).toBeGreaterThan(300_000 * 8);
  expect(before.heapTotal - after.heapTotal).toBeGreaterThan(300_000 * 8);
});
