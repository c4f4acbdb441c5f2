/** Requests that wait for a connection to an endpoint, in the order they came. */
import type { Failure } from '../ground/codec.ts';
import type { OpenWaiter } from './connection.ts';

/** Up to so many it does not matter how many of them are empty. */
const FEW_PLACES = 1024;

export class WaitingRoom {
  #waiting: Array<OpenWaiter | undefined> = [];
  /** Where the first in the queue stands: places before it are empty. */
  #first = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** `limit`: how many wait at most. False: the room is full, and the waiter is told `overloaded` (503) after the call. */
  admit(waiter: OpenWaiter, limit: number): boolean {
    if (this.#size >= limit) {
      overloaded(waiter);
      return false;
    }
    this.#waiting.push(waiter);
    this.#size++;
    return true;
  }

  /** The one that has waited longest, or undefined. */
  next(): OpenWaiter | undefined {
    if (this.#size === 0) return undefined;
    const waiting = this.#waiting;
    let waiter: OpenWaiter | undefined;
    while (waiter === undefined) {
      waiter = waiting[this.#first];
      waiting[this.#first++] = undefined;
    }
    this.#size--;
    this.#tidy();
    return waiter;
  }

  /** Half of the places are empty ones, before the first and between: to move the others costs less than was saved. */
  #tidy(): void {
    if (this.#size === 0) {
      this.#waiting = [];
      this.#first = 0;
    } else if (this.#waiting.length > FEW_PLACES && this.#size * 2 < this.#waiting.length) {
      this.#waiting = this.#waiting.filter((waiter) => waiter !== undefined);
      this.#first = 0;
    }
  }

  /** The waiter is no longer interested. */
  leave(waiter: OpenWaiter): void {
    const at = this.#waiting.indexOf(waiter, this.#first);
    if (at === -1) return;
    this.#waiting[at] = undefined;
    this.#size--;
    this.#tidy();
  }

  /** Everyone who waits, who waits here no more. */
  *leaveAll(): IterableIterator<OpenWaiter> {
    for (let waiter = this.next(); waiter !== undefined; waiter = this.next()) yield waiter;
  }

  /** No connection could be opened: everyone tries elsewhere, and who comes back meanwhile waits anew. */
  turnAway(why: Failure): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#first = this.#size = 0;
    for (const waiter of waiting) waiter?.upstreamUnavailable(why);
  }
}

/** There are as many as may be: the waiter is told after the call. */
export function overloaded(waiter: OpenWaiter): null {
  queueMicrotask(() => waiter.upstreamUnavailable('overloaded'));
  return null;
}
