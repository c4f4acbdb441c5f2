/**
 * The dynamic table of HPACK, bounded in bytes as RFC 7541 4.1 counts them. An entry is a field line in HTTP/1.1
 * form, ready to be copied into a head, with what is known of its name beside it, so that nothing is scanned twice.
 */
import assert from 'node:assert';
import { ARENA } from '../../ground/arena.ts';

/** Largest table that either side may use: the protocol's default. */
export const TABLE_SIZE = 4096;
/** What the RFC adds to name and value for each entry. */
const ENTRY_OVERHEAD = 32;
/** `": "` and CRLF, which lines have and the RFC does not count. */
const LINE_OVERHEAD = 4;
/** Bytes set aside for the lines of a table: at first, and as it grows. */
const FIRST_BYTES = 1024;
const MOST_BYTES = 2 * TABLE_SIZE;
/** Room for entries at first; doubled up to what a full table can have, 128. */
const FIRST_ENTRIES = 16;

/** Numbers kept for each entry, at slot × ENTRY_STRIDE. */
export const ENTRY_STRIDE = 5;
export const ENTRY_START = 0;
export const ENTRY_LENGTH = 1;
export const ENTRY_NAME_LENGTH = 2;
export const ENTRY_HASH = 3;
export const ENTRY_KIND = 4;

const NOTHING = Buffer.alloc(0);
const NO_ENTRIES = new Int32Array(0);

/** What is known of an entry's name. */
export interface EntryName {
  length: number;
  hash: number;
  kind: number;
}

export class DynamicTable {
  /** Lines of the live entries, oldest first and without gaps between them. */
  bytes: Buffer = NOTHING;
  entries: Int32Array = NO_ENTRIES;
  count = 0;
  /** Entries ever inserted: the newest has sequence number `inserted - 1`. */
  inserted = 0;
  #size = 0;
  #maxSize = TABLE_SIZE;
  #end = 0;
  /** Number of slots in `entries`, a power of two, less one. */
  #slotMask = -1;

  get size(): number {
    return this.#size;
  }

  /** Evicts what no longer fits. At most TABLE_SIZE. */
  set maxSize(bytes: number) {
    assert(bytes <= TABLE_SIZE);
    this.#maxSize = bytes;
    this.#evictTo(bytes);
  }

  get maxSize(): number {
    return this.#maxSize;
  }

  /** Where in `entries` the entry begins that is `index` places after the newest. */
  at(index: number): number {
    return ((this.inserted - 1 - index) & this.#slotMask) * ENTRY_STRIDE;
  }

  /**
   * Inserts the line ARENA[start,end), CRLF included. RFC 7541 4.4: an entry larger than the table empties it and is
   * not an error.
   */
  insert(start: number, end: number, name: EntryName): void {
    const length = end - start;
    const size = length - LINE_OVERHEAD + ENTRY_OVERHEAD;
    if (size > this.#maxSize) {
      this.#evictTo(0);
      return;
    }
    this.#evictTo(this.#maxSize - size);
    this.#makeRoom(length);
    ARENA.copy(this.bytes, this.#end, start, end);
    if (this.count > this.#slotMask) this.#addSlots();
    const at = (this.inserted & this.#slotMask) * ENTRY_STRIDE;
    const { entries } = this;
    entries[at + ENTRY_START] = this.#end;
    entries[at + ENTRY_LENGTH] = length;
    entries[at + ENTRY_NAME_LENGTH] = name.length;
    entries[at + ENTRY_HASH] = name.hash;
    entries[at + ENTRY_KIND] = name.kind;
    this.#end += length;
    this.#size += size;
    this.inserted++;
    this.count++;
  }

  #evictTo(size: number): void {
    while (this.#size > size) {
      const oldest = this.at(this.count - 1);
      this.#size -= this.entries[oldest + ENTRY_LENGTH]! - LINE_OVERHEAD + ENTRY_OVERHEAD;
      this.count--;
    }
  }

  /**
   * Grows as entries come, up to twice the table's size: then moving the live lines to the front is rare. A connection
   * with few fields has a small table.
   */
  #makeRoom(length: number): void {
    const { bytes } = this;
    if (this.#end + length <= bytes.length) return;
    const first = this.count === 0 ? this.#end : this.entries[this.at(this.count - 1) + ENTRY_START]!;
    const live = this.#end - first;
    if (bytes.length < MOST_BYTES && 2 * (live + length) > bytes.length) {
      let size = Math.max(FIRST_BYTES, 2 * bytes.length);
      while (size < live + length) size *= 2;
      this.bytes = Buffer.allocUnsafeSlow(size);
    }
    bytes.copy(this.bytes, 0, first, this.#end);
    for (let i = 0; i < this.count; i++) this.entries[this.at(i) + ENTRY_START]! -= first;
    this.#end = live;
  }

  #addSlots(): void {
    const slots = Math.max(FIRST_ENTRIES, 2 * (this.#slotMask + 1));
    const roomier = new Int32Array(slots * ENTRY_STRIDE);
    for (let i = 0; i < this.count; i++) {
      const from = this.at(i);
      const to = ((this.inserted - 1 - i) & (slots - 1)) * ENTRY_STRIDE;
      roomier.set(this.entries.subarray(from, from + ENTRY_STRIDE), to);
    }
    this.entries = roomier;
    this.#slotMask = slots - 1;
  }
}
