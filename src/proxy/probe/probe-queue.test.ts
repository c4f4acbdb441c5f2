import { expect, test } from 'vitest';
import { MAX_PROBES, MAX_PROBES_OF_BACKEND, ProbeQueue } from './probe-queue.ts';

/** Asks for looks that end only when the test says so. */
function asking(queue: ProbeQueue): { ask(lane: string, count: number): void; underway(lane: string): number } {
  const begun = new Map<string, number>();
  return {
    ask(lane, count) {
      for (let i = 0; i < count; i++) queue.ask(lane, () => begun.set(lane, (begun.get(lane) ?? 0) + 1));
    },
    underway: (lane) => begun.get(lane) ?? 0,
  };
}

test('looks of one backend are so many at a time, and the next begins when one ends', () => {
  const queue = new ProbeQueue();
  const { ask, underway } = asking(queue);
  ask('a', MAX_PROBES_OF_BACKEND + 10);
  expect(underway('a')).toBe(MAX_PROBES_OF_BACKEND);
  ask('b', 1);
  expect(underway('b')).toBe(1);
  queue.done('a');
  expect(underway('a')).toBe(MAX_PROBES_OF_BACKEND + 1);
});

test('in all so many, and of backends that wait each gets its turn', () => {
  const queue = new ProbeQueue();
  const { ask, underway } = asking(queue);
  const slow = Array.from({ length: MAX_PROBES / MAX_PROBES_OF_BACKEND }, (_, i) => `slow-${i}`);
  for (const lane of slow) ask(lane, 1_000);
  ask('late', 2);
  expect(slow.reduce((sum, lane) => sum + underway(lane), 0)).toBe(MAX_PROBES);
  expect(underway('late')).toBe(0);
  // Two that end, and one of the slow ones is before the late one at most.
  queue.done('slow-0');
  queue.done('slow-0');
  queue.done('slow-0');
  queue.done('slow-0');
  expect(underway('late')).toBe(2);
});
