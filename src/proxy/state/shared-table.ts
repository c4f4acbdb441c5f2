/**
 * What workers of a machine have in common: a file in memory that each reads and writes in place. Every number in it is
 * written by one worker alone, and what counts is made of all of them, so that nothing is lost however they meet, and nobody
 * locks or waits (docs/decisions/shared-limits.md). What is not written yet is empty.
 */
import { readSync, writeSync } from 'node:fs';

export interface SharedMemory {
  /** Of the file. */
  fd: number;
  /** Which of the workers this one is, from 0, and how many there are. */
  index: number;
  workers: number;
  /** Of hashes of keys: the same for all. */
  seed: number;
}

/** Slots of a set. */
export const SET_SLOTS = 4;
/** What a slot begins with: a hash, and whose it is. */
const HEADING = 2;
/** What a worker has of a slot: two numbers and a hash. */
export const PART = 3;

/**
 * A part of the file: sets of slots, found by either half of a key's hash. A slot has the hash, and of each worker two
 * numbers and the hash that they are of. Who makes a slot a key's writes the hash and its own part: what others have
 * written of that key meanwhile stays, and what they wrote of another key counts for nothing.
 */
export class SharedTable {
  /** Of the set that was read last: a slot is a hash, whose it is, then of each worker two numbers and their hash. */
  readonly numbers: Float64Array;
  readonly hashes: Uint32Array;
  /** Numbers of a slot. */
  readonly #stride: number;
  readonly #memory: SharedMemory;
  readonly #bytes: Uint8Array;
  readonly #at: { start: number; sets: number };
  #position = 0;

  constructor(memory: SharedMemory, at: { start: number; sets: number }) {
    this.#stride = HEADING + PART * memory.workers;
    const buffer = new ArrayBuffer(SET_SLOTS * this.#stride * 8);
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

  /** Of the set read last: where the numbers of a slot begin. */
  at(slot: number): number {
    return slot * this.#stride + HEADING;
  }

  /** The same of the slot with this hash, or -1. */
  find(a: number, b: number): number {
    for (let slot = 0; slot < SET_SLOTS; slot++) {
      const hash = slot * this.#stride * 2;
      if (this.hashes[hash] === a && this.hashes[hash + 1] === b) return this.at(slot);
    }
    return -1;
  }

  /** Makes the slot this key's. */
  claim(at: number, { a, b, owner = 0 }: { a: number; b: number; owner?: number }): void {
    const hash = (at - HEADING) * 2;
    this.hashes[hash] = a;
    this.hashes[hash + 1] = b;
    this.hashes[hash + 2] = owner;
    this.#write(at - HEADING, HEADING);
  }

  ownerOf(at: number): number {
    return this.hashes[(at - HEADING) * 2 + 2]!;
  }

  /** Where the numbers of all workers end that begin at `at`. */
  partsEnd(at: number): number {
    return at + this.#stride - HEADING;
  }

  /** The numbers of a worker that begin at `part` are of the key that the slot of `at` has. */
  isOf(part: number, at: number): boolean {
    const [tag, hash] = [(part + 2) * 2, (at - HEADING) * 2];
    return this.hashes[tag] === this.hashes[hash] && this.hashes[tag + 1] === this.hashes[hash + 1];
  }

  /** Where this worker's own numbers of the slot's key are: 0 where it has written none. */
  own(at: number): number {
    const part = at + this.#memory.index * PART;
    if (this.isOf(part, at)) return part;
    this.numbers[part] = 0;
    this.numbers[part + 1] = 0;
    this.hashes[(part + 2) * 2] = this.hashes[(at - HEADING) * 2]!;
    this.hashes[(part + 2) * 2 + 1] = this.hashes[(at - HEADING) * 2 + 1]!;
    return part;
  }

  writeOwn(at: number): void {
    this.#write(this.own(at), PART);
  }

  #write(at: number, count: number): void {
    writeSync(this.#memory.fd, this.#bytes, at * 8, count * 8, this.#position + at * 8);
  }
}

/** Memory is as full as it may be. */
export function isNoRoom(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOSPC' || error.code === 'ENOMEM');
}

export function takenOf(table: SharedTable, at: number): number {
  let taken = 0;
  for (let part = at, end = table.partsEnd(at); part < end; part += PART) {
    if (table.isOf(part, at)) taken += table.numbers[part]!;
  }
  return taken;
}
