/**
 * A map from byte strings to values, looked up by a hash and a range of ARENA, so that no string is made for a
 * request. What counts with thousands of hosts is how many cache lines a lookup touches: hash and index stand side by
 * side, key and value too. Open addressing with linear probing at half load, small maps by a plain scan; the bytes
 * are compared, which makes a hash collision harmless.
 *
 * A map that stands in a table never changes: a change is made to a copy of it, and copying is two runs of memory.
 */
import { ARENA } from '../ground/arena.ts';
import { sameName } from '../ground/head.ts';

/** A map as tables hold it. */
export type ReadonlyByteMap<T> = Pick<ByteMap<T>, 'size' | 'get' | 'named' | 'keys' | 'values' | 'copy'>;

/** Up to here the hashes fill two cache lines at most, and are scanned. */
const SCANNED = 16;
const NO_CELLS = new Int32Array(0);

export class ByteMap<T> {
  readonly #fold: boolean;
  #size = 0;
  /** Of a few: their hashes, which are scanned. A plain array, since thousands of hosts have one path each. */
  #hashes: readonly number[] = [];
  /** Of the cells; 0 where hashes are scanned. */
  #mask = 0;
  /** Of many: pairs of a hash and an index into items plus one; 0 is an empty cell. */
  #cells: Int32Array = NO_CELLS;
  /** Key and value in turn; undefined where one was deleted, until the next growth. */
  #items: Array<string | T | undefined> = [];

  /** `fold`: ASCII case of the bytes looked up is ignored, and keys are lower case. */
  constructor(fold: boolean) {
    this.#fold = fold;
  }

  get size(): number {
    return this.#size;
  }

  /** How many entries there are cells for. */
  get room(): number {
    return this.#mask === 0 ? this.#hashes.length : this.#mask + 1;
  }

