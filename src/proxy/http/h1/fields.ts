/** Field lines, of heads and of trailer sections: one pass, nothing repaired, known fields understood on the way. */
import { ARENA } from '../../ground/arena.ts';
import {
  FIELD_STRIDE,
  FOLDED,
  type HeadTable,
  MAX_FIELDS,
  sameName,
  VALUE_END,
  VALUE_START,
} from '../../ground/head.ts';
import { noteOptions } from './connection-option.ts';
import {
  BARE_CR,
  BARE_LF,
  CODING_REPEATED,
  EXPECTATION_UNKNOWN,
  FIELD_FOLDED,
  FIELD_NAME_EMPTY,
  FIELD_NAME_IMITATES,
  FIELD_NAME_INVALID,
  FIELD_NAME_SPACE,
  FIELD_VALUE_INVALID,
  HOST_REPEATED,
  INCOMPLETE,
  LENGTH_REPEATED,
  TOO_MANY_FIELDS,
} from './fault.ts';
import {
  CDN_LOOP,
  CLAIM,
  CONNECTION,
  CONTENT_LENGTH,
  EXPECT,
  FORWARDED_FOR,
  HOST,
  imitatedKind,
  kindOf,
  ORDINARY,
  REQUEST_DROP,
  REQUEST_ID,
  RESPONSE_DROP,
  TE,
  TRANSFER_ENCODING,
  UPGRADE,
} from './field-kind.ts';
import { codingFault, hasElement, parseLength } from './framing.ts';
import { COLON, CR, FNV_PRIME, FNV_START, HTAB, LF, LOWER_NAME, LOWER_TOKEN, SP, VALUE } from './octets.ts';

/*
 * The engine reads an imported binding from its module's cell at every use, and folds a module's own constants into
 * the code. Hence the local names for what the scans use for each octet; they take a third off the time for a head.
 */
const bytes = ARENA;
const lowerName = LOWER_NAME;
const isValue = VALUE;
const words = new Int32Array(ARENA.buffer, ARENA.byteOffset, ARENA.length >> 2);
const prime = FNV_PRIME;
const empty = FNV_START;
const colon = COLON;
const cr = CR;
const lf = LF;
const sp = SP;
const tab = HTAB;
const stride = FIELD_STRIDE;
const maxFields = MAX_FIELDS;
const ordinary = ORDINARY;
const requestDrop = REQUEST_DROP;
const responseDrop = RESPONSE_DROP;

/**
 * Reads field lines from `start` to the empty line into `head`. ARENA[end] must be 0, which is in no table, so that
 * no scan needs to compare with `end`. Returns the byte after the empty line, INCOMPLETE or a fault.
 */
export function scanFields(start: number, end: number, head: HeadTable): number {
  const fields = head.fields;
  const drop = head.drop;
  const dropOf = head.status === 0 ? requestDrop : responseDrop;
  let p = start;
  let count = 0;
  for (;;) {
    const nameStart = p;
    let hash = empty;
    let lower = lowerName[bytes[p]!]!;
    while (lower !== 0) {
      hash = Math.imul(hash ^ lower, prime);
      lower = lowerName[bytes[++p]!]!;
    }
    if (bytes[p] !== colon || p === nameStart) {
      if (bytes[p] === cr && p === nameStart) {
        head.count = count;
        return count > head.most ? TOO_MANY_FIELDS : afterCr(p, end);
      }
      const next = nameStop(end, nameStart);
      if (next <= INCOMPLETE) return next;
      hash = hashOf(nameStart, next);
      p = next;
    }
    if (count === maxFields) return TOO_MANY_FIELDS;
    const nameEnd = p++;
    while (bytes[p] === sp || bytes[p] === tab) p++;
    const valueStart = p;
    p = pastValue(p);
    if (bytes[p] !== cr || bytes[p + 1] !== lf) return valueStop(p, end);
    let valueEnd = p;
    while (valueEnd > valueStart && (bytes[valueEnd - 1] === sp || bytes[valueEnd - 1] === tab)) valueEnd--;

    const at = count * stride;
    // In the order of head.ts's NAME_START to NAME_HASH.
    fields[at] = nameStart;
    fields[at + 1] = nameEnd;
    fields[at + 2] = valueStart;
    fields[at + 3] = valueEnd;
    fields[at + 4] = hash;
    const kind = kindOf(hash, nameStart, nameEnd);
    drop[count] = dropOf[kind]!;
    if (kind !== ordinary) {
      const fault = noteKnown(kind, count, head);
      if (fault < 0) return fault;
    }
    count++;
    p += 2;
  }
}

