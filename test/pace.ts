/**
 * The machine's pace. What bounds a time in milliseconds was measured on one machine; others, and the same one beside
 * neighbours, take twice as long for all that they do. A piece of work that never changes tells how many times.
 */

import { setImmediate } from 'node:timers/promises';

/** Milliseconds of the piece of work where the bounds were measured. */
const REFERENCE = 4.9;
const ROUNDS = 3;

function piece(): number {
  const before = performance.now();
  const made = new Map<string, { at: number; text: string }>(
    Array.from({ length: 20_000 }, (_, i) => [`key-${i}`, { at: i, text: `v${i & 255}` }]),
  );
  for (const [key, one] of made) one.text += key;
  [...made.values()].sort((a, b) => b.at - a.at);
  return performance.now() - before;
}

/** How many times slower this moment is, never less than 1. */
function slowness(): number {
  return Math.max(1, Math.min(...Array.from({ length: ROUNDS }, piece)) / REFERENCE);
}

/**
 * What `measure` says (milliseconds) in those of the machine where bounds were measured. The pace is taken before and after,
 * and the faster one counts: a neighbour that came in between excuses nothing.
 */
export async function paced(measure: () => number | Promise<number>): Promise<number> {
  const before = slowness();
  const time = await measure();
  return time / Math.min(before, slowness());
}

/** The fewest milliseconds of up to `most` measures, which ends with the first under `bound`: others use the machine, too. */
export async function fewest(bound: number, most: number, measure: () => number | Promise<number>): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < most && least >= bound; round++) least = Math.min(least, await paced(measure));
  return least;
}

/**
 * Milliseconds of the thread. They are never more than by the clock, and the kernel counts in ticks of 4 ms where others want
 * the processor, too: the less of the two is nearer.
 */
function stopwatch(): () => number {
  const [before, began] = [process.threadCpuUsage(), performance.now()];
  return () => {
    const { user, system } = process.threadCpuUsage(before);
    return Math.min((user + system) / 1000, performance.now() - began);
  };
}

/** Milliseconds of the thread that the work takes. */
export function threadTime(work: () => unknown): number {
  const passed = stopwatch();
  work();
  return passed();
}

/** Milliseconds of the thread that the longest turn of the loop takes until the work is done. */
export async function longestTurn(work: () => Promise<unknown>): Promise<number> {
  let done = false;
  let longest = 0;
  const working = work().finally(() => (done = true));
  while (!done) {
    const passed = stopwatch();
    await setImmediate();
    longest = Math.max(longest, passed());
  }
  await working;
  return longest;
}
