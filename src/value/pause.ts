/** How long whoever failed waits before the next try. */

/** Milliseconds: the span of the first pause, and what it doubles to at most. */
export interface PauseSpan {
  first: number;
  longest: number;
}

/** Drawn from all of the span, so that clients do not come back together. */
export function jittered(failures: number, { first, longest }: PauseSpan): number {
  return Math.random() * Math.min(longest, first * 2 ** failures);
}
