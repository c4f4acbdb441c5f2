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
    // Only bytes beyond ASCII, and blanks, mean the same decoded or not.
    if (c === PERCENT && !isHarmless(at, pathEnd)) return false;
    if (c !== SLASH || at + 1 >= pathEnd) continue;
    const next = ARENA[at + 1]!;
    if (next === SLASH || (next === DOT && isDots(at + 1, pathEnd))) return false;
  }
  return true;
}

/** `%20`, or `%80` and more. */
function isHarmless(at: number, end: number): boolean {
  if (at + 2 >= end) return false;
  const high = ARENA[at + 1]! | 0x20;
  if (ARENA[at + 1] === 0x32 && ARENA[at + 2] === 0x30) return true;
  return ARENA[at + 1] === 0x38 || ARENA[at + 1] === 0x39 || (high >= 0x61 && high <= 0x66);
}

/** A segment `.` or `..` begins here. */
function isDots(at: number, end: number): boolean {
  const after = ARENA[at + 1] === DOT && at + 1 < end ? at + 2 : at + 1;
  return after >= end || ARENA[after] === SLASH;
}
