/** How long whoever failed at an API server waits before the next try. */
import { jittered, type PauseSpan } from '../../value/pause.ts';
import type { ApiClient } from './api-client.ts';
import { ApiError } from './api-error.ts';

export type { PauseSpan };

/** What the server asks for, and a time drawn from all of the span. */
export function pauseAfter(error: Error, failures: number, span: PauseSpan): number {
  const asked = error instanceof ApiError ? (error.retryAfter ?? 0) : 0;
  return asked + jittered(failures, span);
}

export interface Failed {
  client: ApiClient;
  error: Error;
  /** Before this one. */
  failures: number;
  pauses: PauseSpan;
}

/**
 * Calls `again` once: after the pause, or as soon as a server that was away is back (`isBack`). Whoever was answered waits.
 * Returns what ends the wait.
 */
export function tryLater({ client, error, failures, pauses }: Failed, again: (isBack: boolean) => void): () => void {
  let isOver = false;
  const end = (): void => {
    isOver = true;
    clearTimeout(timer);
  };
  const go = (isBack: boolean): void => {
    if (isOver) return;
    end();
    again(isBack);
  };
  const timer = setTimeout(go, pauseAfter(error, failures, pauses), false).unref();
  if (!(error instanceof ApiError)) void client.back.then(() => go(true));
  return end;
}
