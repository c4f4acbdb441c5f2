/** Which fields have no place behind a body, whatever protocol it comes in. */
import { ARENA } from '../../ground/arena.ts';

/**
 * Fields that may not come after a body: those for framing, routing, authentication, request modifiers, response
 * control and content (RFC 9110 6.5.1), and those that the proxy writes itself.
 */
const HEAD_ONLY: ReadonlySet<string> = new Set([
  'age',
  'authorization',
  'cache-control',
  'cdn-loop',
  'connection',
  'content-encoding',
  'content-length',
  'content-range',
  'content-type',
  'cookie',
  'date',
  'expect',
  'expires',
  'forwarded',
  'host',
  'keep-alive',
  'location',
  'max-forwards',
  'pragma',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'range',
  'retry-after',
  'set-cookie',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'vary',
  'via',
  'warning',
  'www-authenticate',
  'x-real-ip',
  'x-request-id',
]);

/** Of the field whose name is ARENA[start,end). */
export function belongsToHead(start: number, end: number): boolean {
  const name = ARENA.latin1Slice(start, end).toLowerCase();
  return HEAD_ONLY.has(name) || name.startsWith('x-forwarded-');
}
