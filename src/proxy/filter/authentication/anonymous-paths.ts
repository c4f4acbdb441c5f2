/** Paths for which nobody is asked. What a backend may read otherwise than it is written here is none of them. */
import type { HttpMatch } from '../../../config/index.ts';
import { ARENA } from '../../ground/arena.ts';
import type { Head } from '../../ground/head.ts';
import { RequestMatches } from '../request-match.ts';

const SLASH = 0x2f;
const DOT = 0x2e;
const PERCENT = 0x25;
const SEMICOLON = 0x3b;
const BACKSLASH = 0x5c;

export class AnonymousPaths {
  readonly #matches: RequestMatches;

  /** Throws DMN_CONFIG_INVALID for what cannot be compiled. */
  constructor(paths: ReadonlyArray<HttpMatch['path']>) {
    this.#matches = new RequestMatches(
      paths.map((path) => ({ path, headers: [], query: [] })),
      'Whole',
    );
  }

  has(head: Head): boolean {
    return isPlain(head) && this.#matches.holds(head);
  }
}

/**
 * There is one way to read it. A backend may decode `%2f` and climb by `..` after it, end a segment at ';' (Tomcat), take
 * '\' for '/' (IIS), or merge two slashes: each would lead from a path that is open to one that is not.
 */
function isPlain({ pathStart, pathEnd }: Head): boolean {
  for (let at = pathStart; at < pathEnd; at++) {
    const c = ARENA[at]!;
    if (c === SEMICOLON || c === BACKSLASH) return false;
    // Only characters beyond ASCII, and blanks, mean the same decoded or not.
    if (c === PERCENT && !isHarmless(at, pathEnd)) return false;
    if (c !== SLASH || at + 1 >= pathEnd) continue;
    const next = ARENA[at + 1]!;
    if (next === SLASH || (next === DOT && isDots(at + 1, pathEnd))) return false;
  }
  return true;
}

/**
 * `%20`, or `%80` and more where UTF-8 may stand. Some decoders take `%C0%AF` for '/' and `%C0%AE` for '.': what is written
 * in more bytes than it needs is not harmless.
 */
function isHarmless(at: number, end: number): boolean {
  const byte = escaped(at, end);
  if (byte < 0x80) return byte === 0x20;
  if (byte === 0xc0 || byte === 0xc1 || byte >= 0xf8) return false;
  if (byte !== 0xe0 && byte !== 0xf0) return true;
  return escaped(at + 3, end) >= (byte === 0xe0 ? 0xa0 : 0x90);
}

/** The byte that is escaped here; 0: none is. */
function escaped(at: number, end: number): number {
  if (at + 2 >= end || ARENA[at] !== PERCENT) return 0;
  return (digit(ARENA[at + 1]!) << 4) | digit(ARENA[at + 2]!);
}

/** Of a hexadecimal digit, which was looked at when the path was read. */
function digit(c: number): number {
  return (c & 0x0f) + (c >> 6) * 9;
}

/** A segment `.` or `..` begins here. */
function isDots(at: number, end: number): boolean {
  const after = ARENA[at + 1] === DOT && at + 1 < end ? at + 2 : at + 1;
  return after >= end || ARENA[after] === SLASH;
}
