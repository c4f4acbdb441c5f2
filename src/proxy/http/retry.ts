/** When a request is sent again, and how long that waits. */
import type { RetriedFailure, Retry } from '../../config/index.ts';
import type { Failure } from '../ground/codec.ts';
import { type Head, nameHash } from '../ground/head.ts';

/** Milliseconds before the first retry where the rule names none; doubled for each further one. */
export const DEFAULT_BACKOFF = 25;
/** A longer wait than this is never computed from a backoff, but for what chance adds; a longer backoff stays what it is. */
export const LONGEST_BACKOFF = 30_000;
/** Endpoints tried for one request without any retry rule, whose connections are refused or, once, end before an answer. */
export const MAX_CONNECT_ATTEMPTS = 3;

/**
 * Whether a request of which nothing was sent goes on to another endpoint of those that there are now; `refused`: the one
 * that took no connection, which may be none of them any more.
 */
export function triesAnother(size: number, refused: { readonly retired: boolean }, attempts: number): boolean {
  return attempts < Math.min(MAX_CONNECT_ATTEMPTS, refused.retired ? size + 1 : size);
}

/** A rule, or a backend with what its policy says. */
export interface RetryOwner {
  readonly retry?: Retry | undefined;
}

export function retriesStatus(rule: RetryOwner, status: number, attempts: number): boolean {
  const { retry } = rule;
  return retry !== undefined && attempts <= retry.attempts && retry.codes.includes(status);
}

/** Connection errors are tried again wherever the rule has a retry stanza; protocol errors are the backend's answer. */
export function retriesFailure(rule: RetryOwner, why: Failure, attempts: number): boolean {
  const { retry } = rule;
  if (retry === undefined || attempts > retry.attempts || why === 'draining') return false;
  return retry.failures === undefined ? why !== 'protocol_error' : retry.failures.includes(kindOf(why));
}

/**
 * Whether a request that the backend may have acted on is sent again only where it may come twice. A route's own rule has
 * nothing else sent again by itself (spec), but for a try that took longer than the rule gives it.
 */
export function onlyIdempotent({ retry }: RetryOwner, why: Failure): boolean {
  return retry?.idempotentOnly === true || (retry?.failures === undefined && why !== 'timeout');
}

function kindOf(why: Failure): RetriedFailure {
  switch (why) {
    case 'connect_refused':
    case 'connect_timeout':
    case 'tls_failed':
    case 'overloaded':
    case 'limit':
      return 'Connect';
    case 'reset':
    case 'closed_early':
    case 'draining':
      return 'Reset';
    case 'timeout':
      return 'Timeout';
    case 'protocol_error':
      return 'Protocol';
  }
}

const GRPC_STATUS = nameHash('grpc-status');

/** A call of gRPC whose answer is its end: nothing of it has gone to the client. */
export function retriesCall({ retry }: RetryOwner, head: Head, attempts: number): boolean {
  if (retry?.grpcCodes === undefined || attempts > retry.attempts) return false;
  const at = head.find('grpc-status', GRPC_STATUS);
  return at !== -1 && retry.grpcCodes.includes(Number(head.value(at)));
}

/** The part of a wait by which it may be longer, by chance: so that those who failed together do not come together again. */
const JITTER = 1 / 2;

/** `attempts`: requests sent so far. `chance`: from 0 up to 1. The backoff is the shortest wait, never undercut. */
export function retryDelay(rule: RetryOwner, attempts: number, chance: number = Math.random()): number {
  const first = rule.retry?.backoff ?? DEFAULT_BACKOFF;
  return Math.max(first, Math.min(LONGEST_BACKOFF, first * 2 ** (attempts - 1))) * (1 + chance * JITTER);
}

/** RFC 9110 section 9.2.2, by the method's bytes as text. */
export function isIdempotent(method: string): boolean {
  return ['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE'].includes(method);
}
