/** For tests: what a parser says, as one number. */
import type { Head } from '../../ground/head.ts';

/** The byte after a sound head; else INCOMPLETE or the fault. */
export function endOf(outcome: Head | number): number {
  return typeof outcome === 'number' ? outcome : outcome.end;
}
