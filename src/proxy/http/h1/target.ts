/** The request target: a path, a URL, or '*'. */
import { ARENA } from '../../ground/arena.ts';
import { type HeadTable, SCHEME_HTTP, SCHEME_HTTPS, sameName } from '../../ground/head.ts';
import { isNormalEscape } from '../../ground/path-form.ts';
import { parseAuthority } from './authority.ts';
import {
  BAD_TARGET,
  BARE_LF,
  HOST_INVALID,
  INCOMPLETE,
  NO_VERSION,
  TARGET_ASTERISK,
  TARGET_BACKSLASH,
  TARGET_DOTS,
  TARGET_ESCAPE,
  TARGET_FORM,
  TARGET_FRAGMENT,
  TARGET_NUL,
  TARGET_SCHEME,
} from './fault.ts';
import {
  BACKSLASH,
  COLON,
  CR,
  DOT,
  HASH,
  HEX,
  LF,
  NOT_HEX,
  PATH,
  PERCENT,
  QUERY,
  QUESTION,
  SEMICOLON,
  SLASH,
  SP,
  STAR,
} from './octets.ts';

/** Reads the target at `start`; ARENA[end] is 0. Returns the offset of the space after it, INCOMPLETE or a fault. */
export function scanTarget(start: number, end: number, head: HeadTable): number {
  head.targetStart = start;
  const stop = ARENA[start] === SLASH ? scanPath(start, start, end, head) : scanOtherForm(start, end, head);
  head.targetEnd = stop;
  return stop;
}

// Local names for what is used for each octet: see fields.ts.
const bytes = ARENA;
const isPath = PATH;
const isQuery = QUERY;
const slash = SLASH;
const percent = PERCENT;
const dot = DOT;
const sp = SP;
const question = QUESTION;

/**
 * Reads path and query. Segments that are dots are refused, whether written plainly, escaped, with parameters
 * (`/..;x/`) or bounded by an escaped slash or backslash: somebody behind us may resolve them, and then the route was
 * chosen for another path. The query is opaque: its escapes are not looked at. On the way it is noticed whether the
 * path is in normal form.
 */
function scanPath(start: number, from: number, end: number, head: HeadTable): number {
  let p = from;
  let normal = true;
  for (;;) {
    while (isPath[bytes[p]!] !== 0) p++;
    const octet = bytes[p]!;
    if (octet === slash) {
      p++;
      if (bytes[p] === slash) {
        normal = false;
        continue;
      }
    } else if (octet === percent) {
      const escaped = escapeAt(p, end);
      if (escaped <= 0) return escaped;
      if (!isNormalEscape(p, escaped)) normal = false;
      p += 3;
      if (escaped !== slash && escaped !== BACKSLASH) continue;
    } else {
      head.pathStart = start;
      head.pathEnd = p;
      head.pathNormal = normal;
      if (octet === sp) return p;
      return octet === question ? scanQuery(p + 1, end, head) : targetStop(p, end);
    }
    if ((bytes[p] === dot || bytes[p] === percent) && isDotSegment(p)) return TARGET_DOTS;
  }
}

function scanQuery(start: number, end: number, head: HeadTable): number {
  let p = start;
  while (isQuery[bytes[p]!] !== 0) p++;
  head.queryStart = start;
  head.queryEnd = p;
  return bytes[p] === sp ? p : targetStop(p, end);
}

/** The octet that the escape at `p` stands for, INCOMPLETE or a fault. */
function escapeAt(p: number, end: number): number {
  const high = HEX[ARENA[p + 1]!]!;
  if (high === NOT_HEX) return p + 1 >= end ? INCOMPLETE : TARGET_ESCAPE;
  const low = HEX[ARENA[p + 2]!]!;
  if (low === NOT_HEX) return p + 2 >= end ? INCOMPLETE : TARGET_ESCAPE;
  return high * 16 + low || TARGET_NUL;
}

