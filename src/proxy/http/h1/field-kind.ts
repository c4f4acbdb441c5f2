/** Fields that the proxy itself reads or writes, found by the hash of their name. */
import assert from 'node:assert';
import { ARENA } from '../../ground/arena.ts';
import {
  FIELD_CLAIMED,
  FIELD_HOP_BY_HOP,
  FIELD_KEPT,
  FIELD_MANAGED,
  FOLDED,
  imitatesName,
  nameHash,
} from '../../ground/head.ts';
import { GATEWAY_FAMILIES, GATEWAY_LINES } from './gateway-line.ts';
import { FNV_PRIME, FNV_START } from './octets.ts';

/** Any other field. */
export const ORDINARY = 0;
export const CONNECTION = 1;
export const KEEP_ALIVE = 2;
export const PROXY_CONNECTION = 3;
export const TE = 4;
export const TRANSFER_ENCODING = 5;
export const UPGRADE = 6;
export const CONTENT_LENGTH = 7;
/** From here on: fields that mean something in requests only. */
export const HOST = 8;
export const EXPECT = 9;
export const FORWARDED_FOR = 10;
export const FORWARDED_PROTO = 11;
export const FORWARDED_HOST = 12;
export const FORWARDED_PORT = 13;
export const REQUEST_ID = 14;
/** RFC 8586: the gateways that a request went through; it goes on, and ours is added. */
export const CDN_LOOP = 15;
/** RFC 9440: the verified client certificate, said by the proxy and by nobody else. */
export const CLIENT_CERT = 16;
export const CLIENT_CERT_CHAIN = 17;
/** Of gateway-line.ts. */
export const CLAIM = 18;

/** A name in its kind's place; further on, those of kind CLAIM. */
const NAMES: readonly string[] = [
  '',
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'transfer-encoding',
  'upgrade',
  'content-length',
  'host',
  'expect',
  'x-forwarded-for',
  'x-forwarded-proto',
  'x-forwarded-host',
  'x-forwarded-port',
  'x-request-id',
  'cdn-loop',
  'client-cert',
  'client-cert-chain',
  ...GATEWAY_LINES,
];

/** What becomes of a field of each kind when a request, or a response, is forwarded. */
export const REQUEST_DROP: Uint8Array = Uint8Array.from({ length: CLAIM + 1 }, (_, kind) => {
  if (kind === CLAIM) return FIELD_CLAIMED;
  if (kind >= HOST && kind !== CDN_LOOP) return FIELD_MANAGED;
  return kind === ORDINARY || kind === CONTENT_LENGTH || kind === CDN_LOOP ? FIELD_KEPT : FIELD_HOP_BY_HOP;
});
export const RESPONSE_DROP: Uint8Array = REQUEST_DROP.map((drop, kind) => (kind >= HOST ? FIELD_KEPT : drop));

const HASHES: Int32Array = Int32Array.from(NAMES, (name) => nameHash(name) | 0);
const SLOTS = 4096;

/** Twelve neighbouring bits of the hash that differ for all the names: one look tells nearly all others apart. */
const SHIFT = findShift();
/** Indexes in NAMES. */
const PLACES: Uint8Array = new Uint8Array(SLOTS);
for (let place = 1; place < NAMES.length; place++) PLACES[slotOf(HASHES[place]!)] = place;

// Local names: see fields.ts.
const bytes = ARENA;
const ordinary = ORDINARY;
const claim = CLAIM;
const lowerX = 0x78;
const NAME_STRIDE = 32;
const LENGTHS: Uint8Array = Uint8Array.from(NAMES, (name) => name.length);
const LETTERS: Uint8Array = new Uint8Array(CLAIM * NAME_STRIDE);
for (let kind = 1; kind < CLAIM; kind++) LETTERS.set(Buffer.from(NAMES[kind]!, 'latin1'), kind * NAME_STRIDE);

function findShift(): number {
  for (let shift = 0; shift <= 20; shift++) {
    const slots = new Set(Array.from(HASHES.subarray(1), (hash) => (hash >>> shift) & (SLOTS - 1)));
    if (slots.size === NAMES.length - 1) return shift;
  }
  assert.fail('two names share a slot whatever the shift');
}

function slotOf(hash: number): number {
  return (hash >>> SHIFT) & (SLOTS - 1);
}

/** The kind of the field whose name is ARENA[start,end); `hash` is its fieldHash, as a signed integer. */
export function kindOf(hash: number, start: number, end: number): number {
  const place = PLACES[slotOf(hash)]!;
  if (place === ordinary || HASHES[place] !== hash) {
    return (bytes[start]! | 32) === lowerX && isOfFamily(start, end) ? claim : ordinary;
  }
  // Names with the same hash are easily made, so the hash alone proves nothing.
  if (place >= claim) return imitatesName(start, end, NAMES[place]!) ? claim : ordinary;
  return isName(place, start, end) ? place : ordinary;
}

/** Names consist of letters and '-': a token's octet with the bit for lower case set equals one only if it is it. */
function isName(kind: number, start: number, end: number): boolean {
  const length = end - start;
  if (LENGTHS[kind] !== length) return false;
  const at = kind * NAME_STRIDE;
  for (let i = 0; i < length; i++) {
    if ((bytes[start + i]! | 32) !== LETTERS[at + i]) return false;
  }
  return true;
}

function isOfFamily(start: number, end: number): boolean {
  for (let i = 0; i < GATEWAY_FAMILIES.length; i++) {
    const family = GATEWAY_FAMILIES[i]!;
    const stop = start + family.length;
    if (stop < end && imitatesName(start, stop, family)) return true;
  }
  return false;
}

/** The kind of the field that a name with marks is taken for by backends to which '-' and the mark are the same; or ORDINARY. */
export function imitatedKind(start: number, end: number): number {
  let hash = FNV_START;
  for (let p = start; p < end; p++) hash = Math.imul(hash ^ FOLDED[bytes[p]!]!, FNV_PRIME);
  const place = PLACES[slotOf(hash)]!;
  if (place !== ORDINARY && HASHES[place] === hash) return Math.min(place, CLAIM);
  return isOfFamily(start, end) ? CLAIM : ORDINARY;
}
