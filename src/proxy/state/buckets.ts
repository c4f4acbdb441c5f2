/**
 * What rate limits remember: for each key the time at which its bucket is full again (GCRA's theoretical arrival time).
 * One table for all limits of a data plane, of a fixed most: a slot whose time has come says nothing any more and is
 * free, so that nothing need ever be cleaned up. A key may stand in one of two sets of four slots; where both are full
 * of times to come, a bucket is forgotten: one of whoever has most of them (`bucket-owner.ts`).
 */
import { newCrowd, whoMakesRoom } from './bucket-owner.ts';

export interface Charge {
  now: number;
  /** Milliseconds that fill as much. */
  cost: number;
  /** Milliseconds that fill the whole bucket; absent: workers agree about each charge. */
  capacity?: number;
  /** Whose bucket it is. */
  owner: number;
}

/** What a limit asks. The two halves of the key's hash name it. */
export interface Buckets {
  /** Milliseconds until the bucket is full; 0: it is. */
  debt(a: number, b: number, now: number): number;
  /** Takes as much as `cost` milliseconds fill. Of what was asked about just before. */
  charge(a: number, b: number, charge: Charge): void;
}

/** Told of each bucket that is forgotten before it is full, since there is no room: whose it was. */
export type Forgot = (owner: number) => void;

const SET_SLOTS = 4;
/** Slots that a table begins with, and by how much it grows. */
const FIRST_SLOTS = 4_096;
const GROWTH = 8;
/** Buckets that are not full, of all rate limits of a worker together; 20 bytes each, and as much again. */
export const MAX_BUCKETS: number = 1_048_576;
/** Twice as many slots as buckets, so that hardly one is forgotten before there are so many. */
const MOST_SLOTS = MAX_BUCKETS * 2;

/** Of the two sets that are looked at. */
const CROWD = newCrowd();

export class MemoryBuckets implements Buckets {
  /** Two halves of a hash and a time for each slot, in turn: 16 bytes. */
  #hashes: Uint32Array;
  #times: Float64Array;
  #owners: Uint32Array;
  #sets: number;
  /** Slots that hold something, or did: an upper bound, counted anew where it matters. */
  #used = 0;
  readonly #most: number;
  readonly #forgot: Forgot;

  /** Of so many slots first, and `most` at most: powers of two. */
  constructor(forgot: Forgot, { slots = FIRST_SLOTS, most = MOST_SLOTS }: { slots?: number; most?: number } = {}) {
    const memory = new ArrayBuffer(slots * 16);
    this.#hashes = new Uint32Array(memory);
    this.#times = new Float64Array(memory);
    this.#owners = new Uint32Array(slots);
    this.#sets = slots / SET_SLOTS;
    this.#most = most;
    this.#forgot = forgot;
  }

  get slots(): number {
    return this.#sets * SET_SLOTS;
  }

  debt(a: number, b: number, now: number): number {
    const slot = this.#find(a, b);
    return slot < 0 ? 0 : Math.max(0, this.#times[slot * 2 + 1]! - now);
  }

  charge(a: number, b: number, { now, cost, owner }: Charge): void {
    let slot = this.#find(a, b);
    if (slot < 0) {
      slot = this.#place(a, b, now);
      if (slot < 0) slot = this.#vacated(a, b, owner);
      this.#owners[slot] = owner;
    }
    this.#times[slot * 2 + 1] = Math.max(now, this.#times[slot * 2 + 1]!) + cost;
  }

  #find(a: number, b: number): number {
    const first = this.#within(setOf(a, this.#sets), a, b);
    return first >= 0 ? first : this.#within(setOf(b, this.#sets), a, b);
  }

