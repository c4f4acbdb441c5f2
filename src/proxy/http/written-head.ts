/** A held head with the lines that filters wrote before the route was chosen, in the place of those that they take away. */
import type { HeaderPatch } from '../filter/header-patch.ts';
import { HELD_START } from '../ground/arena.ts';
import {
  FIELD_STRIDE,
  FIELD_WRITTEN,
  FOLDED,
  fieldHash,
  MAX_FIELDS,
  NAME_END,
  NAME_HASH,
  NAME_START,
  VALUE_END,
  VALUE_START,
} from '../ground/head.ts';
import { HELD } from '../ground/region.ts';
import { FIELD_OFFSETS, type KeptHead, PAIRS } from './kept-head.ts';

/** Where fields of some names are. Host and what frames the message are nobody's to write. */
const PLACES = [
  'hostField',
  'contentLengthField',
  'requestIdField',
  'forwardedForField',
  'loopField',
] as const satisfies ReadonlyArray<keyof KeptHead['plain']>;
const CRLF_LENGTH = 2;

/** Undefined where it would have more lines or bytes than a head may have. */
export function writtenHead(head: KeptHead, patch: HeaderPatch): KeptHead | undefined {
  const end = head.plain.end - HELD_START;
  const kept = keptFields(head, patch);
  const count = kept.length + patch.lines.length;
  const pieces = [head.bytes.subarray(0, fieldStart(head, 0)), ...kept.map((at) => lineOf(head, at))];
  const text = Buffer.from(`${patch.text}\r\n`, 'latin1');
  const before = pieces.reduce((sum, { length }) => sum + length, 0);
  const bytes = Buffer.concat([...pieces, text, head.bytes.subarray(end)]);
  if (count > MAX_FIELDS || bytes.length > HELD.size) return undefined;
  const fields = new Uint32Array(count * FIELD_STRIDE);
  const drop = new Uint8Array(count).fill(FIELD_WRITTEN);
  /** By how much the bytes of each kept line moved. */
  const moved = new Map<number, number>();
  let to = pieces[0]!.length;
  for (const [place, at] of kept.entries()) {
    const by = to - fieldStart(head, at);
    moved.set(at, by);
    to += lineOf(head, at).length;
    fields.set(head.fields.subarray(at * FIELD_STRIDE, (at + 1) * FIELD_STRIDE), place * FIELD_STRIDE);
    for (const offset of FIELD_OFFSETS) fields[place * FIELD_STRIDE + offset]! += by;
    drop[place] = head.drop[at]!;
  }
  enterLines(fields, patch, { place: kept.length, at: HELD_START + before });
  const newEnd = before + text.length;
  const plain = { ...head.plain, count, end: HELD_START + newEnd };
  for (const name of PLACES) plain[name] = kept.indexOf(head.plain[name]);
  for (const [from, upTo] of PAIRS) {
    if (plain[upTo] === 0) continue;
    const by = shiftOf(head, plain[from] - HELD_START, { moved, behind: newEnd - end });
    plain[from] += by;
    plain[upTo] += by;
  }
  return { bytes, plain, fields, drop };
}

/** In whatever spelling backends take for the same. */
function keptFields(head: KeptHead, { drops }: HeaderPatch): number[] {
  const gone = [...drops];
  const all = Array.from({ length: head.plain.count }, (_, at) => at);
  return gone.length === 0 ? all : all.filter((at) => !gone.some((name) => isNamed(head, at, name)));
}

function isNamed({ bytes, fields }: KeptHead, at: number, name: string): boolean {
  const start = fields[at * FIELD_STRIDE + NAME_START]! - HELD_START;
  const end = fields[at * FIELD_STRIDE + NAME_END]! - HELD_START;
  if (end - start !== name.length) return false;
  for (let i = 0; i < name.length; i++) {
    if (FOLDED[bytes[start + i]!] !== FOLDED[name.charCodeAt(i)]) return false;
  }
  return true;
}

/** Of the line, or of what follows the last one. */
function fieldStart({ plain, fields }: KeptHead, at: number): number {
  if (at === plain.count) return plain.end - CRLF_LENGTH - HELD_START;
  return fields[at * FIELD_STRIDE + NAME_START]! - HELD_START;
}

/** With its CRLF: it ends where the next one's name starts. */
function lineOf(head: KeptHead, at: number): Buffer {
  return head.bytes.subarray(fieldStart(head, at), fieldStart(head, at + 1));
}

function enterLines(fields: Uint32Array, { lines }: HeaderPatch, first: { place: number; at: number }): void {
  let { at } = first;
  for (const [index, { name, value }] of lines.entries()) {
    const field = (first.place + index) * FIELD_STRIDE;
    const start = at + name.length + ': '.length;
    const blanks = value.length - value.trimStart().length;
    fields[field + NAME_START] = at;
    fields[field + NAME_END] = at + name.length;
    fields[field + VALUE_START] = start + blanks;
    fields[field + VALUE_END] = start + Math.max(blanks, value.trimEnd().length);
    fields[field + NAME_HASH] = fieldHash(name);
    at = start + value.length + CRLF_LENGTH;
  }
}

/** How far what lies there goes: with its line, or with what lies behind the head. */
function shiftOf(head: KeptHead, at: number, by: { moved: ReadonlyMap<number, number>; behind: number }): number {
  if (at >= head.plain.end - HELD_START) return by.behind;
  let line = -1;
  while (line + 1 < head.plain.count && fieldStart(head, line + 1) <= at) line++;
  return by.moved.get(line) ?? 0;
}
