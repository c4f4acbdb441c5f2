/**
 * How many descriptors this process may have, and which of them are for clients. Where none is left, the system ends who
 * comes and says so to nobody; so the last ones are not given to clients, and who is turned away is counted.
 */
import { readFileSync } from 'node:fs';

/** Of all descriptors one in so many is kept for backends and files. */
const KEPT_ONE_IN = 8;
/** Descriptors that are kept for backends and files, at most. */
const MAX_KEPT = 1_024;

/** A client whose descriptor has this number, or a higher one, is turned away: the system gives the lowest that is free. */
export function clientDescriptors(limits: () => string = readLimits): number {
  const most = Number(/^Max open files\s+(\d+)/m.exec(limits())?.[1] ?? Number.POSITIVE_INFINITY);
  return Number.isFinite(most) ? most - Math.min(MAX_KEPT, Math.ceil(most / KEPT_ONE_IN)) : most;
}

/** '': this system does not say it in a file. */
function readLimits(): string {
  try {
    return readFileSync('/proc/self/limits', 'latin1');
  } catch {
    return '';
  }
}
