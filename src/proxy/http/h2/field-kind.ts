/**
 * Kinds of HTTP/2 fields: those of HTTP/1.1 (h1/field-kind.ts, numbers below 19), and what only HTTP/2 has. A kind is
 * found once, when a field is decoded; an entry of the dynamic table keeps it.
 */
import { ARENA, DECODE_START } from '../../ground/arena.ts';
import { FOLDED, nameHash } from '../../ground/head.ts';
import { CLAIM, imitatedKind, kindOf, ORDINARY } from '../h1/field-kind.ts';
import { COLON, FNV_PRIME, FNV_START, LOWER_TOKEN, VALUE } from '../h1/octets.ts';

/** May be split over several fields (RFC 9113 8.2.3). */
export const COOKIE = 19;
/** Not allowed in any message: name or value break the rules of RFC 9113 8.2.1. */
export const MALFORMED = 20;
/** From here on: pseudo-header fields. */
export const METHOD = 21;
export const SCHEME = 22;
export const AUTHORITY = 23;
export const PATH = 24;
export const PROTOCOL = 25;
export const STATUS = 26;

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
  /** `fieldHash` of the name classified last, as a signed integer. */
  hash = 0;

  /** The kind of a name in ARENA[start,end); MALFORMED where it is not a lower-case token. */
  classify(start: number, end: number): number {
    if (ARENA[start] === COLON) {
      const name = ARENA.latin1Slice(start, end);
      this.hash = nameHash(name) | 0;
      return PSEUDO_NAMES.get(name) ?? MALFORMED;
    }
    let hash = FNV_START;
    let marked = false;
    for (let i = start; i < end; i++) {
      const octet = ARENA[i]!;
      // Also refuses upper case: its lower-case form differs. NUL stands in the table for what is no token.
      if (octet === 0 || LOWER_TOKEN[octet] !== octet) return MALFORMED;
      const folded = FOLDED[octet]!;
      if (folded !== octet) marked = true;
      hash = Math.imul(hash ^ folded, FNV_PRIME);
    }
    this.hash = hash;
    if (start === end) return MALFORMED;
    if (marked) {
      const imitated = imitatedKind(start, end);
      return imitated === ORDINARY || imitated === CLAIM ? imitated : MALFORMED;
    }
    if (hash === COOKIE_HASH && ARENA.latin1Slice(start, end) === 'cookie') return COOKIE;
    return kindOf(hash, start, end);
  }
}

export const fieldName: FieldName = new FieldName();

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
