/**
 * What limits of all workers of a machine have in common: a file in memory that each reads and writes in place. Every
 * number in it is written by one worker alone, and what counts is made of all of them, so that nothing is lost however
 * they meet, and nobody locks or waits (docs/decisions/shared-limits.md). What is not written yet is empty.
 */
import { readSync, writeSync } from 'node:fs';
import { type Buckets, MemoryBuckets } from './buckets.ts';
import { MemoryUnderway, type Underway } from './underway.ts';

export interface SharedMemory {
  /** Of the file. */
  fd: number;
  /** Which of the workers this one is, from 0, and how many there are. */
  index: number;
  workers: number;
  /** Of hashes of keys: the same for all. */
  seed: number;
}

const SET_SLOTS = 4;
/** What a worker has of a slot: two numbers and a hash. */
export const PART = 3;
/** Sets of four buckets that all workers of a machine share: a million, of which those in use take memory. */
export const SHARED_SETS: number = 262_144;
/** Sets of four keys with requests under way; keys that find no room are counted by each worker alone. */
export const UNDERWAY_SETS: number = 8_192;

/**
 * A part of the file: sets of slots, found by either half of a key's hash. A slot has the hash, and of each worker two
 * numbers and the hash that they are of. Who makes a slot a key's writes the hash and its own part: what others have
 * written of that key meanwhile stays, and what they wrote of another key counts for nothing.
 */
export class SharedTable {
  /** Of the set that was read last: a slot is a hash, then of each worker two numbers and their hash. */
  readonly numbers: Float64Array;
  readonly hashes: Uint32Array;
  /** Numbers of a slot. */
  readonly stride: number;
  readonly #memory: SharedMemory;
  readonly #bytes: Uint8Array;
  readonly #at: { start: number; sets: number };
  #position = 0;

  constructor(memory: SharedMemory, at: { start: number; sets: number }) {
    this.stride = 1 + PART * memory.workers;
    const buffer = new ArrayBuffer(SET_SLOTS * this.stride * 8);
    this.#memory = memory;
    this.#bytes = new Uint8Array(buffer);
    this.#at = at;
    this.numbers = new Float64Array(buffer);
    this.hashes = new Uint32Array(buffer);
  }

  /** The byte after it. */
  get end(): number {
    return this.#at.start + this.#at.sets * this.#bytes.length;
  }

