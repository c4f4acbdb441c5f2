/** Request ids: 32 hexadecimal digits, unique over restarts and workers, cheap to make. They are no secret. */
import { randomBytes } from 'node:crypto';
import type { Head } from '../ground/head.ts';

/** The part of an id that all ids of this process share. */
export const ID_PREFIX: string = randomBytes(12).toString('hex');
let counter = randomBytes(4).readUInt32BE();

/** The part of an id that is its own, as a number of 32 bits. */
export function nextIdNumber(): number {
  counter = (counter + 1) >>> 0;
  return counter;
}

export function idText(number: number): string {
  return ID_PREFIX + (0x1_0000_0000 + number).toString(16).slice(1);
}

export function nextRequestId(): string {
  return idText(nextIdNumber());
}

/** Longest id that is taken over from a trusted hop. */
export const MAX_REQUEST_ID = 128;

/** The id that a trusted hop gave this request, or '' where it is missing, too long or not printable. */
export function trustedRequestId(head: Head): string {
  if (head.requestIdField === -1) return '';
  const id = head.value(head.requestIdField);
  return id.length <= MAX_REQUEST_ID && /^[\x21-\x7e]+$/.test(id) ? id : '';
}