  #within(set: number, a: number, b: number): number {
    const hashes = this.#hashes;
    const from = set * SET_SLOTS;
    for (let slot = from; slot < from + SET_SLOTS; slot++) {
      if (hashes[slot * 4] === a && hashes[slot * 4 + 1] === b) return slot;
    }
    return -1;
  }

  /** A free slot for a key that has none; -1: there is none. */
  #place(a: number, b: number, now: number): number {
    let slot = this.#idlest(a, b, now);
    if (this.#times[slot * 2 + 1]! > now) return this.#grow(now) ? this.#place(a, b, now) : -1;
    if (++this.#used > this.slots * 0.7 && this.#grow(now)) slot = this.#idlest(a, b, now);
    return this.#make(slot, a, b);
  }

  /** The slot is this key's, with a time in the past. */
  #make(slot: number, a: number, b: number): number {
    this.#hashes[slot * 4] = a;
    this.#hashes[slot * 4 + 1] = b;
    this.#times[slot * 2 + 1] = 0;
    return slot;
  }

  /** The slot of a bucket that makes room. */
  #vacated(a: number, b: number, owner: number): number {
    const [one, other] = [setOf(a, this.#sets) * SET_SLOTS, setOf(b, this.#sets) * SET_SLOTS];
    for (let at = 0; at < SET_SLOTS; at++) {
      CROWD.owners[at] = this.#owners[one + at]!;
      CROWD.times[at] = this.#times[(one + at) * 2 + 1]!;
      CROWD.owners[SET_SLOTS + at] = this.#owners[other + at]!;
      CROWD.times[SET_SLOTS + at] = this.#times[(other + at) * 2 + 1]!;
    }
    const at = whoMakesRoom(CROWD, owner);
    this.#forgot(CROWD.owners[at]!);
    return this.#make(at < SET_SLOTS ? one + at : other + at - SET_SLOTS, a, b);
  }

  /** Of the set with more room the slot whose time comes first, or came. */
  #idlest(a: number, b: number, now: number): number {
    const [one, other] = [setOf(a, this.#sets), setOf(b, this.#sets)];
    const difference = this.#room(one, now) - this.#room(other, now);
    const first = this.#first(one);
    const second = this.#first(other);
    if (difference !== 0) return difference > 0 ? first : second;
    return this.#times[first * 2 + 1]! <= this.#times[second * 2 + 1]! ? first : second;
  }

  #room(set: number, now: number): number {
    let room = 0;
    for (let slot = set * SET_SLOTS; slot < (set + 1) * SET_SLOTS; slot++) {
      if (this.#times[slot * 2 + 1]! <= now) room++;
    }
    return room;
  }

  #first(set: number): number {
    let first = set * SET_SLOTS;
    for (let slot = first + 1; slot < (set + 1) * SET_SLOTS; slot++) {
      if (this.#times[slot * 2 + 1]! < this.#times[first * 2 + 1]!) first = slot;
    }
    return first;
  }

  /** False: it is as large as it may be. */
  #grow(now: number): boolean {
    if (this.slots >= this.#most) return false;
    const live = this.#live(now);
    this.#used = live;
    // Much of it was passing by: there is room.
    if (live < this.slots * 0.35) return false;
    const slots = Math.min(this.#most, this.slots * GROWTH);
    const larger = new MemoryBuckets(this.#forgot, { slots, most: this.#most });
    for (let slot = 0; slot < this.slots; slot++) {
      const time = this.#times[slot * 2 + 1]!;
      if (time > now) larger.#put(slot, this, now);
    }
    this.#hashes = larger.#hashes;
    this.#times = larger.#times;
    this.#owners = larger.#owners;
    this.#sets = larger.#sets;
    this.#used = larger.#used;
    return true;
  }

  #live(now: number): number {
    let live = 0;
    for (let slot = 0; slot < this.slots; slot++) if (this.#times[slot * 2 + 1]! > now) live++;
    return live;
  }

  /** Takes over a slot of a smaller table. */
  #put(from: number, smaller: MemoryBuckets, now: number): void {
    const [a, b] = [smaller.#hashes[from * 4]!, smaller.#hashes[from * 4 + 1]!];
    const owner = smaller.#owners[from]!;
    let slot = this.#idlest(a, b, now);
    if (this.#times[slot * 2 + 1]! > now) slot = this.#vacated(a, b, owner);
    else this.#used++;
    this.#make(slot, a, b);
    this.#owners[slot] = owner;
    this.#times[slot * 2 + 1] = smaller.#times[from * 2 + 1]!;
  }
}

/** `sets` is a power of two. */
function setOf(half: number, sets: number): number {
  return (half ^ (half >>> 15)) & (sets - 1);
}