  read(half: number): void {
    const set = (half ^ (half >>> 15)) & (this.#at.sets - 1);
    this.#position = this.#at.start + set * this.#bytes.length;
    const length = readSync(this.#memory.fd, this.#bytes, 0, this.#bytes.length, this.#position);
    if (length < this.#bytes.length) this.#bytes.fill(0, length);
  }

  /** Of the set read last: where the numbers of the slot with this hash begin, or -1. */
  find(a: number, b: number): number {
    for (let slot = 0; slot < SET_SLOTS; slot++) {
      const at = slot * this.stride;
      if (this.hashes[at * 2] === a && this.hashes[at * 2 + 1] === b) return at + 1;
    }
    return -1;
  }

  /** Makes the slot this key's. */
  claim(at: number, a: number, b: number): void {
    this.hashes[(at - 1) * 2] = a;
    this.hashes[(at - 1) * 2 + 1] = b;
    this.#write(at - 1, 1);
  }

  /** The numbers of a worker that begin at `part` are of the key that the slot of `at` has. */
  isOf(part: number, at: number): boolean {
    const [tag, hash] = [(part + 2) * 2, (at - 1) * 2];
    return this.hashes[tag] === this.hashes[hash] && this.hashes[tag + 1] === this.hashes[hash + 1];
  }

  /** Where this worker's own numbers of the slot's key are: 0 where it has written none. */
  own(at: number): number {
    const part = at + this.#memory.index * PART;
    if (this.isOf(part, at)) return part;
    this.numbers[part] = 0;
    this.numbers[part + 1] = 0;
    this.hashes[(part + 2) * 2] = this.hashes[(at - 1) * 2]!;
    this.hashes[(part + 2) * 2 + 1] = this.hashes[(at - 1) * 2 + 1]!;
    return part;
  }

  writeOwn(at: number): void {
    this.#write(this.own(at), PART);
  }

  #write(at: number, count: number): void {
    writeSync(this.#memory.fd, this.#bytes, at * 8, count * 8, this.#position + at * 8);
  }
}

/**
 * Of each worker: what it took (in milliseconds of filling), and the latest time, less all that was taken, at which it
 * found the bucket full. The sum of the first, and the latest of the second, are when the bucket is full again.
 */
export class SharedBuckets implements Buckets {
  evicted = 0;
  readonly #one: SharedTable;
  readonly #other: SharedTable;
  /** In the place of a file that cannot grow any more. */
  #alone: MemoryBuckets | null = null;

  /** `start`: of its part of the file. */
  constructor(memory: SharedMemory, start = 0) {
    const at = { start, sets: SHARED_SETS };
    this.#one = new SharedTable(memory, at);
    this.#other = new SharedTable(memory, at);
  }

  /** The byte after all of them. */
  get end(): number {
    return this.#one.end;
  }

  debt(a: number, b: number, now: number): number {
    const alone = this.#alone === null ? 0 : this.#alone.debt(a, b, now);
    this.#one.read(a);
    const first = this.#one.find(a, b);
    if (first >= 0) return Math.max(alone, fullAt(this.#one, first) - now);
    this.#other.read(b);
    const second = this.#other.find(a, b);
    return second < 0 ? alone : Math.max(alone, 0, fullAt(this.#other, second) - now);
  }

  charge(a: number, b: number, { now, cost }: { now: number; cost: number }): void {
    try {
      this.#charge(a, b, { now, cost });
    } catch (error) {
      if (!isNoRoom(error)) throw error;
      this.evicted++;
      (this.#alone ??= new MemoryBuckets()).charge(a, b, { now, cost });
    }
  }

  #charge(a: number, b: number, { now, cost }: { now: number; cost: number }): void {
    this.#one.read(a);
    let table = this.#one;
    let at = table.find(a, b);
    if (at < 0) {
      this.#other.read(b);
      table = this.#other;
      at = table.find(a, b);
    }
    if (at < 0) {
      const [one, other] = [idlest(this.#one, now), idlest(this.#other, now)];
      table = other.free > one.free ? this.#other : this.#one;
      at = table === this.#one ? one.at : other.at;
      if (Math.max(one.free, other.free) === 0) this.evicted++;
      table.claim(at, a, b);
    }
    const own = table.own(at);
    const full = fullAt(table, at);
    if (full < now) table.numbers[own + 1] = now - takenOf(table, at);
    table.numbers[own]! += cost;
    table.writeOwn(at);
  }
}

/** Memory is as full as it may be. */
export function isNoRoom(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOSPC' || error.code === 'ENOMEM');
}

export function takenOf(table: SharedTable, at: number): number {
  let taken = 0;
  for (let part = at; part < at + table.stride - 1; part += PART) {
    if (table.isOf(part, at)) taken += table.numbers[part]!;
  }
  return taken;
}

function fullAt(table: SharedTable, at: number): number {
  let latest = 0;
  for (let part = at; part < at + table.stride - 1; part += PART) {
    if (table.isOf(part, at) && table.numbers[part + 1]! > latest) latest = table.numbers[part + 1]!;
  }
  return latest + takenOf(table, at);
}

/** How many slots of the set read last say nothing any more, and the one that is full first. */
function idlest(table: SharedTable, now: number): { free: number; at: number } {
  let free = 0;
  let best = 1;
  for (let slot = 0; slot < SET_SLOTS; slot++) {
    const at = slot * table.stride + 1;
    if (fullAt(table, at) <= now) free++;
    if (fullAt(table, at) < fullAt(table, best)) best = at;
  }
  return { free, at: best };
}

/**
 * What all workers are to know of each other for a while, as who has signed out: in a table of its own, as large again. Whoever makes very many
 * keys of limits, and limits that hold for longer than what is known, would have it forgotten.
 */
export function sharedMarks(memory: SharedMemory): SharedBuckets {
  const underway = new SharedTable(memory, { start: new SharedBuckets(memory).end, sets: UNDERWAY_SETS });
  return new SharedBuckets(memory, underway.end);
}

/** The byte after all that is counted: what else workers share begins there. */
export function countsEnd(memory: SharedMemory): number {
  return sharedMarks(memory).end;
}

/** Of each worker, the first number is how many it has under way. */
export class SharedUnderway implements Underway {
  readonly #own = new MemoryUnderway();
  readonly #table: SharedTable;

  /** `start`: of its part of the file. */
  constructor(memory: SharedMemory, start: number) {
    this.#table = new SharedTable(memory, { start, sets: UNDERWAY_SETS });
    this.#forgetPredecessor();
  }

  /** One that crashed has nothing under way any more. */
  #forgetPredecessor(): void {
    const table = this.#table;
    for (let set = 0; set < UNDERWAY_SETS; set++) {
      // A half whose high bits are 0 is its own set.
      table.read(set);
      for (let slot = 0; slot < SET_SLOTS; slot++) {
        const at = slot * table.stride + 1;
        if (table.numbers[table.own(at)] === 0) continue;
        table.numbers[table.own(at)] = 0;
        table.writeOwn(at);
      }
    }
  }

  take(a: number, b: number, most: number): boolean {
    const table = this.#table;
    table.read(a);
    const at = table.find(a, b);
    const others = at < 0 ? 0 : takenOf(table, at) - table.numbers[table.own(at)]!;
    if (!this.#own.take(a, b, most - others)) return false;
    this.#tell(at, a, b);
    return true;
  }

  giveBack(a: number, b: number): void {
    this.#own.giveBack(a, b);
    this.#table.read(a);
    this.#tell(this.#table.find(a, b), a, b);
  }

  #tell(found: number, a: number, b: number): void {
    const table = this.#table;
    let at = found;
    try {
      if (at < 0) {
        at = this.#freeSlot();
        if (at < 0) return;
        table.claim(at, a, b);
      }
      table.numbers[table.own(at)] = this.#own.count(a, b);
      table.writeOwn(at);
    } catch (error) {
      // It is counted here alone then.
      if (!isNoRoom(error)) throw error;
    }
  }

  #freeSlot(): number {
    const table = this.#table;
    for (let slot = 0; slot < SET_SLOTS; slot++) {
      const at = slot * table.stride + 1;
      if (takenOf(table, at) === 0) return at;
    }
    return -1;
  }
}
