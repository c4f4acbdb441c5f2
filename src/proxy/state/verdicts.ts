/**
 * What workers of a machine tell each other of endpoints' health checks: each endpoint is looked at by one of them, and
 * all go by what that one finds. It stands in the file that their limits stand in, too, so that it outlives a crash.
 */
import { createHash } from 'node:crypto';
import { readSync, writeSync } from 'node:fs';
import { countsEnd } from './shared-file.ts';
import { isNoRoom, PART, type SharedMemory, SharedTable, takenOf } from './shared-table.ts';

export interface Verdict {
  healthy: boolean;
  /** As a number of the probes'. */
  finding: number;
}

/** A name, as it is found in the file. */
export interface VerdictKey {
  a: number;
  b: number;
}

export interface Verdicts {
  keyOf(name: string): VerdictKey;
  /** It is this worker that looks. */
  isOwn(key: VerdictKey): boolean;
  tell(key: VerdictKey, verdict: Verdict | undefined): void;
  read(key: VerdictKey): Verdict | undefined;
  /** Others have told something since this was asked last. */
  news(): boolean;
}

/** Sets of four endpoints; verdicts that find no room in theirs are not shared, and the endpoint is used by the others. */
export const VERDICT_SETS = 65_536;
const SET_SLOTS = 4;
const HEALTHY = 1;
const UNHEALTHY = 2;
const NUMBER_BYTES = 8;

export class SharedVerdicts implements Verdicts {
  readonly #memory: SharedMemory;
  readonly #table: SharedTable;
  /** Where each worker counts what it has told. */
  readonly #countsStart: number;
  #told: number;
  readonly #heard: Float64Array;
  readonly #counts: Float64Array;

  constructor(memory: SharedMemory) {
    this.#memory = memory;
    this.#countsStart = countsEnd(memory);
    const start = this.#countsStart + memory.workers * NUMBER_BYTES;
    this.#table = new SharedTable(memory, { start, sets: VERDICT_SETS });
    this.#heard = new Float64Array(memory.workers).fill(-1);
    this.#counts = new Float64Array(memory.workers);
    this.#readCounts();
    // One that crashed has counted before.
    this.#told = this.#counts[memory.index]!;
  }

  keyOf(name: string): VerdictKey {
    const digest = createHash('sha1').update(`${this.#memory.seed} ${name}`).digest();
    return { a: digest.readUInt32LE(0), b: digest.readUInt32LE(4) };
  }

  isOwn({ b }: VerdictKey): boolean {
    return b % this.#memory.workers === this.#memory.index;
  }

  tell({ a, b }: VerdictKey, verdict: Verdict | undefined): void {
    const table = this.#table;
    table.read(a);
    let at = table.find(a, b);
    if (at < 0 && verdict === undefined) return;
    try {
      if (at < 0) {
        at = this.#freeSlot();
        if (at < 0) return;
        table.claim(at, { a, b });
      }
      const own = table.own(at);
      table.numbers[own] = verdict === undefined ? 0 : verdict.healthy ? HEALTHY : UNHEALTHY;
      table.numbers[own + 1] = verdict?.finding ?? 0;
      table.writeOwn(at);
      this.#count();
    } catch (error) {
      if (!isNoRoom(error)) throw error;
    }
  }

  read({ a, b }: VerdictKey): Verdict | undefined {
    const table = this.#table;
    table.read(a);
    const at = table.find(a, b);
    if (at < 0) return undefined;
    for (let worker = 0, part = at; worker < this.#memory.workers; worker++, part += PART) {
      const said = table.isOf(part, at) ? table.numbers[part] : 0;
      if (said !== 0) return { healthy: said === HEALTHY, finding: table.numbers[part + 1]! };
    }
    return undefined;
  }

  news(): boolean {
    this.#readCounts();
    const { index } = this.#memory;
    const isNews = this.#counts.some((count, worker) => worker !== index && count !== this.#heard[worker]);
    this.#heard.set(this.#counts);
    return isNews;
  }

  #freeSlot(): number {
    for (let slot = 0; slot < SET_SLOTS; slot++) {
      const at = this.#table.at(slot);
      if (takenOf(this.#table, at) === 0) return at;
    }
    return -1;
  }

  #readCounts(): void {
    const bytes = new Uint8Array(this.#counts.buffer);
    const length = readSync(this.#memory.fd, bytes, 0, bytes.length, this.#countsStart);
    if (length < bytes.length) bytes.fill(0, length);
  }

  #count(): void {
    const own = Float64Array.of(++this.#told);
    const position = this.#countsStart + this.#memory.index * NUMBER_BYTES;
    writeSync(this.#memory.fd, new Uint8Array(own.buffer), 0, NUMBER_BYTES, position);
  }
}

/** Of a worker that is alone. */
export const OWN_VERDICTS: Verdicts = {
  keyOf: () => ({ a: 0, b: 0 }),
  isOwn: () => true,
  tell() {},
  read: () => undefined,
  news: () => false,
};
