/** When a request is sent again, and how long that waits. */
import type { RouteRule } from '../../config/index.ts';
import type { Failure } from '../ground/codec.ts';

/** Milliseconds before the first retry where the rule names none; doubled for each further one. */
export const DEFAULT_BACKOFF = 25;
/** A longer wait than this is never computed from a backoff. */
export const LONGEST_BACKOFF = 30_000;
/** Endpoints tried for one request when connections are refused, without any retry rule: nothing was sent. */
export const MAX_CONNECT_ATTEMPTS = 3;

export function retriesStatus(rule: RouteRule, status: number, attempts: number): boolean {
  const { retry } = rule;
  return retry !== undefined && attempts <= retry.attempts && retry.codes.includes(status);
}

/** Connection errors are tried again wherever the rule has a retry stanza; protocol errors are the backend's answer. */
export function retriesFailure(rule: RouteRule, why: Failure, attempts: number): boolean {
  const { retry } = rule;
  return retry !== undefined && attempts <= retry.attempts && why !== 'protocol_error' && why !== 'draining';
}

/** `attempts`: requests sent so far. */
export function retryDelay(rule: RouteRule, attempts: number): number {
  const first = rule.retry?.backoff ?? DEFAULT_BACKOFF;
  return Math.min(LONGEST_BACKOFF, first * 2 ** (attempts - 1));
}

/** RFC 9110 section 9.2.2, by the method's bytes as text. */
export function isIdempotent(method: string): boolean {
  return ['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE'].includes(method);
}
