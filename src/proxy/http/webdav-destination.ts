/**
 * MOVE and COPY of WebDAV name a second resource in Destination (RFC 4918 10.3): a URL as the client sees it. A backend behind
 * a gateway that ends TLS, or that asks for another host or path, knows it by another one, and would take it for one of another server.
 */
import { HeaderPatch } from '../filter/index.ts';
import { ARENA } from '../ground/arena.ts';
import { fieldHash, type Head } from '../ground/head.ts';

const DESTINATION = fieldHash('destination');
const C = 0x43;
const M = 0x4d;

/** How the backend is asked. */
export interface AskedAs {
  /** Of the client, and of the backend. */
  schemes: readonly [client: string, backend: string];
  /** Path and query instead of the client's, or ''. */
  target: string;
  /** Host instead of the client's, or ''. */
  authority: string;
  /** Bytes of the path that the rule's prefix took. */
  matchedPrefix: number;
}

/** A first look, which is all that other requests pay. */
export function mayMove({ methodStart: at, methodEnd }: Head): boolean {
  return methodEnd - at === 4 && (ARENA[at] === M || ARENA[at] === C);
}

export function destinationPatch(head: Head, as: AskedAs): HeaderPatch {
  const method = ARENA.latin1Slice(head.methodStart, head.methodEnd);
  const index = method === 'MOVE' || method === 'COPY' ? head.find('destination', DESTINATION) : -1;
  const value = index === -1 ? null : destinationFor(head, head.value(index), as);
  return value === null
    ? HeaderPatch.NONE
    : new HeaderPatch(new Set(['destination']), [{ name: 'Destination', value }]);
}

/** Null: it stays as it is, also where it is one of another server. */
function destinationFor(head: Head, value: string, as: AskedAs): string | null {
  const parts = /^(?:([a-z][a-z0-9+.-]*):\/\/([^/?#]*))?(\/[^?#]*)$/i.exec(value);
  if (parts === null) return null;
  const [, scheme, authority, path] = parts;
  const [ownScheme, backendScheme] = as.schemes;
  const own = ARENA.latin1Slice(head.authorityStart, head.authorityEnd).toLowerCase();
  if (scheme !== undefined) {
    if (scheme.toLowerCase() !== ownScheme || portless(authority!, ownScheme) !== portless(own, ownScheme)) return null;
  }
  const moved = movedPath(head, path!, as);
  if (moved === null) return null;
  return scheme === undefined ? moved : `${backendScheme}://${as.authority || own}${moved}`;
}

/** With what the rule puts in the place of its prefix. Null: it does not begin with that. */
function movedPath(head: Head, path: string, { target, matchedPrefix }: AskedAs): string | null {
  if (target === '') return path;
  const prefix = ARENA.latin1Slice(head.pathStart, head.pathStart + matchedPrefix);
  const rest = ARENA.latin1Slice(head.pathStart + matchedPrefix, head.pathEnd);
  const asked = target.split('?', 1)[0]!;
  const after = path.slice(prefix.length);
  if (!asked.endsWith(rest) || !path.startsWith(prefix) || !/^(?:\/|$)/.test(after)) return null;
  const moved = asked.slice(0, asked.length - rest.length) + after;
  return moved.startsWith('/') ? moved : `/${moved}`;
}

function portless(authority: string, scheme: string): string {
  return authority.toLowerCase().replace(scheme === 'https' ? /:443$/ : /:80$/, '');
}
