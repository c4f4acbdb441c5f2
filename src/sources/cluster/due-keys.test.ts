import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { DueKeys } from './due-keys.ts';

const WAIT = 1_000;

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function taking(): { due: DueKeys; heard: string[][] } {
  const heard: string[][] = [];
  const due: DueKeys = new DueKeys(WAIT, () => heard.push([...due.taken()]));
  return { due, heard };
}

test('each is due when it has waited, in the order in which they came; adding one again delays nothing', () => {
  const { due, heard } = taking();
  due.add('a');
  vi.advanceTimersByTime(WAIT / 2);
  due.add('b');
  due.add('a');
  vi.advanceTimersByTime(WAIT / 2);
  expect(heard).toEqual([['a']]);
  vi.advanceTimersByTime(WAIT / 2);
  expect(heard).toEqual([['a'], ['b']]);
  vi.advanceTimersByTime(10 * WAIT);
  expect(heard).toHaveLength(2);
});

test('what was taken back, cleared or taken early is not due later', () => {
  const { due, heard } = taking();
  for (const key of ['a', 'b', 'c']) due.add(key);
  due.delete('b');
  expect([...due.taken(true)]).toEqual(['a', 'c']);
  due.add('d');
  due.clear();
  vi.advanceTimersByTime(10 * WAIT);
  expect(heard.flat()).toEqual([]);
});

test('what comes while others are taken is told of when they are, and not in between', async () => {
  const seen: string[] = [];
  const { promise: mayGoOn, resolve: goOn } = Promise.withResolvers<void>();
  const look = vi.fn(async () => {
    for (const key of due.taken()) {
      seen.push(key);
      await mayGoOn;
    }
  });
  const due: DueKeys = new DueKeys(WAIT, () => void look());
  due.add('a');
  due.add('b');
  await vi.advanceTimersByTimeAsync(WAIT);
  due.add('c');
  await vi.advanceTimersByTimeAsync(2 * WAIT);
  expect([seen, look.mock.calls.length]).toEqual([['a'], 1]);
  goOn();
  await vi.advanceTimersByTimeAsync(1);
  expect([seen, look.mock.calls.length]).toEqual([['a', 'b', 'c'], 2]);
});
