/** Host and port, of the Host field or of a target that is a URL. */
import { isIPv6 } from 'node:net';
import { ARENA } from '../../ground/arena.ts';
import type { HeadTable } from '../../ground/head.ts';
import {
  BRACKET,
  BRACKET_END,
  COLON,
  DOT,
  FNV_PRIME,
  FNV_START,
  HEX,
  LOWER_HOST,
  LOWER_TOKEN,
  NINE,
  NOT_HEX,
  ZERO,
} from './octets.ts';

/** Longest host name, as DNS has it (without the final dot). */
export const MAX_HOST_BYTES = 253;
const MAX_PORT_DIGITS = 5;
const MAX_PORT = 65_535;

/**
 * Reads ARENA[start,end) into the host fields of `head`; false: it is none. Host names consist of letters, digits,
 * '-', '_' and single dots; user information, percent escapes and other marks of the URI grammar are refused.
 */
export function parseAuthority(start: number, end: number, head: HeadTable): boolean {
  const hostEnd = ARENA[start] === BRACKET ? scanAddress(start, end, head) : scanName(start, end, head);
  if (hostEnd === 0) return false;
  const port = hostEnd === end ? 0 : parsePort(hostEnd, end);
  if (port < 0) return false;
  head.authorityStart = start;
  head.authorityEnd = end;
  head.hostStart = start;
  head.hostPort = port;
  return true;
}

// Local names for what is used for each octet: see fields.ts.
const bytes = ARENA;
const lowerHost = LOWER_HOST;
const empty = FNV_START;
const prime = FNV_PRIME;
const dot = DOT;
const colon = COLON;

/** Byte after the host name, or 0. */
function scanName(start: number, end: number, head: HeadTable): number {
  let hash = empty;
  let p = start;
  let before = dot;
  while (p < end) {
    const lower = lowerHost[bytes[p]!]!;
    if (lower === 0) break;
    if (lower === dot) {
      // An empty label; a dot as the very last is left out of the host and of its hash.
      if (before === dot) return 0;
      if (p + 1 === end || bytes[p + 1] === colon) break;
    }
    hash = Math.imul(hash ^ lower, prime);
    before = lower;
    p++;
  }
  if (p === start || p - start > MAX_HOST_BYTES) return 0;
  head.hostEnd = p;
  head.hostHash = hash >>> 0;
  return bytes[p] === dot && p < end ? p + 1 : p;
}

/** Byte after the ']' of an IPv6 literal, or 0. Zones and later IP versions are refused. */
function scanAddress(start: number, end: number, head: HeadTable): number {
  let hash = Math.imul(FNV_START ^ BRACKET, FNV_PRIME);
  let p = start + 1;
  while (p < end && (HEX[ARENA[p]!] !== NOT_HEX || ARENA[p] === COLON || ARENA[p] === DOT)) {
    hash = Math.imul(hash ^ lowered(ARENA[p]!), FNV_PRIME);
    p++;
  }
  if (p === end || ARENA[p] !== BRACKET_END || !isIPv6(ARENA.latin1Slice(start + 1, p))) return 0;
  head.hostEnd = p + 1;
  head.hostHash = Math.imul(hash ^ BRACKET_END, FNV_PRIME) >>> 0;
  return p + 1;
}

function lowered(octet: number): number {
  return LOWER_TOKEN[octet]! || octet;
}

/** The port that follows the colon at `colon`, or -1. An empty one is legal (RFC 3986 3.2.3) and says as much as none. */
function parsePort(colon: number, end: number): number {
  const digits = end - colon - 1;
  if (ARENA[colon] === COLON && digits === 0) return 0;
  if (ARENA[colon] !== COLON || digits > MAX_PORT_DIGITS || ARENA[colon + 1] === ZERO) return -1;
  let port = 0;
  for (let p = colon + 1; p < end; p++) {
    const digit = ARENA[p]!;
    if (digit < ZERO || digit > NINE) return -1;
    port = port * 10 + (digit - ZERO);
  }
  return port <= MAX_PORT ? port : -1;
}
