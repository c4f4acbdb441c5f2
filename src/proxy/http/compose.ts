/**
 * Composing forwarded heads in ARENA: runs of field lines that pass unchanged are copied as they stand, the rest is
 * left out, and what the proxy says itself comes after.
 */
import type { HeaderPatch } from '../filter/header-patch.ts';
import type { Cursor } from '../ground/cursor.ts';
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
 * Writes everything from `from` (the start line, or the first field) up to the head's blank line, without the fields
 * marked in `head.drop`. A field's line ends where the next one's name starts.
 */
export function putKept(to: Cursor, head: Head, from: number): void {
  const { fields, drop, count } = head;
  let run = from;
  for (let i = 0; i < count; i++) {
    if (drop[i] === FIELD_KEPT) continue;
    const lineStart = fields[i * FIELD_STRIDE + NAME_START]!;
    if (lineStart > run) to.bytes(run, lineStart);
    run = i + 1 < count ? fields[(i + 1) * FIELD_STRIDE + NAME_START]! : head.end - 2;
  }
  const end = head.end - 2;
  if (end > run) to.bytes(run, end);
}

/** Where the field lines begin. */
export function fieldsStart(head: Head): number {
  return head.count > 0 ? head.fields[NAME_START]! : head.end - 2;
}
