/** What limits of all workers of a machine count together, in the file that they have in common. */
import { newCrowd, whoCrowdsOut, whoMakesRoom } from './bucket-owner.ts';
import { type Buckets, type Charge, type Forgot, MemoryBuckets } from './buckets.ts';
import { isNoRoom, PART, SET_SLOTS, type SharedMemory, SharedTable, takenOf } from './shared-table.ts';
import { MemoryUnderway, type Underway, type UnderwayKey } from './underway.ts';

/** Sets of four buckets that all workers of a machine share: a million, of which those in use take memory. */
export const SHARED_SETS: number = 262_144;
/** Sets of four keys with requests under way; keys that find no room are counted by each worker alone. */
export const UNDERWAY_SETS: number = 8_192;

/** Of the two sets that are looked at. */
const CROWD = newCrowd();

/**
 * Of each worker: what it took (in milliseconds of filling), and the latest time, less all that was taken, at which it
 * found the bucket full. The sum of the first, and the latest of the second, are when the bucket is full again.
 */
export class SharedBuckets implements Buckets {
  readonly #one: SharedTable;
  readonly #other: SharedTable;
  readonly #forgot: Forgot;
  /** In the place of a file that cannot grow any more. */
  #alone: MemoryBuckets | null = null;

  /** `start`: of its part of the file. */
  constructor(memory: SharedMemory, forgot: Forgot, start = 0) {
    const at = { start, sets: SHARED_SETS };
    this.#forgot = forgot;
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

  charge(a: number, b: number, charge: Charge): void {
    try {
      this.#charge(a, b, charge);
    } catch (error) {
      if (!isNoRoom(error)) throw error;
      this.#forgot(charge.owner);
      (this.#alone ??= new MemoryBuckets(this.#forgot)).charge(a, b, charge);
    }
  }

  #charge(a: number, b: number, { now, cost, owner }: Charge): void {
    this.#one.read(a);
    let table = this.#one;
    let at = table.find(a, b);
    if (at < 0) {
      this.#other.read(b);
      table = this.#other;
      at = table.find(a, b);
    }
    if (at < 0) {
      ({ table, at } = this.#free(now) ?? this.#vacated(owner));
      table.claim(at, { a, b, owner });
    }
    const own = table.own(at);
    const full = fullAt(table, at);
    if (full < now) table.numbers[own + 1] = now - takenOf(table, at);
    table.numbers[own]! += cost;
    table.writeOwn(at);
  }

  /** Of the set with more room the slot that was full first. */
  #free(now: number): SlotPlace | undefined {
    const [one, other] = [idlest(this.#one, now), idlest(this.#other, now)];
    if (Math.max(one.free, other.free) === 0) return undefined;
    return other.free > one.free ? { table: this.#other, at: other.at } : { table: this.#one, at: one.at };
  }

  /** The slot of a bucket that makes room. */
  #vacated(owner: number): SlotPlace {
    for (let slot = 0; slot < SET_SLOTS; slot++) {
      for (const [first, table] of [
        [0, this.#one],
        [SET_SLOTS, this.#other],
      ] as const) {
        CROWD.owners[first + slot] = table.ownerOf(table.at(slot));
        CROWD.times[first + slot] = fullAt(table, table.at(slot));
      }
    }
    const place = whoMakesRoom(CROWD, owner);
    this.#forgot(CROWD.owners[place]!);
    const table = place < SET_SLOTS ? this.#one : this.#other;
    return { table, at: table.at(place % SET_SLOTS) };
  }
}

interface SlotPlace {
  table: SharedTable;
  at: number;
}

function fullAt(table: SharedTable, at: number): number {
  let latest = 0;
  for (let part = at, end = table.partsEnd(at); part < end; part += PART) {
    if (table.isOf(part, at) && table.numbers[part + 1]! > latest) latest = table.numbers[part + 1]!;
  }
  return latest + takenOf(table, at);
}

/** How many slots of the set read last say nothing any more, and the one that is full first. */
function idlest(table: SharedTable, now: number): { free: number; at: number } {
  let free = 0;
  let best = table.at(0);
  for (let slot = 0; slot < SET_SLOTS; slot++) {
    const at = table.at(slot);
    if (fullAt(table, at) <= now) free++;
    if (fullAt(table, at) < fullAt(table, best)) best = at;
  }
  return { free, at: best };
}

/**
 * What all workers are to know of each other for a while, as who has signed out: in a table of its own, as large again. Whoever makes very many
 * keys of limits, and limits that hold for longer than what is known, would have it forgotten.
 */
export function sharedMarks(memory: SharedMemory, forgot: Forgot): SharedBuckets {
  const underway = new SharedTable(memory, { start: new SharedBuckets(memory, forgot).end, sets: UNDERWAY_SETS });
  return new SharedBuckets(memory, forgot, underway.end);
}

/** The byte after all that is counted: what else workers share begins there. */
export function countsEnd(memory: SharedMemory): number {
  return sharedMarks(memory, () => {}).end;
}

/** Of the set that is looked at. */
const SET_OWNERS = new Uint32Array(SET_SLOTS);

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
        const at = table.at(slot);
        if (table.numbers[table.own(at)] === 0) continue;
        table.numbers[table.own(at)] = 0;
        table.writeOwn(at);
      }
    }
  }

  take(key: UnderwayKey, most: number): boolean {
    const table = this.#table;
    table.read(key.a);
    const at = table.find(key.a, key.b);
    const others = at < 0 ? 0 : takenOf(table, at) - table.numbers[table.own(at)]!;
    if (!this.#own.take(key, most - others)) return false;
    this.#tell(at, key);
    return true;
  }

  giveBack(key: UnderwayKey): void {
    this.#own.giveBack(key);
    this.#table.read(key.a);
    this.#tell(this.#table.find(key.a, key.b), key);
  }

  #tell(found: number, key: UnderwayKey): void {
    const table = this.#table;
    const count = this.#own.count(key);
    let at = found;
    try {
      if (at < 0) {
        // Nothing need be told of what nobody counts on.
        at = count === 0 ? -1 : this.#slotFor(key.owner);
        if (at < 0) return;
        table.claim(at, key);
      }
      table.numbers[table.own(at)] = count;
      table.writeOwn(at);
    } catch (error) {
      // It is counted here alone then.
      if (!isNoRoom(error)) throw error;
    }
  }

  /** A free one, or one of a tenant that has more of them than this one would have: that key is counted by each worker alone. */
  #slotFor(owner: number): number {
    const table = this.#table;
    for (let slot = 0; slot < SET_SLOTS; slot++) {
      SET_OWNERS[slot] = table.ownerOf(table.at(slot));
      if (takenOf(table, table.at(slot)) === 0) return table.at(slot);
    }
    const slot = whoCrowdsOut(SET_OWNERS, owner);
    return slot < 0 ? -1 : table.at(slot);
  }
}
