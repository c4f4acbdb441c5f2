/** Long work on a thread that serves, done in slices: between two of them every request that is due gets its turn. */
import { setImmediate } from 'node:timers/promises';

/** Milliseconds of one slice. A request meets a few turns of the loop on its way, and waits this long in each. */
export const SLICE_MS = 1;

/**
 * Runs work that stops after each small step to its end, and gives what it gives. What follows work that was long gets a
 * turn of its own.
 */
export async function inSlices<T>(work: Generator<void, T, void>): Promise<T> {
  let until = performance.now() + SLICE_MS;
  let long = false;
  for (;;) {
    const { done, value } = work.next();
    if (done) {
      if (long) await setImmediate();
      return value;
    }
    if (performance.now() < until) continue;
    long = true;
    await setImmediate();
    until = performance.now() + SLICE_MS;
  }
}

/** The same in one go. */
export function atOnce<T>(work: Generator<void, T, void>): T {
  for (;;) {
    const { done, value } = work.next();
    if (done) return value;
  }
}
