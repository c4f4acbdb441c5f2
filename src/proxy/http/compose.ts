/**
 * Composing forwarded heads in ARENA: runs of field lines that pass unchanged are copied as they stand, the rest is
 * left out, and what the proxy says itself comes after.
 */
import type { HeaderPatch } from '../filter/header-patch.ts';
import { ARENA } from '../ground/arena.ts';
import {
  FIELD_KEPT,
  FIELD_STRIDE,
  type Head,
  imitatesName,
  NAME_END,
  NAME_HASH,
  NAME_START,
  sameName,
} from '../ground/head.ts';

/** Writes latin1 `text` at `at`; answers the byte after it. */
export function putText(at: number, text: string): number {
  const { length } = text;
  if (length > 48) return at + ARENA.latin1Write(text, at, length);
  for (let i = 0; i < length; i++) ARENA[at + i] = text.charCodeAt(i);
  return at + length;
}

const HEX = Buffer.from('0123456789abcdef');

/** Writes a 32-bit number as eight hexadecimal digits. */
export function putHex(at: number, number: number): number {
  for (let i = 0; i < 8; i++) ARENA[at + i] = HEX[(number >>> (28 - i * 4)) & 15]!;
  return at + 8;
}

/** Copies ARENA[start,end) to `at`; answers the byte after it. A loop beats the built-in up to about 40 bytes. */
export function putBytes(at: number, start: number, end: number): number {
  const length = end - start;
  if (length > 40) ARENA.copyWithin(at, start, end);
  else for (let i = 0; i < length; i++) ARENA[at + i] = ARENA[start + i]!;
  return at + length;
}

/** Marks the fields that `patch` drops; of a request also those whose names CGI-like backends take for the same. */
export function applyDrops(head: Head, patch: HeaderPatch): void {
  if (patch.drops.size === 0) return;
  const { fields, drop, count } = head;
  const request = head.status === 0;
  for (let i = 0; i < count; i++) {
    const at = i * FIELD_STRIDE;
    if (drop[i] !== FIELD_KEPT || !patch.dropHashes.has(fields[at + NAME_HASH]!)) continue;
    for (const name of patch.drops) {
      const [start, end] = [fields[at + NAME_START]!, fields[at + NAME_END]!];
      if (sameName(start, end, name) || (request && imitatesName(start, end, name))) drop[i] = FIELD_KEPT + 1;
    }
  }
}

/**
 * Copies to `at` everything from `from` (the start line, or the first field) up to the head's blank line, without
 * the fields marked in `head.drop`. A field's line ends where the next one's name starts.
 */
export function putKept(at: number, head: Head, from: number): number {
  const { fields, drop, count } = head;
  let to = at;
  let run = from;
  for (let i = 0; i < count; i++) {
    if (drop[i] === FIELD_KEPT) continue;
    const lineStart = fields[i * FIELD_STRIDE + NAME_START]!;
    if (lineStart > run) to = putBytes(to, run, lineStart);
    run = i + 1 < count ? fields[(i + 1) * FIELD_STRIDE + NAME_START]! : head.end - 2;
  }
  const end = head.end - 2;
  return end > run ? putBytes(to, run, end) : to;
}

/** Where the field lines begin. */
export function fieldsStart(head: Head): number {
  return head.count > 0 ? head.fields[NAME_START]! : head.end - 2;
}
