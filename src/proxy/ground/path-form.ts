/**
 * The normal form of a path (docs/decisions/path-form.md): escapes of unreserved characters are decoded, those that
 * stay are upper case, and no slash follows another. A path is brought into it before anything looks at it, so that
 * what is matched, what filters and policies see and what the backend gets is one path.
 */
import type { PathForm } from '../../config/index.ts';
import { ARENA } from './arena.ts';
import type { HeadTable } from './head.ts';

const PERCENT = 0x25;
const SLASH = 0x2f;
const LETTER_A = 0x41;

/** 1 for the octets that mean the same escaped and plain (RFC 3986 2.3). */
const UNRESERVED: Uint8Array = Uint8Array.from({ length: 256 }, (_, octet) =>
  /[0-9A-Za-z._~-]/.test(String.fromCharCode(octet)) ? 1 : 0,
);

/** The escape of `octet` at ARENA[at,at+3) is one that stays as it is. */
export function isNormalEscape(at: number, octet: number): boolean {
  return UNRESERVED[octet] === 0 && ARENA[at + 1]! < 0x61 && ARENA[at + 2]! < 0x61;
}

/** False: the path is to be refused. A parser has found its escapes sound, and no dot segment in it. */
export function settlePath(head: HeadTable, form: PathForm): boolean {
  if (head.pathNormal || form === 'Keep') return true;
  if (form === 'Reject') return false;
  normalize(head);
  return true;
}

/** The path only gets shorter: its end stays, and in origin-form the method moves up, so that the line stays whole. */
function normalize(head: HeadTable): void {
  const { methodStart, methodEnd, pathStart, pathEnd } = head;
  const length = squeeze(pathStart, pathEnd) - pathStart;
  const shift = pathEnd - pathStart - length;
  ARENA.copyWithin(pathStart + shift, pathStart, pathStart + length);
  head.pathStart = pathStart + shift;
  head.pathNormal = true;
  // The path of a URL is sent by itself.
  if (head.targetStart !== pathStart) return;
  ARENA.copyWithin(methodStart + shift, methodStart, pathStart);
  head.methodStart = methodStart + shift;
  head.methodEnd = methodEnd + shift;
  head.targetStart = head.pathStart;
  head.start += shift;
}

/** Writes the normal form of ARENA[start,end) over it; answers its end. */
function squeeze(start: number, end: number): number {
  let to = start;
  for (let p = start; p < end; p++) {
    const octet = ARENA[p]!;
    if (octet === PERCENT) {
      const value = digit(ARENA[p + 1]!) * 16 + digit(ARENA[p + 2]!);
      to = UNRESERVED[value] === 1 ? putOctet(to, value) : putEscape(to, p);
      p += 2;
    } else if (octet !== SLASH || to === start || ARENA[to - 1] !== SLASH) {
      to = putOctet(to, octet);
    }
  }
  return to;
}

function putOctet(at: number, octet: number): number {
  ARENA[at] = octet;
  return at + 1;
}

function putEscape(at: number, from: number): number {
  ARENA[at] = PERCENT;
  ARENA[at + 1] = upper(ARENA[from + 1]!);
  ARENA[at + 2] = upper(ARENA[from + 2]!);
  return at + 3;
}

function upper(octet: number): number {
  return octet >= 0x61 ? octet - 0x20 : octet;
}

function digit(octet: number): number {
  const value = upper(octet);
  return value >= LETTER_A ? value - LETTER_A + 10 : value - 0x30;
}

/** The normal form of a path that somebody configured. The Gateway API lets no slash follow another there. */
export function normalEscapes(path: string): string {
  return path.replace(/%([0-9A-Fa-f]{2})/g, (escape, hex: string) => {
    const octet = Number.parseInt(hex, 16);
    return UNRESERVED[octet] === 1 ? String.fromCharCode(octet) : escape.toUpperCase();
  });
}
