/** Request heads. */
import { ARENA } from '../../ground/arena.ts';
import {
  FIELD_STRIDE,
  type Head,
  type HeadTable,
  OPTION_UPGRADE,
  SCHEME_HTTPS,
  SCHEME_NONE,
  sameName,
  VALUE_END,
  VALUE_START,
} from '../../ground/head.ts';
import { parseAuthority } from './authority.ts';
import { clearOptions, settleOptions } from './connection-option.ts';
import {
  BAD_METHOD,
  BAD_VERSION,
  BARE_CR,
  BARE_LF,
  CODING_VERSION,
  CONNECT_UNSUPPORTED,
  HEAD_TOO_LARGE,
  HOST_INVALID,
  HOST_MISMATCH,
  HOST_MISSING,
  INCOMPLETE,
  LENGTH_AND_CODING,
  LINE_TOO_LONG,
  VERSION_UNSUPPORTED,
} from './fault.ts';
import { scanFields } from './fields.ts';
import { CR, DOT, LF, NINE, SLASH, SP, TOKEN, ZERO } from './octets.ts';
import { scanTarget } from './target.ts';

export { requestError } from './fault.ts';
export { parseResponseHead } from './response.ts';

/** Most bytes of a request head with its empty line; more is answered with 431. */
export const MAX_REQUEST_HEAD_BYTES: number = 32 * 1024;
/** Most bytes of a request line with its CRLF; more is answered with 414. */
export const MAX_REQUEST_LINE_BYTES: number = 8 * 1024;
/** Empty lines that are skipped before a request line (RFC 9112 2.2 asks for at least one). */
export const MAX_LEADING_EMPTY_LINES = 1;

/**
 * Parses the request head at ARENA[start,end) into `table`. Returns the head, or INCOMPLETE (0), or a fault below zero
 * (see requestError). ARENA[end] must be writable; it is changed during the call only.
 */
export function parseRequestHead(start: number, end: number, table: HeadTable): Head | number {
  const limit = Math.min(end, start + MAX_REQUEST_HEAD_BYTES);
  const saved = ARENA[limit]!;
  ARENA[limit] = 0;
  const outcome = parseWithin(start, limit, table);
  ARENA[limit] = saved;
  if (outcome > INCOMPLETE) return table as Head;
  return outcome === INCOMPLETE && limit - start === MAX_REQUEST_HEAD_BYTES ? HEAD_TOO_LARGE : outcome;
}

/**
 * Whether a read can change the outcome INCOMPLETE for good. A reader that got INCOMPLETE parses again only if this
 * holds for the new bytes, or if the limit of a head is reached: so a head that comes byte by byte is parsed once a
 * line, and not once a byte.
 */
export function holdsLineEnd(start: number, end: number): boolean {
  for (let p = start; p < end; p++) {
    if (bytes[p] === lf) return true;
  }
  return false;
}

/**
 * The same for a request of which `before` bytes were there already: a head that comes byte by byte is parsed once a
 * line, and where it reaches one of its limits.
 */
export function mayEndHead(start: number, end: number, before: number): boolean {
  const after = before + (end - start);
  if (before < MAX_REQUEST_LINE_BYTES && after >= MAX_REQUEST_LINE_BYTES) return true;
  return after >= MAX_REQUEST_HEAD_BYTES || holdsLineEnd(start, end);
}

/** Longest line that is looked at for the name of another protocol. */
const MAX_OTHER_LINE = 256;

/** A line of three parts that does not end like one of HTTP, with `name/version`: another protocol's greeting. */
export function namesOtherProtocol(start: number, end: number): boolean {
  return /^\S+ \S+ [^\s/]+\r\n/.test(ARENA.latin1Slice(start, Math.min(end, start + MAX_OTHER_LINE)));
}

function parseWithin(start: number, end: number, head: HeadTable): number {
  let lineStart = start;
  for (let skipped = 0; skipped < MAX_LEADING_EMPTY_LINES && ARENA[lineStart] === CR; skipped++) {
    if (ARENA[lineStart + 1] !== LF) return lineStart + 1 >= end ? INCOMPLETE : BARE_CR;
    lineStart += 2;
  }
  head.reset(lineStart);
  clearOptions();
  let p = scanLimitedLine(lineStart, end, head);
  if (p <= INCOMPLETE) return p;
  p = scanFields(p, end, head);
  if (p <= INCOMPLETE) return p;
  head.end = p;
  const fault = settleRequest(head);
  return fault < 0 ? fault : p;
}

/** With a stop byte of its own, so that a long line gets the same answer however it was cut into reads. */
function scanLimitedLine(start: number, end: number, head: HeadTable): number {
  const limit = start + MAX_REQUEST_LINE_BYTES;
  if (limit >= end) {
    const next = scanRequestLine(start, end, head);
    return next === INCOMPLETE && limit === end ? LINE_TOO_LONG : next;
  }
  const saved = ARENA[limit]!;
  ARENA[limit] = 0;
  const next = scanRequestLine(start, limit, head);
  ARENA[limit] = saved;
  return next === INCOMPLETE ? LINE_TOO_LONG : next;
}

// Local names for what is used for each request: see fields.ts.
const bytes = ARENA;
const isToken = TOKEN;
const sp = SP;
const cr = CR;
const lf = LF;
const dot = DOT;
const zero = ZERO;
const nine = NINE;

