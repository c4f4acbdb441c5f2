/**
 * Query parameters, read from the bytes of ARENA as an HTML form encodes them: pairs between '&', '+' for a space,
 * percent-encoding. A pair that holds ';' or a broken escape is passed over, as Go's net/url does, since servers
 * disagree about it. Of a repeated parameter the first value counts.
 */
import { charge } from '../ground/allowance.ts';
import { ARENA } from '../ground/arena.ts';
import type { Head } from '../ground/head.ts';

const AMPERSAND = 38;
const PERCENT = 37;
const PLUS = 43;
const SEMICOLON = 59;
const EQUALS = 61;
const SPACE = 32;
/** Of looking at one pair, whatever its length. */
const PAIR_STEPS = 32;

const DIFFERS = 0;
const EQUAL = 1;
const MALFORMED = 2;

/** The value of the parameter that `findParameter` found last; a pair without '=' has an empty one. */
export const found = { start: 0, end: 0 };

/** The first well-formed pair of this name, not before `from`. `name`: decoded, one character a byte. */
export function findParameter(head: Head, name: string, from: number = head.queryStart): boolean {
  let at = from;
  let pairs = 0;
  while (at < head.queryEnd) {
    pairs++;
    let equals = -1;
    let sound = true;
    let end = at;
    for (; end < head.queryEnd && ARENA[end] !== AMPERSAND; end++) {
      if (ARENA[end] === EQUALS && equals < 0) equals = end;
      else if (ARENA[end] === SEMICOLON) sound = false;
    }
    const nameEnd = equals < 0 ? end : equals;
    found.start = equals < 0 ? end : equals + 1;
    found.end = end;
    if (sound && compareDecoded(at, nameEnd, name) === EQUAL && wellFormed(found.start, end)) {
      charge(end - from + pairs * PAIR_STEPS);
      return true;
    }
    at = end + 1;
  }
  charge(head.queryEnd - from + pairs * PAIR_STEPS);
  return false;
}

/**
 * How many pairs there are that a backend may take for this one: some take a ';' for a '&', some all cases for the same, and
 * some make of `a[]` or `a.b` something of `a`. `name`: decoded, one character a byte.
 */
export function countParameters(head: Head, name: string): number {
  charge(2 * (head.queryEnd - head.queryStart));
  const plain = plainName(name);
  let count = 0;
  for (const pair of ARENA.latin1Slice(head.queryStart, head.queryEnd).split(/[&;]/)) {
    if (plainName(decodedName(pair.split('=', 1)[0]!)) === plain) count++;
  }
  return count;
}

function plainName(name: string): string {
  return name.toLowerCase().replace(/\[.*$/s, '').trim().replace(/[. ]/g, '_');
}

/** What is no escape stays as it stands. */
function decodedName(name: string): string {
  return name
    .replaceAll('+', ' ')
    .replace(/%([0-9a-fA-F]{2})/g, (_, octet: string) => String.fromCharCode(Number.parseInt(octet, 16)));
}

/** The parameter found last has this value. `value`: decoded, one character a byte. */
export function foundEquals(value: string): boolean {
  return compareDecoded(found.start, found.end, value) === EQUAL;
}

/** The value found last, as text. */
export function foundText(): string {
  charge(found.end - found.start);
  const bytes = Buffer.allocUnsafe(found.end - found.start);
  let length = 0;
  for (let at = found.start; at < found.end; at++) {
    let c = ARENA[at]!;
    if (c === PLUS) c = SPACE;
    else if (c === PERCENT) {
      c = (hex(ARENA[at + 1]!) << 4) | hex(ARENA[at + 2]!);
      at += 2;
    }
    bytes[length++] = c;
  }
  return bytes.toString('utf8', 0, length);
}

/** ARENA[start,end), decoded, against `text`. */
function compareDecoded(start: number, end: number, text: string): number {
  let length = 0;
  for (let at = start; at < end; at++) {
    let c = ARENA[at]!;
    if (c === PLUS) c = SPACE;
    else if (c === PERCENT) {
      if (!escapeAt(at, end)) return MALFORMED;
      c = (hex(ARENA[at + 1]!) << 4) | hex(ARENA[at + 2]!);
      at += 2;
    }
    if (length === text.length || c !== text.charCodeAt(length)) return DIFFERS;
    length++;
  }
  return length === text.length ? EQUAL : DIFFERS;
}

function wellFormed(start: number, end: number): boolean {
  for (let at = start; at < end; at++) if (ARENA[at] === PERCENT && !escapeAt(at, end)) return false;
  return true;
}

function escapeAt(at: number, end: number): boolean {
  return at + 2 < end && hex(ARENA[at + 1]!) >= 0 && hex(ARENA[at + 2]!) >= 0;
}

function hex(c: number): number {
  if (c >= 48 && c <= 57) return c - 48;
  const lower = c | 32;
  return lower >= 97 && lower <= 102 ? lower - 87 : -1;
}
