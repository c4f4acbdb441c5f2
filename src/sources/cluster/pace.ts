/**
 * Long work in turns of the event loop: who renews a lease, answers a probe or hears of a change never waits for all of it.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Turns } from '../../graph/index.ts';

/** Milliseconds that work goes on before others have a turn. */
export const TURN = 10;
/** Objects of a first slice: what one of them costs is not known yet. */
const FIRST = 16;

export class Pace implements Turns {
  /** When the work that goes on began its turn. */
  #since = 0;
  #next: Promise<void> | undefined;
  /** One slice at a time, whoever has it: two in one turn would be twice as long. */
  #last: Promise<void> = Promise.resolve();
  #size = FIRST;

  /** Objects that have room in a turn, as far as is known. */
  get room(): number {
    return this.#size;
  }

  isOver(): boolean {
    return performance.now() - this.#since >= TURN;
  }

  /** One for all that wait: they share the turn. */
  next(): Promise<void> {
    this.#next ??= nextTurn().then(() => {
      this.#next = undefined;
      this.#since = performance.now();
    });
    return this.#next;
  }

  /** Fulfilled at once, or in the next turn where this one has been long. */
  async breathe(): Promise<void> {
    if (this.isOver()) await this.next();
  }

  /** Takes all of them, as many at once as have room in a turn; those of other calls come in between. */
  async take<V>(all: ReadonlyArray<V>, take: (slice: V[]) => Promise<void> | void): Promise<void> {
    for (let at = 0; at < all.length; ) {
      const before = this.#last;
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#last = promise;
      await before;
      const slice = all.slice(at, at + this.#size);
      at += slice.length;
      try {
        await this.#measured(slice.length, () => take(slice));
      } finally {
        // Whoever is next, and we, go on when everybody else had a turn.
        void nextTurn().then(resolve);
      }
      if (at < all.length) await promise;
    }
  }

  async #measured(size: number, work: () => Promise<void> | void): Promise<void> {
    const began = performance.now();
    this.#since = began;
    await work();
    const took = performance.now() - began;
    // What was too long for a turn is halved at once; what was short grows by and by.
    if (took > TURN) this.#size = Math.max(1, Math.floor(this.#size / 2));
    else if (took < TURN / 2 && size === this.#size) this.#size *= 2;
  }
}