/** Byte after the request line, INCOMPLETE or a fault. */
function scanRequestLine(start: number, end: number, head: HeadTable): number {
  let p = start;
  while (isToken[bytes[p]!] !== 0) p++;
  if (bytes[p] !== sp || p === start) return p >= end ? INCOMPLETE : methodStop(p);
  head.methodStart = start;
  head.methodEnd = p;
  if (p - start === 7 && ARENA.latin1Slice(start, p) === 'CONNECT') return CONNECT_UNSUPPORTED;
  p = scanTarget(p + 1, end, head);
  return p <= INCOMPLETE ? p : scanVersion(p + 1, end, head);
}

function methodStop(p: number): number {
  return bytes[p] === lf ? BARE_LF : BAD_METHOD;
}

const VERSION_PREFIX = 'HTTP/';

function scanVersion(start: number, end: number, head: HeadTable): number {
  for (let i = 0; i < VERSION_PREFIX.length; i++) {
    if (bytes[start + i] !== VERSION_PREFIX.charCodeAt(i)) return start + i >= end ? INCOMPLETE : BAD_VERSION;
  }
  const at = start + VERSION_PREFIX.length;
  const major = bytes[at]!;
  const minor = bytes[at + 2]!;
  if (!isDigit(major)) return at >= end ? INCOMPLETE : BAD_VERSION;
  if (bytes[at + 1] !== dot) return at + 1 >= end ? INCOMPLETE : BAD_VERSION;
  if (!isDigit(minor)) return at + 2 >= end ? INCOMPLETE : BAD_VERSION;
  const lineEnd = at + 3;
  if (bytes[lineEnd] !== cr) return lineEnd >= end ? INCOMPLETE : bytes[lineEnd] === lf ? BARE_LF : BAD_VERSION;
  if (bytes[lineEnd + 1] !== lf) return lineEnd + 1 >= end ? INCOMPLETE : BARE_CR;
  if (major !== zero + 1 || minor > zero + 1) return VERSION_UNSUPPORTED;
  head.minorVersion = minor - zero;
  return lineEnd + 2;
}

function isDigit(octet: number): boolean {
  return octet >= zero && octet <= nine;
}

/** What can be judged only when all fields are known. */
function settleRequest(head: HeadTable): number {
  if (head.chunked) {
    if (head.contentLengthField >= 0) return LENGTH_AND_CODING;
    if (head.minorVersion === 0) return CODING_VERSION;
  }
  const fault = settleHost(head);
  if (fault < 0) return fault;
  const hasBody = head.chunked || head.contentLength > 0;
  if (!hasBody || head.minorVersion === 0) head.expectContinue = false;
  if (head.upgradeEnd !== 0) settleUpgrade(head, hasBody);
  return settleOptions(head);
}

function settleHost(head: HeadTable): number {
  const field = head.hostField * FIELD_STRIDE;
  if (field < 0) return head.minorVersion === 1 ? HOST_MISSING : 0;
  const start = head.fields[field + VALUE_START]!;
  const end = head.fields[field + VALUE_END]!;
  if (head.scheme !== SCHEME_NONE) return settleAbsolute(start, end, head);
  return parseAuthority(start, end, head) ? 0 : HOST_INVALID;
}

/**
 * RFC 9112 3.2.2 lets the target's authority win over Host. Where the two differ somebody before or behind us chose
 * by the other one, so that is refused.
 */
function settleAbsolute(start: number, end: number, head: HeadTable): number {
  const { authorityStart, authorityEnd, hostStart, hostEnd, hostPort } = head;
  if (!parseAuthority(start, end, head)) return HOST_INVALID;
  const usual = head.scheme === SCHEME_HTTPS ? 443 : 80;
  const same =
    (hostPort || usual) === (head.hostPort || usual) &&
    ARENA.latin1Slice(hostStart, hostEnd).toLowerCase() === head.host();
  if (!same) return HOST_MISMATCH;
  head.authorityStart = authorityStart;
  head.authorityEnd = authorityEnd;
  head.hostStart = hostStart;
  head.hostEnd = hostEnd;
  head.hostPort = hostPort;
  return 0;
}

/**
 * A server may ignore Upgrade (RFC 9110 7.8), and ours does unless it is one plain protocol, asked for by Connection,
 * in HTTP/1.1. A body before the switch is a part of the request (`docker exec` has one); a WebSocket's has none, and servers
 * differ in what they take it for. `h2c` is never passed on: what follows would escape all checks.
 */
function settleUpgrade(head: HeadTable, hasBody: boolean): void {
  const { upgradeStart: start, upgradeEnd: end } = head;
  const followed =
    (head.options & OPTION_UPGRADE) !== 0 &&
    head.minorVersion === 1 &&
    start !== 0 &&
    start < end &&
    isProtocol(start, end) &&
    !(hasBody && sameName(start, end, 'websocket'));
  if (!followed) head.upgradeStart = head.upgradeEnd = 0;
}

function isProtocol(start: number, end: number): boolean {
  for (let p = start; p < end; p++) {
    if (TOKEN[ARENA[p]!] === 0 && ARENA[p] !== SLASH) return false;
  }
  return !sameName(start, end, 'h2c');
}
