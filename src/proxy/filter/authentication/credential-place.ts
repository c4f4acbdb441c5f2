/** Where in a request a token or key stands: how it is read there, and taken out of what goes to the backend. */
import type { CredentialPlace } from '../../../config/index.ts';
import { ARENA } from '../../ground/arena.ts';
import { FIELD_STRIDE, fieldHash, type Head, NAME_END, NAME_START } from '../../ground/head.ts';
import { findCookie, foundCookie } from '../../match/cookie.ts';
import { findParameter, foundText } from '../../match/query.ts';
import type { FilterScope } from '../filter.ts';
import { HeaderPatch } from '../header-patch.ts';

/** Undefined: nothing is there. Null: what is there is more than one, or nothing but a name. */
type Found = string | null | undefined;

export interface PlaceReader {
  read(head: Head): Found;
  /** Takes it out of what goes to the backend, whatever it holds. */
  strip(scope: FilterScope): void;
}

/** Names of the parameters among them. */
export function parametersOf(places: readonly CredentialPlace[]): string[] {
  return places.flatMap(({ in: where, name }) => (where === 'Query' ? [parameterName(name)] : []));
}

function parameterName(name: string): string {
  return Buffer.from(name, 'utf8').latin1Slice();
}

export function placeReader({ in: where, name, scheme }: CredentialPlace): PlaceReader {
  switch (where) {
    case 'Header':
      return new HeaderPlace(name, scheme);
    case 'Cookie':
      return new CookiePlace(name);
    case 'Query':
      return new QueryPlace(name);
  }
}

/** The first place at which something stands. */
export function firstFound(places: readonly PlaceReader[], head: Head): Found {
  for (const place of places) {
    const found = place.read(head);
    if (found !== undefined) return found;
  }
  return undefined;
}

class HeaderPlace implements PlaceReader {
  readonly #name: string;
  readonly #hash: number;
  readonly #scheme: string | undefined;
  readonly #without: HeaderPatch;

  constructor(name: string, scheme: string | undefined) {
    this.#name = name;
    this.#hash = fieldHash(name);
    this.#scheme = scheme;
    this.#without = HeaderPatch.of({ set: [], add: [], remove: [name] });
  }

  read(head: Head): Found {
    const at = head.find(this.#name, this.#hash);
    if (at < 0) return undefined;
    // Gateway and backend might read different ones.
    if (head.find(this.#name, this.#hash, at + 1) >= 0) return null;
    const value = head.value(at);
    const scheme = this.#scheme;
    if (scheme === undefined) return value === '' ? null : value;
    if (value.length < scheme.length || value.slice(0, scheme.length).toLowerCase() !== scheme) return undefined;
    const rest = value.slice(scheme.length);
    if (rest !== '' && rest[0] !== ' ') return undefined;
    return rest.trim() || null;
  }

  strip(scope: FilterScope): void {
    scope.patchRequest(this.#without);
  }
}

const COOKIE = fieldHash('cookie');

class CookiePlace implements PlaceReader {
  readonly #name: string;

  constructor(name: string) {
    this.#name = name;
  }

  read(head: Head): Found {
    if (!findCookie(head, this.#name)) return undefined;
    return ARENA.latin1Slice(foundCookie.start, foundCookie.end) || null;
  }

  strip(scope: FilterScope): void {
    const { head } = scope;
    if (!findCookie(head, this.#name)) return;
    const add: Array<{ name: string; value: string }> = [];
    for (let at = head.find('cookie', COOKIE); at >= 0; at = head.find('cookie', COOKIE, at + 1)) {
      const field = at * FIELD_STRIDE;
      const name = ARENA.latin1Slice(head.fields[field + NAME_START]!, head.fields[field + NAME_END]!);
      const others = head
        .value(at)
        .split(';')
        .filter((one) => one.split('=', 1)[0]!.trim() !== this.#name);
      const value = others.join(';').trim();
      if (value !== '') add.push({ name, value });
    }
    scope.patchRequest(new HeaderPatch(new Set(['cookie']), add));
  }
}

class QueryPlace implements PlaceReader {
  readonly #name: string;

  constructor(name: string) {
    this.#name = parameterName(name);
  }

  read(head: Head): Found {
    if (!findParameter(head, this.#name)) return undefined;
    return foundText() || null;
  }

  strip(scope: FilterScope): void {
    if (findParameter(scope.head, this.#name)) scope.dropParameter(this.#name);
  }
}
