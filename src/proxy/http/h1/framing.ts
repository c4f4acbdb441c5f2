/** The fields that say how long a message is. */
import { ARENA } from '../../ground/arena.ts';
import { sameName } from '../../ground/head.ts';
import { CODING_INVALID, CODING_UNSUPPORTED, LENGTH_INVALID } from './fault.ts';
import { COMMA, HTAB, NINE, SP, ZERO } from './octets.ts';

/** Most digits of a Content-Length: a number of 15 digits is exact, and more than anyone sends. */
export const MAX_LENGTH_DIGITS = 15;

/**
 * A Content-Length value, or LENGTH_INVALID. A leading zero is refused although the grammar has it: some readers take
 * such a number for an octal one.
 */
export function parseLength(start: number, end: number): number {
  const digits = end - start;
  if (digits < 1 || digits > MAX_LENGTH_DIGITS) return LENGTH_INVALID;
  if (ARENA[start] === ZERO && digits > 1) return LENGTH_INVALID;
  let length = 0;
  for (let p = start; p < end; p++) {
    const digit = ARENA[p]!;
    if (digit < ZERO || digit > NINE) return LENGTH_INVALID;
    length = length * 10 + (digit - ZERO);
  }
  return length;
}

/** Whether a comma-separated list holds `element` (lower case), ASCII case ignored, with no parameters. */
export function hasElement(start: number, end: number, element: string): boolean {
  for (let p = start; p < end; p++) {
    let stop = p;
    while (stop < end && ARENA[stop] !== COMMA) stop++;
    if (isElement(p, stop, element)) return true;
    p = stop;
  }
  return false;
}

function isElement(start: number, end: number, element: string): boolean {
  let from = start;
  let to = end;
  while (from < to && (ARENA[from] === SP || ARENA[from] === HTAB)) from++;
  while (to > from && (ARENA[to - 1] === SP || ARENA[to - 1] === HTAB)) to--;
  return sameName(from, to, element);
}

/**
 * 0 for a Transfer-Encoding that is exactly chunked. RFC 9112 6.3: where chunked is not the last coding of a request
 * its end cannot be known, so that is malformed; other codings before it are merely not spoken here.
 */
export function codingFault(start: number, end: number): number {
  if (sameName(start, end, 'chunked')) return 0;
  let last = end;
  while (last > start && ARENA[last - 1] !== COMMA) last--;
  return last > start && isElement(last, end, 'chunked') ? CODING_UNSUPPORTED : CODING_INVALID;
}
