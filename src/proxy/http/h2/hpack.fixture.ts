/** For tests: header blocks in bytes, and one section that they are decoded into. */
import assert from 'node:assert';
import { ARENA, JOIN_START } from '../../ground/arena.ts';
import { HeadTable } from '../../ground/head.ts';
import type { HpackDecoder } from './decoder.ts';
import { FieldSection, type SectionRole } from './field-section.ts';

const LIMIT = 48 * 1024;
export const head: HeadTable = new HeadTable();
export const section: FieldSection = new FieldSection(head);

/** Decodes `block` into `section`; false: a compression error. */
export function decodeBytes(decoder: HpackDecoder, block: Uint8Array, role: SectionRole): boolean {
  ARENA.set(block, JOIN_START);
  section.begin(role, LIMIT);
  return decoder.decode(JOIN_START, JOIN_START + block.length, section);
}

/** A literal field with a new name; `first` says whether it enters the table. */
export function literal(name: string, value: string, first = 0x00): Buffer {
  assert(name.length < 127);
  const length = value.length < 127 ? [value.length] : long(value.length - 127);
  return Buffer.concat([
    Buffer.from([first, name.length]),
    Buffer.from(name, 'latin1'),
    Buffer.from(length),
    Buffer.from(value, 'latin1'),
  ]);
}

/** 127 and what is more than that, as an integer with a prefix of seven bits. */
export function long(rest: number): number[] {
  const bytes = [127];
  for (; rest >= 128; rest >>>= 7) bytes.push((rest & 127) | 128);
  return [...bytes, rest];
}

/** `GET / http`, :authority `a`. */
export const START: Buffer = Buffer.from('82868441' + '0161', 'hex');
