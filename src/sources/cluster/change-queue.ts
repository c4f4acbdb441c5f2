/**
 * What a cluster tells, on its way into the collections: read ahead, and taken in by turns of what belongs together (a kind
 * in a namespace), so that the thousands of one tenant hold up nobody else's one. Of an object only the last form waits.
 */
import type { Pace } from './pace.ts';

/** Objects that wait; a watch is read no further while there are more. */
export const READ_AHEAD = 50_000;

export interface Change {
  /** Of the object. */
  key: string;
}

export interface ChangeQueueOptions<C extends Change> {
  pace: Pace;
  take(kind: string, changes: C[]): Promise<void>;
  /** Default READ_AHEAD. */
  most?: number;
}

interface Lane<C> {
  kind: string;
  changes: Map<string, C>;
}

export class ChangeQueue<C extends Change> {
  readonly #options: ChangeQueueOptions<C>;
  /** The first is next. */
  readonly #lanes = new Map<string, Lane<C>>();
  /** What went wrong with a kind, and nobody was told yet. */
  readonly #faults = new Map<string, unknown>();
  #waiting = 0;
  #isTaking = false;
  #rested = Promise.withResolvers<void>();

  constructor(options: ChangeQueueOptions<C>) {
    this.#options = options;
  }

  /** Fulfilled when there is room for more. Throws what went wrong with this kind since it was last called. */
  async add(kind: string, changes: ReadonlyArray<C>): Promise<void> {
    const { most = READ_AHEAD } = this.#options;
    for (const change of changes) this.#put(kind, change);
    if (!this.#isTaking) void this.#takeAll();
    while (this.#waiting > most) await this.#rested.promise;
    this.#tell(kind);
  }

  /** Fulfilled when nothing of the kind waits, nor is being taken. */
  async settled(kind: string): Promise<void> {
    while (this.#isTaking && this.#has(kind)) await this.#rested.promise;
    this.#tell(kind);
  }

  #has(kind: string): boolean {
    for (const lane of this.#lanes.values()) if (lane.kind === kind) return true;
    return false;
  }

  #tell(kind: string): void {
    const fault = this.#faults.get(kind);
    this.#faults.delete(kind);
    if (fault !== undefined) throw fault;
  }

  #put(kind: string, change: C): void {
    const { key } = change;
    const name = key.slice(0, key.lastIndexOf('/'));
    let lane = this.#lanes.get(name);
    if (lane === undefined) this.#lanes.set(name, (lane = { kind, changes: new Map() }));
    if (!lane.changes.has(key)) this.#waiting++;
    lane.changes.set(key, change);
  }

  async #takeAll(): Promise<void> {
    this.#isTaking = true;
    for (;;) {
      const next = this.#lanes.entries().next().value;
      if (next === undefined) break;
      const [name, lane] = next;
      await this.#takeOf(lane);
      this.#lanes.delete(name);
      if (lane.changes.size > 0) this.#lanes.set(name, lane);
      this.#rest();
    }
    this.#isTaking = false;
    this.#rest();
  }

  /** As much as has room in a turn. */
  async #takeOf({ kind, changes }: Lane<C>): Promise<void> {
    const { pace, take } = this.#options;
    const some: C[] = [];
    for (const [key, change] of changes) {
      if (some.length >= pace.room) break;
      changes.delete(key);
      some.push(change);
    }
    this.#waiting -= some.length;
    try {
      await pace.take(some, (slice) => take(kind, slice));
    } catch (error) {
      this.#faults.set(kind, error);
    }
  }

  #rest(): void {
    const before = this.#rested;
    this.#rested = Promise.withResolvers<void>();
    before.resolve();
  }
}
