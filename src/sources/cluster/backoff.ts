/** How long whoever failed at an API server waits before the next try. */
import { jittered, type PauseSpan } from '../../value/pause.ts';
import { ApiError } from './api-error.ts';

export type { PauseSpan };

/** What the server asks for, and a time drawn from all of the span. */
export function pauseAfter(error: Error, failures: number, span: PauseSpan): number {
  const asked = error instanceof ApiError ? (error.retryAfter ?? 0) : 0;
  return asked + jittered(failures, span);
}