/** Whether the segment at `start` is '.' or '..'. */
function isDotSegment(start: number): boolean {
  let p = start;
  let dots = 0;
  while (dots < 3) {
    if (ARENA[p] === DOT) p++;
    else if (isEscape(p, DOT)) p += 3;
    else break;
    dots++;
  }
  if (dots === 0 || dots === 3) return false;
  const octet = ARENA[p]!;
  if (octet === SLASH || octet === SP || octet === QUESTION || octet === SEMICOLON) return true;
  return isEscape(p, SLASH) || isEscape(p, BACKSLASH) || isEscape(p, SEMICOLON);
}

function isEscape(p: number, octet: number): boolean {
  if (ARENA[p] !== PERCENT) return false;
  const high = HEX[ARENA[p + 1]!]!;
  return high === octet >> 4 && HEX[ARENA[p + 2]!] === (octet & 15);
}

/** What is wrong with a target that stops at `p`. */
function targetStop(p: number, end: number): number {
  if (p >= end) return INCOMPLETE;
  switch (ARENA[p]) {
    case HASH:
      return TARGET_FRAGMENT;
    case BACKSLASH:
      return TARGET_BACKSLASH;
    case CR:
      return NO_VERSION;
    case LF:
      return BARE_LF;
    default:
      return BAD_TARGET;
  }
}

/** Asterisk-form and absolute-form; authority-form is for CONNECT alone, which is refused before. */
function scanOtherForm(start: number, end: number, head: HeadTable): number {
  if (ARENA[start] === STAR) {
    if (start + 1 >= end) return INCOMPLETE;
    if (ARENA[start + 1] !== SP || !isMethod(head, 'OPTIONS')) return TARGET_ASTERISK;
    head.pathStart = start;
    head.pathEnd = start + 1;
    return start + 1;
  }
  let p = start;
  while (isLetter(ARENA[p]!)) p++;
  if (p === start || ARENA[p] !== COLON) return p >= end ? INCOMPLETE : targetStart(p);
  if (sameName(start, p, 'http')) head.scheme = SCHEME_HTTP;
  else if (sameName(start, p, 'https')) head.scheme = SCHEME_HTTPS;
  else return TARGET_SCHEME;
  for (let i = 1; i <= 2; i++) {
    if (ARENA[p + i] !== SLASH) return p + i >= end ? INCOMPLETE : TARGET_FORM;
  }
  return scanUrl(p + 3, end, head);
}

/** What is wrong with a target of no known form whose octet at `p` is the first that does not fit. */
function targetStart(p: number): number {
  const octet = ARENA[p]!;
  return octet === CR || octet === LF ? targetStop(p, p + 1) : TARGET_FORM;
}

function scanUrl(start: number, end: number, head: HeadTable): number {
  let p = start;
  while (PATH[ARENA[p]!] !== 0) p++;
  const octet = ARENA[p];
  if (octet !== SLASH && octet !== QUESTION && octet !== SP) return targetStop(p, end);
  if (!parseAuthority(start, p, head)) return HOST_INVALID;
  if (octet === SLASH) return scanPath(p, p, end, head);
  // RFC 9112 3.2.4 has '*' sent for this one; it is refused, as its path is not in the message.
  if (octet === SP && isMethod(head, 'OPTIONS')) return TARGET_ASTERISK;
  // The path of a URL without one is '/': the slash before the authority stands for it.
  head.pathStart = start - 1;
  head.pathEnd = start;
  return octet === SP ? p : scanQuery(p + 1, end, head);
}

function isMethod(head: HeadTable, method: string): boolean {
  if (head.methodEnd - head.methodStart !== method.length) return false;
  for (let i = 0; i < method.length; i++) {
    if (ARENA[head.methodStart + i] !== method.charCodeAt(i)) return false;
  }
  return true;
}

function isLetter(octet: number): boolean {
  const lower = octet | 32;
  return lower >= 97 && lower <= 122;
}
