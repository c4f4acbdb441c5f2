/**
 * HPACK encoding (RFC 7541): field lines in ARENA, in HTTP/1.1 form, become a header block. A line is entered in the
 * dynamic table when it comes a second time, so that values that differ each time never push out those that repeat.
 */
import assert from 'node:assert';
import { ARENA } from '../../ground/arena.ts';
import { COLON, CR, FNV_PRIME, FNV_START, HTAB, LOWER_TOKEN, SP } from '../h1/octets.ts';
import { DynamicTable, ENTRY_HASH, ENTRY_LENGTH, ENTRY_START, TABLE_SIZE } from './dynamic-table.ts';
import { INDEXED, knownName, OMITTED, policyOf, SECRET, staticIndex } from './encoder-name.ts';
import { huffmanEncode, huffmanLength } from './huffman.ts';
import { STATIC_COUNT } from './static-table.ts';

/** Longer lines are not worth a place in the table. */
const MAX_INDEXED_LINE = 512;
const RECENT = 64;
const SLOTS = 256;
/** More than a table can have entries: the last bits of a sequence number tell them apart. */
const SEQUENCE_MASK = 0xff;

// First octets of the representations (RFC 7541 6), and how many bits of them a number has.
const INDEXED_FIELD = 0x80;
const INDEXED_PREFIX = 7;
const WITH_INDEXING = 0x40;
const WITH_INDEXING_PREFIX = 6;
const SIZE_UPDATE = 0x20;
const SIZE_PREFIX = 5;
const NEVER_INDEXED = 0x10;
const NOT_INDEXED = 0x00;
const LITERAL_PREFIX = 4;
const HUFFMAN = 0x80;
const TEXT_PREFIX = 7;

export const SCHEME_HTTP_INDEX = 6;
export const SCHEME_HTTPS_INDEX = 7;
const STATUS_INDEX = 8;
const STATUSES = [200, 204, 206, 304, 400, 404, 500];

const NO_TARGET = new Uint8Array(0);

/** A header block takes at most this many bytes more than twice the lines it is made of. */
export const BLOCK_ROOM = 64;

export class HpackEncoder {
  readonly #table = new DynamicTable();
  /** Hashes of whole lines seen lately, by their last bits. */
  readonly #recent = new Int32Array(RECENT);
  /** Last bits of the sequence number of the entry whose line has a hash with these last bits. */
  readonly #slots = new Uint8Array(SLOTS);
  /** The table's smallest size since the last block where a change is to be announced, or -1. */
  #smallest = -1;
  #target: Uint8Array = NO_TARGET;
  #to = 0;

