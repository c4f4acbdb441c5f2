/**
 * Lines whose name has a '_', or another mark than '-': CGI-like backends take it for a '-', and so for another line than
 * whoever checked that one.
 */
import { ARENA } from '../ground/arena.ts';
import {
  FIELD_MANAGED,
  FIELD_STRIDE,
  FOLDED,
  type Head,
  NAME_END,
  NAME_HASH,
  NAME_START,
  NO_NAME,
} from '../ground/head.ts';

const DASH = 0x2d;

/** They are not forwarded, and nobody finds them. True: there are some. */
export function hideUnderscores(head: Head): boolean {
  let some = false;
  for (let i = 0; i < head.count; i++) {
    const at = i * FIELD_STRIDE;
    if (!hasMark(head.fields[at + NAME_START]!, head.fields[at + NAME_END]!)) continue;
    some = true;
    head.fields[at + NAME_HASH] = NO_NAME;
    head.drop[i] = FIELD_MANAGED;
  }
  return some;
}

function hasMark(start: number, end: number): boolean {
  for (let at = start; at < end; at++) {
    const octet = ARENA[at]!;
    if (octet !== DASH && FOLDED[octet] === DASH) return true;
  }
  return false;
}
