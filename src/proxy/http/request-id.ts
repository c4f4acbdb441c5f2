/**
 * Request ids: 32 hexadecimal digits, unique over restarts and workers, cheap to make, and not to be guessed from others:
 * half of one is the process's own, a quarter is chance, a quarter is a counter whose order does not show.
 */
import { randomBytes, randomFillSync } from 'node:crypto';
import { fieldHash, type Head } from '../ground/head.ts';

/** The part of an id that all ids of this process share. */
export const ID_PREFIX: string = randomBytes(8).toString('hex');

const OFFSET = randomBytes(4).readInt32BE();
/** Odd, so that a count and its product stand for one another. */
const STRIDE = randomBytes(4).readInt32BE() | 1;
let count = 0;

/** The part of an id that no other id of this process has, as a number of 32 bits. */
export function nextIdNumber(): number {
  count = (count + 1) | 0;
  return (Math.imul(count, STRIDE) + OFFSET) | 0;
}

/** Chance is taken in bulk. */
const POOL = new Int32Array(4096);
let taken = POOL.length;

/** The part of an id that nobody can guess, as a number of 32 bits. */
export function nextChance(): number {
  if (taken === POOL.length) {
    randomFillSync(POOL);
    taken = 0;
  }
  return POOL[taken++]!;
}

export function idText(chance: number, number: number): string {
  return ID_PREFIX + hex(chance) + hex(number);
}

function hex(number: number): string {
  return (0x1_0000_0000 + (number >>> 0)).toString(16).slice(1);
}

export function nextRequestId(): string {
  return idText(nextChance(), nextIdNumber());
}

/** Longest id that is taken over from a trusted hop. */
export const MAX_REQUEST_ID = 128;

/** The id that a trusted hop gave this request, or '' where it is missing, too long or not printable. */
export function trustedRequestId(head: Head): string {
  return head.requestIdField === -1 ? '' : soundId(head.value(head.requestIdField));
}

/** The same of another line. */
export function requestIdIn(head: Head, name: string): string {
  const lower = name.toLowerCase();
  const at = head.find(lower, fieldHash(lower));
  return at === -1 ? '' : soundId(head.value(at));
}

function soundId(id: string): string {
  return id.length <= MAX_REQUEST_ID && /^[\x21-\x7e]+$/.test(id) ? id : '';
}
