/** Fields that the proxy itself reads or writes, found by the hash of their name. */
import assert from 'node:assert';
import { ARENA } from '../../ground/arena.ts';
import { FIELD_HOP_BY_HOP, FIELD_KEPT, FIELD_MANAGED, nameHash } from '../../ground/head.ts';

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
export const VIA = 15;
/** RFC 9440: the verified client certificate, said by the proxy and by nobody else. */
export const CLIENT_CERT = 16;
export const CLIENT_CERT_CHAIN = 17;

const NAMES = [
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
  'via',
  'client-cert',
  'client-cert-chain',
] as const;

/** What becomes of a field of each kind when a request, or a response, is forwarded. */
export const REQUEST_DROP: Uint8Array = Uint8Array.from(NAMES, (_, kind) => {
  if (kind >= HOST) return FIELD_MANAGED;
  return kind === ORDINARY || kind === CONTENT_LENGTH ? FIELD_KEPT : FIELD_HOP_BY_HOP;
});
export const RESPONSE_DROP: Uint8Array = REQUEST_DROP.map((drop, kind) => (kind >= HOST ? FIELD_KEPT : drop));

const HASHES: Int32Array = Int32Array.from(NAMES, (name) => nameHash(name) | 0);
const SLOTS = 256;

/** Eight neighbouring bits of the hash that differ for all the names: one look tells nearly all others apart. */
const SHIFT = findShift();
const KINDS: Uint8Array = new Uint8Array(SLOTS);
for (let kind = 1; kind < NAMES.length; kind++) KINDS[slotOf(HASHES[kind]!)] = kind;

// Local names: see fields.ts.
const bytes = ARENA;
const ordinary = ORDINARY;
const NAME_STRIDE = 32;
const LENGTHS: Uint8Array = Uint8Array.from(NAMES, (name) => name.length);
const LETTERS: Uint8Array = new Uint8Array(NAMES.length * NAME_STRIDE);
for (const [kind, name] of NAMES.entries()) LETTERS.set(Buffer.from(name, 'latin1'), kind * NAME_STRIDE);

function findShift(): number {
  for (let shift = 0; shift <= 24; shift++) {
    const slots = new Set(Array.from(HASHES.subarray(1), (hash) => (hash >>> shift) & (SLOTS - 1)));
    if (slots.size === NAMES.length - 1) return shift;
  }
  assert.fail('two names share a slot whatever the shift');
}

function slotOf(hash: number): number {
  return (hash >>> SHIFT) & (SLOTS - 1);
}

/** The kind of the field whose name is ARENA[start,end); `hash` is its nameHash, as a signed integer. */
export function kindOf(hash: number, start: number, end: number): number {
  const kind = KINDS[slotOf(hash)]!;
  if (kind === ordinary || HASHES[kind] !== hash) return ordinary;
  // Names with the same hash are easily made, so the hash alone proves nothing.
  return isName(kind, start, end) ? kind : ordinary;
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

/** Whether `hash`, taken with '-' for each '_', is that of one of these fields: what CGI-like backends take it for. */
export function imitatesKnown(hash: number): boolean {
  const kind = KINDS[slotOf(hash)]!;
  return kind !== ORDINARY && HASHES[kind] === hash;
}
