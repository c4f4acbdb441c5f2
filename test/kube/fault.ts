/** What can be made to go wrong, by switch. */
import type { IncomingMessage } from 'node:http';

export interface Asked {
  method: string;
  path: string;
  query: URLSearchParams;
  /** The token of the request, or ''. */
  token: string;
}

export type Fault =
  /** Answers with a Status object. */
  | { kind: 'refuse'; code: number; reason: string; retryAfter?: number; message?: string }
  /** Answers after so many milliseconds. */
  | { kind: 'slow'; delay: number }
  /** Takes the request and never answers. */
  | { kind: 'silent' }
  /** Breaks the connection. */
  | { kind: 'reset' };

export const THROTTLED: Fault = { kind: 'refuse', code: 429, reason: 'TooManyRequests', retryAfter: 0 };
export const FORBIDDEN: Fault = { kind: 'refuse', code: 403, reason: 'Forbidden' };
export const FAILED: Fault = { kind: 'refuse', code: 500, reason: 'InternalError' };

/** Which request meets which fault; undefined: none. */
export type FaultRule = (asked: Asked) => Fault | undefined;

export function askedOf(request: IncomingMessage): Asked {
  const url = new URL(request.url ?? '/', 'http://api');
  const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1] ?? '';
  return { method: request.method ?? 'GET', path: url.pathname, query: url.searchParams, token };
}
