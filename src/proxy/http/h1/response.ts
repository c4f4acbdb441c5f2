/** Response heads. */
import { ARENA } from '../../ground/arena.ts';
import { type Head, type HeadTable, OPTION_UPGRADE } from '../../ground/head.ts';
import { clearOptions, settleOptions } from './connection-option.ts';
import {
  BAD_STATUS_LINE,
  BARE_CR,
  BARE_LF,
  CODING_VERSION,
  HEAD_TOO_LARGE,
  INCOMPLETE,
  LENGTH_AND_CODING,
} from './fault.ts';
import { scanFields } from './fields.ts';
import { CR, LF, NINE, SP, VALUE, ZERO } from './octets.ts';

/** Most bytes of a response head with its empty line. */
export const MAX_RESPONSE_HEAD_BYTES: number = 64 * 1024;

const VERSION_PREFIX = 'HTTP/1.';
const MIN_STATUS = 100;

/** As parseRequestHead. Whether a body follows is for the caller, who knows the request's method. */
export function parseResponseHead(start: number, end: number, table: HeadTable): Head | number {
  const limit = Math.min(end, start + MAX_RESPONSE_HEAD_BYTES);
  const saved = ARENA[limit]!;
  ARENA[limit] = 0;
  const outcome = parseWithin(start, limit, table);
  ARENA[limit] = saved;
  if (outcome > INCOMPLETE) return table as Head;
  return outcome === INCOMPLETE && limit - start === MAX_RESPONSE_HEAD_BYTES ? HEAD_TOO_LARGE : outcome;
}

function parseWithin(start: number, end: number, head: HeadTable): number {
  head.reset(start);
  clearOptions();
  let p = scanStatusLine(start, end, head);
  if (p <= INCOMPLETE) return p;
  p = scanFields(p, end, head);
  if (p <= INCOMPLETE) return p;
  head.end = p;
  if (head.chunked) {
    if (head.contentLengthField >= 0) return LENGTH_AND_CODING;
    if (head.minorVersion === 0) return CODING_VERSION;
  }
  if ((head.options & OPTION_UPGRADE) === 0 || head.upgradeStart === 0) head.upgradeStart = head.upgradeEnd = 0;
  const fault = settleOptions(head);
  return fault < 0 ? fault : p;
}

function scanStatusLine(start: number, end: number, head: HeadTable): number {
  const digits = scanVersion(start, end, head);
  if (digits <= INCOMPLETE) return digits;
  let status = 0;
  for (let p = digits; p < digits + 3; p++) {
    const digit = ARENA[p]!;
    if (digit < ZERO || digit > NINE) return p >= end ? INCOMPLETE : BAD_STATUS_LINE;
    status = status * 10 + (digit - ZERO);
  }
  if (status < MIN_STATUS) return BAD_STATUS_LINE;
  head.status = status;
  let p = digits + 3;
  // Some servers leave out the space together with the reason.
  if (ARENA[p] === SP) p++;
  else if (ARENA[p] !== CR) return p >= end ? INCOMPLETE : ARENA[p] === LF ? BARE_LF : BAD_STATUS_LINE;
  head.reasonStart = p;
  while (VALUE[ARENA[p]!] !== 0) p++;
  head.reasonEnd = p;
  if (ARENA[p] !== CR) return p >= end ? INCOMPLETE : ARENA[p] === LF ? BARE_LF : BAD_STATUS_LINE;
  if (ARENA[p + 1] !== LF) return p + 1 >= end ? INCOMPLETE : BARE_CR;
  return p + 2;
}

/** Offset of the status, INCOMPLETE or a fault. */
function scanVersion(start: number, end: number, head: HeadTable): number {
  for (let i = 0; i < VERSION_PREFIX.length; i++) {
    if (ARENA[start + i] !== VERSION_PREFIX.charCodeAt(i)) return start + i >= end ? INCOMPLETE : BAD_STATUS_LINE;
  }
  const at = start + VERSION_PREFIX.length;
  const minor = ARENA[at]! - ZERO;
  if (minor !== 0 && minor !== 1) return at >= end ? INCOMPLETE : BAD_STATUS_LINE;
  if (ARENA[at + 1] !== SP) return at + 1 >= end ? INCOMPLETE : BAD_STATUS_LINE;
  head.minorVersion = minor;
  return at + 2;
}
