/** What a limit counts apart: a hash of parts of the request, of 64 bits in two halves, made without a string. */
import type { LimitKey } from '../../config/index.ts';
import { IPV6_PREFIX_LENGTH, prefixGroups, readPrefix } from '../../value/address-prefix.ts';
import { ARENA } from '../ground/arena.ts';
import { FIELD_STRIDE, fieldHash, type Head, VALUE_END, VALUE_START } from '../ground/head.ts';
import { findCookie, foundCookie } from '../match/cookie.ts';
import { findParameter, foundText } from '../match/query.ts';
import type { FilterScope } from './filter.ts';
import { claimValues, IDENTITY } from './identity.ts';

/** Of the key that was read last. */
export const keyHash = { a: 0, b: 0 };

let a = 0;
let b = 0;

function mix(c: number): void {
  a = Math.imul(a ^ c, 0x85ebca6b);
  a ^= a >>> 13;
  b = Math.imul(b ^ c, 0xc2b2ae35);
  b = (b << 15) | (b >>> 17);
}

function mixText(text: string): void {
  for (let i = 0; i < text.length; i++) mix(text.charCodeAt(i));
}

/** Of an IPv6 address what is its client's: whoever has one has 2^64. */
function mixAddress(address: string, bits: number): void {
  if (!readPrefix(address, bits)) return mixText(address);
  for (let at = 0; at < prefixGroups.length; at++) mix(prefixGroups[at]!);
  mix(BETWEEN);
}

function mixBytes(start: number, end: number): void {
  for (let at = start; at < end; at++) mix(ARENA[at]!);
}

/** No text has it: what is before it and what is after it are two. */
const BETWEEN = 0x1_0000;
/** In the place of what the request does not have. */
const NOTHING = 0x1_0001;

type KeyPart<S> = (scope: S) => void;

/** What is known of a client before it asks for anything, and of a connection that no request is read from. */
export type ArrivalScope = Pick<FilterScope, 'clientAddress' | 'listener' | 'route'>;

export class KeyReader<S = FilterScope> {
  readonly #a: number;
  readonly #b: number;
  readonly #parts: ReadonlyArray<KeyPart<S>>;

  /** `limit`: which limit of which policy it is that counts. */
  constructor(limit: string, parts: ReadonlyArray<KeyPart<S>>, seed: number) {
    a = seed | 0;
    b = ~seed;
    mixText(limit);
    this.#a = a;
    this.#b = b;
    this.#parts = parts;
  }

  /** Leaves what it read in `keyHash`. */
  read(scope: S): void {
    a = this.#a;
    b = this.#b;
    const parts = this.#parts;
    for (let i = 0; i < parts.length; i++) {
      parts[i]!(scope);
      mix(BETWEEN);
    }
    // Half of a hash says nothing of the other half, and neither is 0, which is an empty slot.
    keyHash.a = avalanche(a ^ (b >>> 7)) || 1;
    keyHash.b = avalanche(b ^ Math.imul(a, 0x9e3779b1)) || 1;
  }
}

function avalanche(half: number): number {
  let h = half;
  h = Math.imul(h ^ (h >>> 16), 0x21f0aaad);
  h = Math.imul(h ^ (h >>> 15), 0x735a2d97);
  return (h ^ (h >>> 15)) >>> 0;
}

export function requestPart(key: LimitKey): KeyPart<FilterScope> {
  const { type, name = '' } = key;
  switch (type) {
    case 'Header':
      return headerPart(name.toLowerCase());
    case 'Cookie':
      return ({ head }) => {
        if (findCookie(head, name)) mixBytes(foundCookie.start, foundCookie.end);
        else mix(NOTHING);
      };
    case 'Claim':
      return claimPart(name);
    case 'Query':
      // Decoded: one value has many spellings.
      return ({ head }) => (findParameter(head, name) ? mixText(foundText()) : mix(NOTHING));
    case 'Path':
      return ({ head }) => mixBytes(head.pathStart, head.pathEnd);
    case 'Host':
      return ({ head }) => mixHost(head);
    default:
      return arrivalPart(key);
  }
}

/** Of what a connection does not have, there is one value for all. */
export function arrivalPart({ type, ipv6PrefixLength = IPV6_PREFIX_LENGTH }: LimitKey): KeyPart<ArrivalScope> {
  switch (type) {
    case 'ClientAddress':
      return ({ clientAddress }) => mixAddress(clientAddress, ipv6PrefixLength);
    case 'Route':
      return ({ route }) => mixText(routeOf(route));
    case 'Gateway':
      return ({ listener }) => mixGateway(listener);
    default:
      return () => mix(NOTHING);
  }
}

/** Of whom nothing is known, all are counted as one. */
function claimPart(name: string): KeyPart<FilterScope> {
  return (scope) => {
    const identity = scope.kept(IDENTITY);
    const values = identity === undefined ? [] : claimValues(identity.claims, name);
    if (values.length === 0) return mix(NOTHING);
    for (const value of values) {
      mixText(value);
      mix(BETWEEN);
    }
  };
}

function headerPart(name: string): KeyPart<FilterScope> {
  const hash = fieldHash(name);
  return ({ head }) => {
    let at = head.find(name, hash);
    if (at < 0) return mix(NOTHING);
    for (; at >= 0; at = head.find(name, hash, at + 1)) {
      const field = at * FIELD_STRIDE;
      mixBytes(head.fields[field + VALUE_START]!, head.fields[field + VALUE_END]!);
    }
  };
}

function mixHost(head: Head): void {
  for (let at = head.hostStart; at < head.hostEnd; at++) {
    const c = ARENA[at]!;
    mix(c >= 65 && c <= 90 ? c | 32 : c);
  }
}

/** Of `HTTPRoute/namespace/name/index`, all but the index: rules of one route count together. */
function routeOf(rule: string): string {
  return rule.slice(0, rule.lastIndexOf('/'));
}

/** The first two parts of a listener's key. */
function mixGateway(listener: string): void {
  for (let i = 0, slashes = 0; i < listener.length; i++) {
    const c = listener.charCodeAt(i);
    if (c === 0x2f && ++slashes === 2) return;
    mix(c);
  }
}
