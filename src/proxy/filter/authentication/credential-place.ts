/** Where in a request a token or key stands: how it is read there, and taken out of what goes to the backend. */
import type { CredentialPlace, HeaderLine } from '../../../config/index.ts';
import { ARENA } from '../../ground/arena.ts';
import {
  FIELD_STRIDE,
  fieldHash,
  type Head,
  imitatesName,
  NAME_END,
  NAME_HASH,
  NAME_START,
} from '../../ground/head.ts';
import { countCookies, findCookie, foundCookie } from '../../match/cookie.ts';
import { countParameters, findParameter, foundText } from '../../match/query.ts';
import type { FilterScope } from '../filter.ts';
import { HeaderPatch } from '../header-patch.ts';

/**
 * Undefined: nothing is there. Null: what is there is more than one, in whatever spelling, or nothing but a name. Gateway and
 * backend might read different ones.
 */
type Found = string | null | undefined;

export interface PlaceReader {
  /** The same for all that read the same line, cookie or parameter, with whatever scheme. */
  readonly key: string;
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

/** Of places that are looked at in turn, what the backend is not to see: all of them, or what nobody has looked at. */
export function stripOf(places: readonly PlaceReader[], forwards: boolean): ((scope: FilterScope) => void) | undefined {
  if (forwards) return places.length < 2 ? undefined : (scope) => stripOthers(places, scope);
  return (scope) => {
    for (const place of places) place.strip(scope);
  };
}

/** But for the first place at which something stands: a backend may look at another one first. */
function stripOthers(places: readonly PlaceReader[], scope: FilterScope): void {
  let isFirst = true;
  for (const place of places) {
    if (place.read(scope.head) === undefined) continue;
    if (!isFirst) place.strip(scope);
    isFirst = false;
  }
}

/** What others than `by` would have looked at, and nobody has: a backend might believe it, since somebody came in. */
export function stripUnverified(scope: FilterScope, others: readonly PlaceReader[], by: readonly PlaceReader[]): void {
  const used = by.find((place) => place.read(scope.head) !== undefined)?.key;
  for (const place of others) {
    if (place.key !== used && place.read(scope.head) !== undefined) place.strip(scope);
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
  readonly key: string;
  readonly #name: string;
  readonly #hash: number;
  readonly #scheme: string | undefined;
  readonly #without: HeaderPatch;

  constructor(name: string, scheme: string | undefined) {
    this.key = `header ${name.toLowerCase()}`;
    this.#name = name;
    this.#hash = fieldHash(name);
    this.#scheme = scheme;
    this.#without = HeaderPatch.of({ set: [], add: [], remove: [name] });
  }

  read(head: Head): Found {
    const at = head.find(this.#name, this.#hash);
    if (at < 0) return undefined;
    if (this.#standsBeside(at, head)) return null;
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

  /** Another line of the name. */
  #standsBeside(at: number, { fields, count }: Head): boolean {
    for (let i = 0; i < count; i++) {
      const field = i * FIELD_STRIDE;
      if (i === at || fields[field + NAME_HASH] !== this.#hash) continue;
      if (imitatesName(fields[field + NAME_START]!, fields[field + NAME_END]!, this.#name)) return true;
    }
    return false;
  }
}

const COOKIE = fieldHash('cookie');

class CookiePlace implements PlaceReader {
  readonly key: string;
  readonly #name: string;

  constructor(name: string) {
    this.key = `cookie ${name}`;
    this.#name = name;
  }

  read(head: Head): Found {
    if (!findCookie(head, this.#name)) return undefined;
    if (countCookies(head, this.#name) > 1) return null;
    return ARENA.latin1Slice(foundCookie.start, foundCookie.end) || null;
  }

  strip(scope: FilterScope): void {
    if (findCookie(scope.head, this.#name)) stripCookies(scope, (one) => one.split('=', 1)[0]!.trim() === this.#name);
  }
}

/** Takes cookies out of what goes to the backend, of those that nobody has taken out before. `isMeant`: of `name=value`. */
export function stripCookies(scope: FilterScope, isMeant: (cookie: string) => boolean): void {
  const add: Array<{ name: string; value: string }> = [];
  let found = false;
  for (const { name, value } of cookieLines(scope)) {
    const all = value.split(';');
    const others = all.filter((one) => !isMeant(one));
    found ||= others.length < all.length;
    const rest = others.join(';').trim();
    if (rest !== '') add.push({ name, value: rest });
  }
  if (found) scope.patchRequest(new HeaderPatch(new Set(['cookie']), add));
}

/** As they would go to the backend by now. */
function cookieLines({ head, requestPatch: { drops, lines } }: FilterScope): ReadonlyArray<HeaderLine> {
  if (drops.has('cookie')) return lines.filter(({ name }) => name.toLowerCase() === 'cookie');
  const found: HeaderLine[] = [];
  for (let at = head.find('cookie', COOKIE); at >= 0; at = head.find('cookie', COOKIE, at + 1)) {
    const field = at * FIELD_STRIDE;
    const name = ARENA.latin1Slice(head.fields[field + NAME_START]!, head.fields[field + NAME_END]!);
    found.push({ name, value: head.value(at) });
  }
  return found;
}

class QueryPlace implements PlaceReader {
  readonly key: string;
  readonly #name: string;

  constructor(name: string) {
    this.key = `query ${name}`;
    this.#name = parameterName(name);
  }

  read(head: Head): Found {
    if (!findParameter(head, this.#name)) return undefined;
    if (countParameters(head, this.#name) > 1) return null;
    return foundText() || null;
  }

  strip(scope: FilterScope): void {
    if (findParameter(scope.head, this.#name)) scope.dropParameter(this.#name);
  }
}
