/**
 * Kinds of HTTP/2 fields: those of HTTP/1.1 (h1/fieldkind.ts, numbers below 18), and what only HTTP/2 has. A kind is
 * found once, when a field is decoded; an entry of the dynamic table keeps it.
 */
import { ARENA, DECODE_START } from '../../ground/arena.ts';
import { nameHash } from '../../ground/head.ts';
import { imitatesKnown, kindOf } from '../h1/field-kind.ts';
import { COLON, DASH, FNV_PRIME, FNV_START, LOWER_TOKEN, UNDERSCORE, VALUE } from '../h1/octets.ts';

/** May be split over several fields (RFC 9113 8.2.3). */
export const COOKIE = 18;
/** Not allowed in any message: name or value break the rules of RFC 9113 8.2.1. */
export const MALFORMED = 19;
/** From here on: pseudo-header fields. */
export const METHOD = 20;
export const SCHEME = 21;
export const AUTHORITY = 22;
export const PATH = 23;
export const PROTOCOL = 24;
export const STATUS = 25;

export const PSEUDO_FIRST: number = METHOD;

const PSEUDO_NAMES: ReadonlyMap<string, number> = new Map([
  [':method', METHOD],
  [':scheme', SCHEME],
  [':authority', AUTHORITY],
  [':path', PATH],
  [':protocol', PROTOCOL],
  [':status', STATUS],
]);
const COOKIE_HASH = nameHash('cookie') | 0;

class FieldName {
  /** `nameHash` of the name classified last, as a signed integer. */
  hash = 0;

  /** The kind of a name in ARENA[start,end); MALFORMED where it is not a lower-case token. */
  classify(start: number, end: number): number {
    if (ARENA[start] === COLON) {
      const name = ARENA.latin1Slice(start, end);
      this.hash = nameHash(name) | 0;
      return PSEUDO_NAMES.get(name) ?? MALFORMED;
    }
    let hash = FNV_START;
    let underscore = false;
    for (let i = start; i < end; i++) {
      const octet = ARENA[i]!;
      // Also refuses upper case: its lower-case form differs.
      if (LOWER_TOKEN[octet] !== octet) return MALFORMED;
      if (octet === UNDERSCORE) underscore = true;
      hash = Math.imul(hash ^ octet, FNV_PRIME);
    }
    this.hash = hash;
    if (start === end || (underscore && imitates(start, end))) return MALFORMED;
    if (hash === COOKIE_HASH && ARENA.latin1Slice(start, end) === 'cookie') return COOKIE;
    return kindOf(hash, start, end);
  }
}

export const fieldName: FieldName = new FieldName();

/** '_' for '-' in a name that the proxy relies on: some backends take the one for the other. */
function imitates(start: number, end: number): boolean {
  let hash = FNV_START;
  for (let i = start; i < end; i++) {
    hash = Math.imul(hash ^ (ARENA[i] === UNDERSCORE ? DASH : ARENA[i]!), FNV_PRIME);
  }
  return imitatesKnown(hash);
}

/**
 * "A field value MUST NOT contain NUL, LF or CR … MUST NOT start or end with SP or HTAB." Other controls are refused
 * as they are in HTTP/1.1, which the value may be forwarded in.
 */
export function isFieldValue(start: number, end: number): boolean {
  if (start === end) return true;
  if (ARENA[start]! <= 0x20 || ARENA[end - 1]! <= 0x20) return false;
  for (let i = start; i < end; i++) if (VALUE[ARENA[i]!] === 0) return false;
  return true;
}

/** For the names of the static table, when the program starts. */
export function kindOfName(name: string): number {
  ARENA.latin1Write(name, DECODE_START);
  return fieldName.classify(DECODE_START, DECODE_START + name.length);
}
