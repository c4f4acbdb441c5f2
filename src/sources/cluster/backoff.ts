/** How long whoever failed at an API server waits before the next try. */
import { ApiError } from './api-error.ts';

/** Milliseconds: the span of the first pause, and what it doubles to at most. */
export interface PauseSpan {
  first: number;
  longest: number;
}

/** What the server asks for, and a time drawn from all of the span, so that clients do not come back together. */
export function pauseAfter(error: Error, failures: number, { first, longest }: PauseSpan): number {
  const asked = error instanceof ApiError ? (error.retryAfter ?? 0) : 0;
  return asked + Math.random() * Math.min(longest, first * 2 ** failures);
}
