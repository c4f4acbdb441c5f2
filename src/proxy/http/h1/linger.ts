/**
 * After the last answer of a connection: a client that reads slowly, or sends the rest of its request first, gets the time
 * for it as long as it does so.
 */
import type { DeadlineWheel } from '../../ground/deadline.ts';
import type { Link } from '../../ground/driver.ts';

/** Milliseconds that a client has to close after its last answer. */
export const LINGER_TIMEOUT = 2_000;

/** The same for one that goes on sending, altogether. */
export const MAX_LINGER = 30_000;

export class Linger {
  readonly #link: Link;
  readonly #wheel: DeadlineWheel;
  /** Milliseconds without a byte taken. */
  readonly #patience: number;
  #pending: number;
  #until: number;
  /** By when its sending counts no more. */
  readonly #sendingUntil: number;
  #heard = false;

  constructor(link: Link, wheel: DeadlineWheel, patience: number) {
    this.#link = link;
    this.#wheel = wheel;
    this.#patience = patience;
    this.#pending = link.pending;
    this.#until = wheel.now + patience;
    this.#sendingUntil = wheel.now + MAX_LINGER;
  }

  /** It sent something: a connection that was closed now would be reset, and the answer might be lost. */
  hear(): void {
    this.#heard = true;
  }

  /** What to do with the link now; undefined: look again later. */
  look(): 'leave' | 'reset' | undefined {
    const { pending } = this.#link;
    const { now } = this.#wheel;
    if (pending < this.#pending) this.#until = now + this.#patience;
    this.#pending = pending;
    if (pending === 0) {
      if (!this.#heard || now >= this.#sendingUntil) return 'leave';
      this.#heard = false;
      return undefined;
    }
    return now < this.#until ? undefined : 'reset';
  }
}
