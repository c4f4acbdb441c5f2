/**
 * A read-only map from byte strings to values, looked up by a hash and a range of ARENA, so that no string is made
 * for a request. Open addressing with linear probing at half load: a lookup touches one or two table cells, then
 * compares the bytes, which makes a hash collision harmless.
 */
import { ARENA } from '../http/arena.ts';
import { sameName } from '../http/head.ts';

export interface ByteMapEntry<T> {
  /** FNV-1a of the key's bytes, forwards or backwards, as the user of the map looks it up. */
  hash: number;
  /** One character a byte (latin1). Lower case where the map folds case. */
  key: string;
  value: T;
}

export class ByteMap<T> {
  readonly size: number;
  readonly #fold: boolean;
  readonly #mask: number;
  /** Index of an entry plus one; 0 is an empty cell. */
  readonly #cells: Int32Array;
  readonly #hashes: Int32Array;
  readonly #keys: string[] = [];
  readonly #values: T[] = [];

  /** Keys must differ. `fold`: ASCII case of the bytes looked up is ignored. */
  constructor(entries: ReadonlyArray<ByteMapEntry<T>>, fold: boolean) {
    this.size = entries.length;
    this.#fold = fold;
    let cells = 4;
    while (cells < entries.length * 2) cells *= 2;
    this.#mask = cells - 1;
    this.#cells = new Int32Array(cells);
    this.#hashes = new Int32Array(entries.length);
    for (const entry of entries) this.#add(entry);
  }

  get(hash: number, start: number, end: number): T | undefined {
    const wanted = hash | 0;
    for (let cell = wanted & this.#mask; ; cell = (cell + 1) & this.#mask) {
      const index = this.#cells[cell]!;
      if (index === 0) return undefined;
      if (this.#hashes[index - 1] !== wanted) continue;
      const key = this.#keys[index - 1]!;
      if (this.#fold ? sameName(start, end, key) : sameBytes(start, end, key)) return this.#values[index - 1];
    }
  }

  values(): ReadonlyArray<T> {
    return this.#values;
  }

  #add(entry: ByteMapEntry<T>): void {
    const hash = entry.hash | 0;
    this.#hashes[this.#keys.length] = hash;
    this.#keys.push(entry.key);
    this.#values.push(entry.value);
    let cell = hash & this.#mask;
    while (this.#cells[cell] !== 0) cell = (cell + 1) & this.#mask;
    this.#cells[cell] = this.#keys.length;
  }
}

/** ARENA[start,end) equals `text`, one character a byte. */
export function sameBytes(start: number, end: number, text: string): boolean {
  if (end - start !== text.length) return false;
  for (let i = 0; i < text.length; i++) if (ARENA[start + i] !== text.charCodeAt(i)) return false;
  return true;
}

/** What a configured string looks like on the wire: its UTF-8 bytes, one character each. */
export function wireText(text: string): string {
  for (let i = 0; i < text.length; i++) {
    if (text.charCodeAt(i) > 127) return Buffer.from(text, 'utf8').latin1Slice();
  }
  return text;
}

export const FNV_BASIS = 0x811c9dc5 | 0;

/** 32-bit FNV-1a of `text`, one character a byte, case kept; signed, so that it stays a small integer. */
export function bytesHash(text: string): number {
  let hash = FNV_BASIS;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash;
}