  get(hash: number, start: number, end: number): T | undefined {
    const wanted = hash | 0;
    if (this.#mask === 0) {
      const hashes = this.#hashes;
      for (let i = 0; i < hashes.length; i++) {
        if (hashes[i] === wanted && this.#is(i * 2, start, end)) return this.#items[i * 2 + 1] as T;
      }
      return undefined;
    }
    const cells = this.#cells;
    for (let cell = wanted & this.#mask; ; cell = (cell + 1) & this.#mask) {
      const at = cells[cell * 2 + 1]!;
      if (at === 0) return undefined;
      if (cells[cell * 2] === wanted && this.#is(at - 1, start, end)) return this.#items[at] as T;
    }
  }

  /** As `get`, for a key held as a string. */
  named(hash: number, key: string): T | undefined {
    const at = this.#mask === 0 ? this.#scanned(hash | 0, key) : this.#probed(hash | 0, key).at;
    return at < 0 ? undefined : (this.#items[at + 1] as T);
  }

  keys(): string[] {
    return this.#items.filter((item, i): item is string => i % 2 === 0 && item !== undefined);
  }

  values(): T[] {
    return this.#items.filter((_, i) => i % 2 === 1 && this.#items[i - 1] !== undefined) as T[];
  }

  copy(): ByteMap<T> {
    const copy = new ByteMap<T>(this.#fold);
    copy.#size = this.#size;
    copy.#hashes = this.#hashes;
    copy.#mask = this.#mask;
    if (this.#mask !== 0) copy.#cells = this.#cells.slice();
    copy.#items = this.#items.slice();
    return copy;
  }

  /** `key`: one character a byte. `hash`: FNV-1a of it, forwards or backwards, as the user of the map looks it up. */
  set(hash: number, key: string, value: T): void {
    if (this.#mask === 0) this.#setScanned(hash | 0, key, value);
    else this.#setProbed(hash | 0, key, value);
  }

  delete(hash: number, key: string): void {
    if (this.#mask === 0) this.#deleteScanned(hash | 0, key);
    else this.#deleteProbed(hash | 0, key);
  }

  #is(at: number, start: number, end: number): boolean {
    const key = this.#items[at] as string;
    return this.#fold ? sameName(start, end, key) : sameBytes(start, end, key);
  }

  /** Index of the key in items, or -1. */
  #scanned(hash: number, key: string): number {
    for (let i = 0; i < this.#hashes.length; i++) {
      if (this.#hashes[i] === hash && this.#items[i * 2] === key) return i * 2;
    }
    return -1;
  }

  /** The cell of the key and its index in items; where it is not there, the empty cell where it would be and -1. */
  #probed(hash: number, key: string): { cell: number; at: number } {
    for (let cell = hash & this.#mask; ; cell = (cell + 1) & this.#mask) {
      const at = this.#cells[cell * 2 + 1]! - 1;
      if (at < 0 || (this.#cells[cell * 2] === hash && this.#items[at] === key)) return { cell, at };
    }
  }

  #setScanned(hash: number, key: string, value: T): void {
    const at = this.#scanned(hash, key);
    if (at >= 0) {
      this.#items[at + 1] = value;
      return;
    }
    this.#size++;
    // These have exactly the room that is needed; one that grew, or was spread, has room for a dozen more.
    this.#items = this.#items.concat([key, value]);
    this.#hashes = this.#hashes.concat([hash]);
    if (this.#size > SCANNED) this.#resize(this.#hashes.map((one, i) => [one, i * 2]));
  }

  #deleteScanned(hash: number, key: string): void {
    const at = this.#scanned(hash, key);
    if (at < 0) return;
    this.#size--;
    this.#items = this.#items.toSpliced(at, 2);
    this.#hashes = this.#hashes.toSpliced(at / 2, 1);
  }

  #setProbed(hash: number, key: string, value: T): void {
    const { cell, at } = this.#probed(hash, key);
    if (at >= 0) {
      this.#items[at + 1] = value;
      return;
    }
    this.#cells[cell * 2] = hash;
    this.#cells[cell * 2 + 1] = this.#items.length + 1;
    this.#items.push(key, value);
    this.#size++;
    // Deleted items count until they are gone, so that room for the next one is never missing.
    if (this.#items.length > this.#mask) this.#resize(this.#pairs());
  }

  #deleteProbed(hash: number, key: string): void {
    const { cell, at } = this.#probed(hash, key);
    if (at < 0) return;
    this.#size--;
    this.#items[at] = undefined;
    this.#items[at + 1] = undefined;
    this.#close(cell);
    if (this.#size < SCANNED / 2) this.#scan();
  }

  /** Empties a cell and moves those behind it that would not be found across the hole. */
  #close(emptied: number): void {
    const cells = this.#cells;
    let hole = emptied;
    for (let cell = (hole + 1) & this.#mask; cells[cell * 2 + 1] !== 0; cell = (cell + 1) & this.#mask) {
      const home = cells[cell * 2]! & this.#mask;
      if (((cell - home) & this.#mask) < ((cell - hole) & this.#mask)) continue;
      cells[hole * 2] = cells[cell * 2]!;
      cells[hole * 2 + 1] = cells[cell * 2 + 1]!;
      hole = cell;
    }
    cells[hole * 2 + 1] = 0;
  }

  /** Room for twice as many as there are, without what was deleted. `pairs`: hash and index in items. */
  #resize(pairs: ReadonlyArray<readonly [hash: number, at: number]>): void {
    let cells = SCANNED;
    while (cells < pairs.length * 3) cells *= 2;
    const items = this.#items;
    this.#items = [];
    this.#hashes = [];
    this.#mask = cells - 1;
    this.#cells = new Int32Array(cells * 2);
    for (const [hash, at] of pairs) {
      let cell = hash & this.#mask;
      while (this.#cells[cell * 2 + 1] !== 0) cell = (cell + 1) & this.#mask;
      this.#cells[cell * 2] = hash;
      this.#cells[cell * 2 + 1] = this.#items.length + 1;
      this.#items.push(items[at], items[at + 1]);
    }
  }

  #scan(): void {
    const pairs = this.#pairs();
    const items = this.#items;
    this.#mask = 0;
    this.#cells = NO_CELLS;
    this.#hashes = pairs.map(([hash]) => hash);
    this.#items = pairs.flatMap(([, at]) => [items[at], items[at + 1]]);
  }

  #pairs(): Array<readonly [hash: number, at: number]> {
    const pairs: Array<readonly [number, number]> = [];
    for (let i = 0; i < this.#cells.length; i += 2) {
      if (this.#cells[i + 1] !== 0) pairs.push([this.#cells[i]!, this.#cells[i + 1]! - 1]);
    }
    // In the order of arrival, as items are.
    return pairs.sort(([, a], [, b]) => a - b);
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
