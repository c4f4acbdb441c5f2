/** HPACK decoding (RFC 7541): a header block in ARENA becomes lines of a FieldSection. */
import { strict as assert } from 'node:assert';
import { ARENA, DECODE_END, DECODE_SIZE } from '../../ground/arena.ts';
import {
  DynamicTable,
  ENTRY_HASH,
  ENTRY_KIND,
  ENTRY_LENGTH,
  ENTRY_NAME_LENGTH,
  ENTRY_START,
  TABLE_SIZE,
} from './dynamic-table.ts';
import { fieldName, isFieldValue, MALFORMED } from './field-kind.ts';
import { type FieldSection, SPARE_ROOM } from './field-section.ts';
import { huffmanDecode } from './huffman.ts';
import { SOUND } from './section-fault.ts';
import {
  STATIC_COUNT,
  STATIC_HASH,
  STATIC_KIND,
  STATIC_LINES,
  STATIC_NAME_LENGTH,
  STATIC_START,
} from './static-table.ts';

/** Most bytes of a header block: what it decodes to, at most 8/5 of it, then fits DECODE. */
export const MAX_BLOCK_BYTES: number = 64 * 1024;

const COLON = 0x3a;
const SP = 0x20;
const CR = 0x0d;
const LF = 0x0a;
/** Below this many bytes a loop beats the built-in copy. */
const SHORT_COPY = 20;
/** RFC 7541 5.1 asks for a limit on integers: four octets after the prefix, 28 bits. */
const MAX_SHIFT = 21;
const FAILED = -1;
// What one block decodes to fits the region, with a name out of the table.
assert(Math.ceil((MAX_BLOCK_BYTES * 8) / 5) + TABLE_SIZE + SPARE_ROOM <= DECODE_SIZE);

export class HpackDecoder {
  readonly table: DynamicTable = new DynamicTable();
  /** Where reading goes on. */
  #at = 0;
  #end = 0;
  /** Where `#put` writes. */
  #to = 0;
  /** What the name read last is; its bytes are at the section's `out`. */
  #nameEnd = 0;
  #hash = 0;
  #kind = 0;

