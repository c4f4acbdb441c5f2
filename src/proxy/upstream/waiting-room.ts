/** Requests that wait for a connection to an endpoint, in the order they came. */
import type { Failure } from '../ground/codec.ts';
import type { OpenWaiter } from './connection.ts';

export class WaitingRoom {
  readonly #limit: number;
  #waiting: OpenWaiter[] = [];

  /** `limit`: how many wait at most; more fail at once with `overloaded` (503). */
  constructor(limit: number) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#waiting.length;
  }

  /** False: the room is full, and the waiter is told so after the call. */
  admit(waiter: OpenWaiter): boolean {
    if (this.#waiting.length >= this.#limit) {
      queueMicrotask(() => waiter.upstreamUnavailable('overloaded'));
      return false;
    }
    this.#waiting.push(waiter);
    return true;
  }

  /** The one that has waited longest, or undefined. */
  next(): OpenWaiter | undefined {
    return this.#waiting.shift();
  }

  /** The waiter is no longer interested. */
  leave(waiter: OpenWaiter): void {
    const at = this.#waiting.indexOf(waiter);
    if (at !== -1) this.#waiting.splice(at, 1);
  }

  /** No connection could be opened: everyone tries elsewhere, and who comes back meanwhile waits anew. */
  turnAway(why: Failure): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const waiter of waiting) waiter.upstreamUnavailable(why);
  }
}
