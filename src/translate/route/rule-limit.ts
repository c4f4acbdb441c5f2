import { type HTTPRouteRetry, type HTTPRouteTimeouts, ROUTE_REASON } from '../../api/index.ts';
import type { Retry, Timeouts } from '../../config/index.ts';
import { milliseconds } from '../../value/duration.ts';
import { type Problem, problem } from '../verdict/problem.ts';

/** How long a rule's requests may take, and how often they are tried; what is no duration is noted as invalid. */
export function readTimeouts(
  timeouts: HTTPRouteTimeouts | undefined,
  field: string,
  invalid: Problem[],
): Timeouts | undefined {
  if (timeouts === undefined) return undefined;
  const request = readDuration(timeouts.request, `${field}.request`, invalid);
  const backendRequest = readDuration(timeouts.backendRequest, `${field}.backendRequest`, invalid);
  if (request !== undefined && backendRequest !== undefined && request > 0 && backendRequest > request) {
    const message = `${timeouts.backendRequest} is longer than request (${timeouts.request}): it would never end first`;
    invalid.push(problem(ROUTE_REASON.UnsupportedValue, `${field}.backendRequest`, message));
  }
  const read: Timeouts = {};
  if (request !== undefined) read.request = request;
  if (backendRequest !== undefined) read.backendRequest = backendRequest;
  return read;
}

function readDuration(duration: string | undefined, field: string, invalid: Problem[]): number | undefined {
  if (duration === undefined) return undefined;
  const read = milliseconds(duration);
  if (read === undefined) {
    const message = `${duration} is no duration: write it like 10s, 500ms or 1h30m`;
    invalid.push(problem(ROUTE_REASON.UnsupportedValue, field, message));
  }
  return read;
}

export function readRetry(retry: HTTPRouteRetry | undefined, field: string, invalid: Problem[]): Retry | undefined {
  if (retry === undefined) return undefined;
  const read: Retry = { codes: retry.codes ?? [], attempts: retry.attempts ?? 1 };
  const backoff = readDuration(retry.backoff, `${field}.backoff`, invalid);
  if (backoff !== undefined) read.backoff = backoff;
  return read;
}
