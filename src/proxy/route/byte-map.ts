/**
 * A read-only map from byte strings to values, looked up by a hash and a range of ARENA, so that no string is made
 * for a request. What counts with thousands of hosts is how many cache lines a lookup touches: hash and index stand
 * side by side, key and value too. Open addressing with linear probing at half load, small maps by a plain scan; the
 * bytes are compared, which makes a hash collision harmless.
 */
import { ARENA } from '../ground/arena.ts';
import { sameName } from '../ground/head.ts';

export interface ByteMapEntry<T> {
  /** FNV-1a of the key's bytes, forwards or backwards, as the user of the map looks it up. */
  hash: number;
  /** One character a byte (latin1). Lower case where the map folds case. */
  key: string;
  value: T;
}

/** Up to here the hashes fill two cache lines at most, and are scanned. */
const SCANNED = 16;

export class ByteMap<T> {
  readonly size: number;
  readonly #fold: boolean;
  /** Of the cells; 0 where they are scanned. */
  readonly #mask: number;
  /** Scanned: the hashes. Else pairs of a hash and an index into items plus one; 0 is an empty cell. */
  readonly #cells: Int32Array;
  /** Key and value in turn. */
  readonly #items: Array<string | T> = [];

  /** Keys must differ. `fold`: ASCII case of the bytes looked up is ignored. */
  constructor(entries: ReadonlyArray<ByteMapEntry<T>>, fold: boolean) {
    this.size = entries.length;
    this.#fold = fold;
    for (const { key, value } of entries) this.#items.push(key, value);
    if (entries.length <= SCANNED) {
      this.#mask = 0;
      this.#cells = Int32Array.from(entries, ({ hash }) => hash | 0);
      return;
    }
    let cells = SCANNED;
    while (cells < entries.length * 2) cells *= 2;
    this.#mask = cells - 1;
    this.#cells = new Int32Array(cells * 2);
    for (const [index, { hash }] of entries.entries()) this.#place(hash | 0, index * 2 + 1);
  }

  get(hash: number, start: number, end: number): T | undefined {
    const wanted = hash | 0;
    const cells = this.#cells;
    if (this.#mask === 0) {
      for (let i = 0; i < cells.length; i++) {
        if (cells[i] === wanted && this.#is(i * 2, start, end)) return this.#items[i * 2 + 1] as T;
      }
      return undefined;
    }
    for (let cell = wanted & this.#mask; ; cell = (cell + 1) & this.#mask) {
      const at = cells[cell * 2 + 1]!;
      if (at === 0) return undefined;
      if (cells[cell * 2] === wanted && this.#is(at - 1, start, end)) return this.#items[at] as T;
    }
  }

  #is(at: number, start: number, end: number): boolean {
    const key = this.#items[at] as string;
    return this.#fold ? sameName(start, end, key) : sameBytes(start, end, key);
  }

  #place(hash: number, at: number): void {
    let cell = hash & this.#mask;
    while (this.#cells[cell * 2 + 1] !== 0) cell = (cell + 1) & this.#mask;
    this.#cells[cell * 2] = hash;
    this.#cells[cell * 2 + 1] = at;
  }

  values(): T[] {
    return this.#items.filter((_, i) => i % 2 === 1) as T[];
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