/** The first octet from `p` on that is none of a value. */
function pastValue(p: number): number {
  while (isValue[bytes[p]!] !== 0) {
    p++;
    if ((p & 3) === 0) p = pastPlainWords(p);
  }
  return p;
}

/** Steps over words of four octets without controls, DEL or tab; the sum stops at the first that holds one. */
function pastPlainWords(p: number): number {
  for (;;) {
    const word = words[p >> 2]!;
    const deletes = word ^ 0x7f7f7f7f;
    const controls = (word - 0x20202020) & ~word;
    if (((controls | ((deletes - 0x01010101) & ~deletes)) & 0x80808080) !== 0) return p;
    p += 4;
  }
}

/** The CR of an empty line is at `p`. */
function afterCr(p: number, end: number): number {
  if (ARENA[p + 1] === LF) return p + 2;
  return p + 1 >= end ? INCOMPLETE : BARE_CR;
}

/** The first scan of a name stopped and not with a colon: where its colon is, INCOMPLETE or what is wrong. */
function nameStop(end: number, nameStart: number): number {
  let at = nameStart;
  while (LOWER_TOKEN[ARENA[at]!] !== 0) at++;
  if (at === end) return INCOMPLETE;
  switch (ARENA[at]) {
    case COLON:
      if (at === nameStart) return FIELD_NAME_EMPTY;
      return imitatesKnown(nameStart, at) ? FIELD_NAME_IMITATES : at;
    case SP:
    case HTAB:
      return at === nameStart ? FIELD_FOLDED : FIELD_NAME_SPACE;
    case LF:
      return BARE_LF;
    case CR:
      return at === nameStart ? afterCr(at, end) : FIELD_NAME_INVALID;
    default:
      return FIELD_NAME_INVALID;
  }
}

/** Of the lines that only a gateway may write, such a spelling is left out as the right one is. */
function imitatesKnown(start: number, end: number): boolean {
  const kind = imitatedKind(start, end);
  return kind !== ORDINARY && kind !== CLAIM;
}

function hashOf(start: number, end: number): number {
  let hash = FNV_START;
  for (let p = start; p < end; p++) hash = Math.imul(hash ^ FOLDED[ARENA[p]!]!, FNV_PRIME);
  return hash;
}

/** A value stopped at `p` otherwise than with CRLF. */
function valueStop(p: number, end: number): number {
  if (p >= end) return INCOMPLETE;
  switch (ARENA[p]) {
    case CR:
      return p + 1 >= end ? INCOMPLETE : BARE_CR;
    case LF:
      return BARE_LF;
    default:
      return FIELD_VALUE_INVALID;
  }
}

/** What a known field says, into `head`. Returns 0 or a fault. */
function noteKnown(kind: number, index: number, head: HeadTable): number {
  const start = head.fields[index * FIELD_STRIDE + VALUE_START]!;
  const end = head.fields[index * FIELD_STRIDE + VALUE_END]!;
  switch (kind) {
    case CONNECTION:
      return noteOptions(start, end, head);
    case CONTENT_LENGTH:
      if (head.contentLengthField >= 0) return LENGTH_REPEATED;
      head.contentLengthField = index;
      head.contentLength = parseLength(start, end);
      return Math.min(head.contentLength, 0);
    case TRANSFER_ENCODING:
      if (head.chunked) return CODING_REPEATED;
      head.chunked = true;
      return codingFault(start, end);
    case UPGRADE:
      // A second Upgrade line makes a list, and lists are not followed: see `settleUpgrade`.
      head.upgradeStart = head.upgradeEnd === 0 ? start : 0;
      head.upgradeEnd = end;
      return 0;
    case TE:
      if (hasElement(start, end, 'trailers')) head.acceptsTrailers = true;
      return 0;
    default:
      return head.status === 0 ? noteRequestField(kind, index, head) : 0;
  }
}

function noteRequestField(kind: number, index: number, head: HeadTable): number {
  const start = head.fields[index * FIELD_STRIDE + VALUE_START]!;
  const end = head.fields[index * FIELD_STRIDE + VALUE_END]!;
  switch (kind) {
    case HOST:
      if (head.hostField >= 0) return HOST_REPEATED;
      head.hostField = index;
      return 0;
    case EXPECT:
      if (!sameName(start, end, '100-continue')) return EXPECTATION_UNKNOWN;
      head.expectContinue = true;
      return 0;
    case FORWARDED_FOR:
      if (head.forwardedForField < 0) head.forwardedForField = index;
      return 0;
    case CDN_LOOP:
      if (head.loopField < 0) head.loopField = index;
      return 0;
    case REQUEST_ID:
      if (head.requestIdField < 0) head.requestIdField = index;
      return 0;
    default:
      return 0;
  }
}