  /**
   * Decodes the whole block ARENA[start,end) into `section`. False: a COMPRESSION_ERROR, after which the connection
   * cannot go on. A block has at most MAX_BLOCK_BYTES. The caller calls `section.begin` before and `section.finish` after.
   */
  decode(start: number, end: number, section: FieldSection): boolean {
    this.#at = start;
    this.#end = end;
    let sizeUpdates = 2;
    while (this.#at < end) {
      const octet = ARENA[this.#at]!;
      if (octet >= 0x80) {
        sizeUpdates = 0;
        if (!this.#indexed(section)) return false;
      } else if (octet >= 0x40) {
        sizeUpdates = 0;
        if (!this.#literal(section, 6)) return false;
      } else if (octet >= 0x20) {
        // RFC 7541 4.2: at the beginning of a block only, and two say all there is to say.
        if (sizeUpdates-- === 0 || !this.#sizeUpdate()) return false;
      } else {
        sizeUpdates = 0;
        if (!this.#literal(section, 4)) return false;
      }
    }
    return true;
  }

  #sizeUpdate(): boolean {
    const size = this.#integer(5);
    if (size < 0 || size > TABLE_SIZE) return false;
    this.table.maxSize = size;
    return true;
  }

  #indexed(section: FieldSection): boolean {
    const index = this.#integer(7);
    const { table } = this;
    if (index <= 0 || index - STATIC_COUNT > table.count) return false;
    // What is dropped anyway is not copied: a block of references to one large entry costs no more than its bytes.
    if (section.fault !== SOUND) return true;
    section.makeRoom(TABLE_SIZE);
    const to = section.out;
    this.#to = to;
    if (index <= STATIC_COUNT) {
      const start = STATIC_START[index]!;
      const end = this.#put(STATIC_LINES, start, STATIC_START[index + 1]!);
      section.nameHash = STATIC_HASH[index]!;
      section.kind = STATIC_KIND[index]!;
      section.add(to + STATIC_NAME_LENGTH[index]!, end);
      return true;
    }
    const { entries } = table;
    const at = table.at(index - STATIC_COUNT - 1);
    const start = entries[at + ENTRY_START]!;
    const end = this.#put(table.bytes, start, start + entries[at + ENTRY_LENGTH]!);
    section.nameHash = entries[at + ENTRY_HASH]!;
    section.kind = entries[at + ENTRY_KIND]!;
    section.add(to + entries[at + ENTRY_NAME_LENGTH]!, end);
    return true;
  }

  #literal(section: FieldSection, prefix: 4 | 6): boolean {
    const index = this.#integer(prefix);
    if (index < 0 || index - STATIC_COUNT > this.table.count) return false;
    section.makeRoom(TABLE_SIZE + Math.ceil(((this.#end - this.#at) * 8) / 5));
    const start = section.out;
    if (index === 0) {
      const nameEnd = this.#text(start);
      if (nameEnd < 0) return false;
      this.#nameEnd = nameEnd;
      this.#kind = fieldName.classify(start, nameEnd);
      this.#hash = fieldName.hash;
    } else {
      this.#namedBy(index, start);
    }
    const value = this.#nameEnd + 2;
    const valueEnd = this.#text(value);
    if (valueEnd < 0) return false;
    ARENA[value - 2] = COLON;
    ARENA[value - 1] = SP;
    ARENA[valueEnd] = CR;
    ARENA[valueEnd + 1] = LF;
    const end = valueEnd + 2;
    const kind = isFieldValue(value, valueEnd) ? this.#kind : MALFORMED;
    // Only well-formed values are kept as such; a name taken from a malformed entry is judged again.
    if (prefix === 6) this.table.insert(start, end, { length: this.#nameEnd - start, hash: this.#hash, kind });
    section.nameHash = this.#hash;
    section.kind = kind;
    section.add(this.#nameEnd, end);
    return true;
  }

  /** Writes the name of entry `index` at `to`. */
  #namedBy(index: number, to: number): void {
    this.#to = to;
    if (index <= STATIC_COUNT) {
      const start = STATIC_START[index]!;
      this.#nameEnd = this.#put(STATIC_LINES, start, start + STATIC_NAME_LENGTH[index]!);
      this.#hash = STATIC_HASH[index]!;
      this.#kind = STATIC_KIND[index]!;
      return;
    }
    const { entries, bytes } = this.table;
    const at = this.table.at(index - STATIC_COUNT - 1);
    const start = entries[at + ENTRY_START]!;
    this.#nameEnd = this.#put(bytes, start, start + entries[at + ENTRY_NAME_LENGTH]!);
    this.#hash = entries[at + ENTRY_HASH]!;
    this.#kind = entries[at + ENTRY_KIND]!;
    if (this.#kind === MALFORMED) {
      this.#kind = fieldName.classify(to, this.#nameEnd);
      this.#hash = fieldName.hash;
    }
  }

  /** Writes the string literal that comes next at `to`; answers the byte after it, or FAILED. */
  #text(to: number): number {
    if (this.#at >= this.#end) return FAILED;
    const huffman = ARENA[this.#at]! >= 0x80;
    const length = this.#integer(7);
    const start = this.#at;
    const end = start + length;
    if (length < 0 || end > this.#end) return FAILED;
    this.#at = end;
    if (huffman) {
      if (to + Math.ceil((length * 8) / 5) > DECODE_END) assert.fail('makeRoom made room');
      return huffmanDecode(start, end, to);
    }
    this.#to = to;
    return this.#put(ARENA, start, end);
  }

  /** RFC 7541 5.1, with the first `prefix` bits of the octet at `#at`. FAILED: cut short, or too large a number. */
  #integer(prefix: number): number {
    const mask = (1 << prefix) - 1;
    let value = ARENA[this.#at++]! & mask;
    if (value < mask) return value;
    for (let shift = 0; shift <= MAX_SHIFT; shift += 7) {
      if (this.#at >= this.#end) return FAILED;
      const octet = ARENA[this.#at++]!;
      value += (octet & 0x7f) << shift;
      if (octet < 0x80) return value;
    }
    return FAILED;
  }

  /** Writes source[start,end) at `#to`; answers the byte after it. */
  #put(source: Buffer, start: number, end: number): number {
    const to = this.#to;
    const length = end - start;
    if (to + length > DECODE_END) assert.fail('makeRoom made room');
    if (length > SHORT_COPY) source.copy(ARENA, to, start, end);
    else for (let i = 0; i < length; i++) ARENA[to + i] = source[start + i]!;
    return to + length;
  }
}
