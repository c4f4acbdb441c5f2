/** What the encoder knows of field names: their place in the static table, and how their values are treated. */
import { nameHash, sameName } from '../../ground/head.ts';
import { STATIC_NAMES } from './static-table.ts';

/** Sent as it is and never entered in a table. */
export const PLAIN = 0;
/** Entered in the dynamic table when the same line comes again. */
export const INDEXED = 1;
/** RFC 7541 7.1.3: secrets, which no hop may enter in a table. */
export const SECRET = 2;
/** Has no place in HTTP/2. */
export const OMITTED = 3;

const SECRETS = ['authorization', 'proxy-authorization', 'cookie', 'set-cookie'];
const OMISSIONS = [
  ...['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade', 'http2-settings', 'host'],
  ...['sec-websocket-key', 'sec-websocket-accept'],
];
/** Differ from message to message. */
const UNREPEATED = ['age', 'content-length', 'content-range', 'etag', 'x-request-id', 'if-none-match', 'traceparent'];

const SLOTS = 1024;
const SLOT_MASK = SLOTS - 1;
const HASHES = new Int32Array(SLOTS);
const NAMES: string[] = new Array(SLOTS).fill('');
const INDEXES = new Uint8Array(SLOTS);
const POLICIES = new Uint8Array(SLOTS);

for (const [name, index] of STATIC_NAMES) enter(name, index, INDEXED);
for (const name of SECRETS) enter(name, STATIC_NAMES.get(name) ?? 0, SECRET);
for (const name of UNREPEATED) enter(name, STATIC_NAMES.get(name) ?? 0, PLAIN);
for (const name of OMISSIONS) enter(name, 0, OMITTED);

function enter(name: string, index: number, policy: number): void {
  const hash = nameHash(name) | 0;
  const slot = slotOf(hash, name);
  HASHES[slot] = hash;
  NAMES[slot] = name;
  INDEXES[slot] = index;
  POLICIES[slot] = policy;
}

function slotOf(hash: number, name: string): number {
  let slot = first(hash);
  while (NAMES[slot] !== '' && NAMES[slot] !== name) slot = (slot + 1) & SLOT_MASK;
  return slot;
}

function first(hash: number): number {
  return (hash ^ (hash >>> 15)) & SLOT_MASK;
}

/** The slot of the name ARENA[start,end), or -1: names nobody knows are INDEXED and have no static index. */
export function knownName(hash: number, start: number, end: number): number {
  for (let slot = first(hash); NAMES[slot] !== ''; slot = (slot + 1) & SLOT_MASK) {
    if (HASHES[slot] === hash) return sameName(start, end, NAMES[slot]!) ? slot : -1;
  }
  return -1;
}

export function staticIndex(slot: number): number {
  return slot < 0 ? 0 : INDEXES[slot]!;
}

export function policyOf(slot: number): number {
  return slot < 0 ? INDEXED : POLICIES[slot]!;
}
