/** Faults that the soak must find, for its own test. */
import { openSync } from 'node:fs';

export const FAULTS = ['descriptors', 'heap', 'requests'] as const;
export type Fault = (typeof FAULTS)[number];

/** Milliseconds between two leaks: what is held settles in between. Each is so many descriptors and numbers. */
const EVERY = 2_000;
const DESCRIPTORS = 10;
const NUMBERS = 500_000;

/** Lets the process that it is called in leak. `requests` is the backends'. */
export function leak(faults: readonly string[]): void {
  const kept: number[][] = [];
  const timer = setInterval(() => {
    if (faults.includes('descriptors')) for (let i = 0; i < DESCRIPTORS; i++) openSync('/dev/null', 'r');
    if (faults.includes('heap')) kept.push(new Array<number>(NUMBERS).fill(0.5));
  }, EVERY);
  timer.unref();
}
