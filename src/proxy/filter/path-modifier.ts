/** Replacement of a request's path, as redirects and rewrites share it. */
import type { PathModifier } from '../../config/index.ts';
import { ARENA } from '../ground/arena.ts';
import type { Head } from '../ground/head.ts';

/** A modifier with its value as it goes on the wire. */
export class ModifiedPath {
  readonly #type: PathModifier['type'];
  readonly #value: string;

  constructor(modifier: PathModifier) {
    this.#type = modifier.type;
    const value = escapePath(Buffer.from(modifier.value, 'utf8').latin1Slice());
    // Spec: path elements are compared, so that a '/' at the end of a prefix says nothing.
    this.#value = modifier.type === 'ReplacePrefixMatch' && value.endsWith('/') ? value.slice(0, -1) : value;
  }

  /** The new path, starting with '/'. `matchedPrefix` as in FilterScope. */
  of(head: Head, matchedPrefix: number): string {
    if (this.#type === 'ReplaceFullPath') return rooted(this.#value);
    return rooted(this.#value + ARENA.latin1Slice(head.pathStart + matchedPrefix, head.pathEnd));
  }
}

/** The request's query with its '?', which may be all there is of it; '' where there is none. */
export function queryOf(head: Head): string {
  return head.queryEnd > 0 ? `?${ARENA.latin1Slice(head.queryStart, head.queryEnd)}` : '';
}

function rooted(path: string): string {
  return path.startsWith('/') ? path : `/${path}`;
}

/** Percent-encodes what may not stand in a path: controls, space, '?', '#', '"', '<', '>' and bytes beyond ASCII. */
export function escapePath(path: string): string {
  return path.replace(/[^!$-;=@-~]/g, percentEncoded);
}

/** The same for a query, where '?' may stand. */
export function escapeQuery(query: string): string {
  return query.replace(/[^!$-;=?-~]/g, percentEncoded);
}

function percentEncoded(c: string): string {
  return `%${c.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;
}
