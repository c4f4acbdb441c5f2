/** All that a head says, copied out of ARENA. */
import { ARENA, HELD_START } from '../ground/arena.ts';
import {
  FIELD_STRIDE,
  type Head,
  type HeadTable,
  NAME_END,
  NAME_START,
  VALUE_END,
  VALUE_START,
} from '../ground/head.ts';

/** Every pair of offsets of a head besides those of its fields. */
export const PAIRS = [
  ['methodStart', 'methodEnd'],
  ['targetStart', 'targetEnd'],
  ['pathStart', 'pathEnd'],
  ['queryStart', 'queryEnd'],
  ['authorityStart', 'authorityEnd'],
  ['hostStart', 'hostEnd'],
  ['reasonStart', 'reasonEnd'],
  ['upgradeStart', 'upgradeEnd'],
] as const;
/** Offsets of a field besides its hash. */
export const FIELD_OFFSETS: readonly number[] = [NAME_START, NAME_END, VALUE_START, VALUE_END];

/** A head with all that it says, outside of ARENA. */
export interface KeptHead {
  /** The head, and what of it lay elsewhere. */
  readonly bytes: Buffer;
  readonly plain: Omit<
    HeadTable,
    'fields' | 'drop' | 'reset' | 'find' | 'value' | 'joined' | 'method' | 'path' | 'query' | 'target' | 'host'
  >;
  readonly fields: Uint32Array;
  readonly drop: Uint8Array;
}

/** Offsets are kept as if the bytes lay where they are put back. */
export function keptHead(head: Head): KeptHead {
  const { start, end, fields: _fields, drop, count, ...plain } = head;
  const pieces = [Buffer.from(ARENA.subarray(start, end))];
  let size = end - start;
  for (const [from, to] of PAIRS) {
    const [first, last] = [head[from], head[to]];
    if (last === 0) continue;
    if (first >= start && last <= end) {
      plain[from] = first - start + HELD_START;
      plain[to] = last - start + HELD_START;
    } else {
      pieces.push(Buffer.from(ARENA.subarray(first, last)));
      plain[from] = HELD_START + size;
      size += last - first;
      plain[to] = HELD_START + size;
    }
  }
  const fields = head.fields.slice(0, count * FIELD_STRIDE);
  for (let at = 0; at < fields.length; at += FIELD_STRIDE) {
    for (const offset of FIELD_OFFSETS) fields[at + offset] = fields[at + offset]! - start + HELD_START;
  }
  return {
    bytes: pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces),
    plain: { ...plain, count, start: HELD_START, end: HELD_START + end - start },
    fields,
    drop: drop.slice(0, count),
  };
}