  /** The peer's SETTINGS_HEADER_TABLE_SIZE. Announced in the next block, as RFC 7541 4.2 asks. */
  set peerTableSize(bytes: number) {
    const size = Math.min(bytes, TABLE_SIZE);
    if (size === this.#table.maxSize) return;
    this.#smallest = this.#smallest < 0 ? size : Math.min(this.#smallest, size);
    this.#table.maxSize = size;
  }

  /** Starts a block at `target[at]`. At least BLOCK_ROOM + twice the lines' bytes must follow there. */
  begin(target: Uint8Array, at: number): void {
    this.#target = target;
    this.#to = at;
    if (this.#smallest < 0) return;
    const { maxSize } = this.#table;
    if (this.#smallest < maxSize) this.#integer(this.#smallest, SIZE_PREFIX, SIZE_UPDATE);
    this.#integer(maxSize, SIZE_PREFIX, SIZE_UPDATE);
    this.#smallest = -1;
  }

  /** Ends the block: the byte after it. */
  end(): number {
    const to = this.#to;
    this.#target = NO_TARGET;
    return to;
  }

  /** The whole field of a static entry. */
  entry(index: number): void {
    this.#integer(index, INDEXED_PREFIX, INDEXED_FIELD);
  }

  status(status: number): void {
    const known = STATUSES.indexOf(status);
    if (known >= 0) {
      this.entry(STATUS_INDEX + known);
      return;
    }
    this.#integer(STATUS_INDEX, LITERAL_PREFIX, NOT_INDEXED);
    const text = String(status);
    this.#target[this.#to++] = text.length;
    for (let i = 0; i < text.length; i++) this.#target[this.#to++] = text.charCodeAt(i);
  }

  /** Lines `name: value` with CRLF each, none of them empty. Names may be of any case; `:name` is a pseudo-header. */
  lines(start: number, end: number): void {
    let at = start;
    while (at < end) at = this.#line(at);
    assert(at === end, 'the last line ends with CRLF');
  }

  /** One line; answers where the next one begins. */
  #line(start: number): number {
    const bytes = ARENA;
    let p = start;
    let hash = FNV_START;
    if (bytes[p] === COLON) {
      hash = Math.imul(hash ^ COLON, FNV_PRIME);
      p++;
    }
    for (let lower = LOWER_TOKEN[bytes[p]!]!; lower !== 0; lower = LOWER_TOKEN[bytes[++p]!]!) {
      hash = Math.imul(hash ^ lower, FNV_PRIME);
    }
    const nameEnd = p++;
    while (bytes[p] === SP || bytes[p] === HTAB) p++;
    const value = p;
    const known = knownName(hash, start, nameEnd);
    let lineHash = hash;
    for (let octet = bytes[p]!; octet !== CR; octet = bytes[++p]!) lineHash = Math.imul(lineHash ^ octet, FNV_PRIME);
    const end = p + 2;
    const policy = policyOf(known);
    if (policy === OMITTED) return end;
    let valueEnd = p;
    while (valueEnd > value && (bytes[valueEnd - 1] === SP || bytes[valueEnd - 1] === HTAB)) valueEnd--;
    // A line with other white space than one space counts otherwise in the table than it is long.
    const plain = value === nameEnd + 2 && valueEnd === p && end - start <= MAX_INDEXED_LINE;
    if (policy === INDEXED && plain) {
      if (this.#found(start, end, lineHash)) return end;
      if (this.#repeats(lineHash)) {
        this.#name(staticIndex(known), { start, nameEnd, prefix: WITH_INDEXING_PREFIX, bits: WITH_INDEXING });
        this.#shortText(value, valueEnd);
        this.#enter(start, end, { nameLength: nameEnd - start, lineHash });
        return end;
      }
    }
    const bits = policy === SECRET ? NEVER_INDEXED : NOT_INDEXED;
    this.#name(staticIndex(known), { start, nameEnd, prefix: LITERAL_PREFIX, bits });
    this.#text(value, valueEnd);
    return end;
  }

  /** Writes the index of the line's entry, where there is one. The bytes are compared: hashes can be forged. */
  #found(start: number, end: number, lineHash: number): boolean {
    const { inserted, count, entries, bytes } = this.#table;
    const place = (inserted - 1 - this.#slots[lineHash & (SLOTS - 1)]!) & SEQUENCE_MASK;
    if (place >= count) return false;
    const at = this.#table.at(place);
    const length = end - start;
    if (entries[at + ENTRY_HASH] !== lineHash || entries[at + ENTRY_LENGTH] !== length) return false;
    const from = entries[at + ENTRY_START]!;
    for (let i = 0; i < length; i++) if (bytes[from + i] !== ARENA[start + i]) return false;
    this.entry(STATIC_COUNT + 1 + place);
    return true;
  }

  /** Whether this line came lately; from now on it did. */
  #repeats(lineHash: number): boolean {
    const slot = lineHash & (RECENT - 1);
    if (this.#recent[slot] === lineHash) return true;
    this.#recent[slot] = lineHash;
    return false;
  }

  #enter(start: number, end: number, line: { nameLength: number; lineHash: number }): void {
    this.#slots[line.lineHash & (SLOTS - 1)] = this.#table.inserted & SEQUENCE_MASK;
    this.#table.insert(start, end, { length: line.nameLength, hash: line.lineHash, kind: 0 });
  }

  #name(index: number, name: { start: number; nameEnd: number; prefix: number; bits: number }): void {
    this.#integer(index, name.prefix, name.bits);
    if (index !== 0) return;
    const length = name.nameEnd - name.start;
    this.#integer(length, TEXT_PREFIX, 0);
    const target = this.#target;
    const to = this.#to;
    for (let i = 0; i < length; i++) {
      const octet = ARENA[name.start + i]!;
      target[to + i] = octet === COLON ? octet : LOWER_TOKEN[octet]!;
    }
    this.#to = to + length;
  }

  #text(start: number, end: number): void {
    const length = end - start;
    this.#integer(length, TEXT_PREFIX, 0);
    if (length > 20) ARENA.copy(this.#target, this.#to, start, end);
    else for (let i = 0; i < length; i++) this.#target[this.#to + i] = ARENA[start + i]!;
    this.#to += length;
  }

  /** In the Huffman code where that is shorter: worth the work for what is sent once and referred to many times. */
  #shortText(start: number, end: number): void {
    const length = huffmanLength(start, end);
    if (length >= end - start) {
      this.#text(start, end);
      return;
    }
    this.#integer(length, TEXT_PREFIX, HUFFMAN);
    this.#to += huffmanEncode(start, end, this.#target.subarray(this.#to));
  }

  /** RFC 7541 5.1: `bits` are those of the first octet before the number's prefix. */
  #integer(value: number, prefix: number, bits: number): void {
    const most = (1 << prefix) - 1;
    if (value < most) {
      this.#target[this.#to++] = bits | value;
      return;
    }
    this.#target[this.#to++] = bits | most;
    let rest = value - most;
    for (; rest >= 0x80; rest >>>= 7) this.#target[this.#to++] = (rest & 0x7f) | 0x80;
    this.#target[this.#to++] = rest;
  }
}
