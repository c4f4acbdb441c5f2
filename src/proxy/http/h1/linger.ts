/** After the last answer of a connection: a client that reads slowly gets the time for it, as long as it does read. */
import type { DeadlineWheel } from '../../ground/deadline.ts';
import type { Link } from '../../ground/driver.ts';

/** Milliseconds that a client has to close after its last answer. */
export const LINGER_TIMEOUT = 2_000;

export class Linger {
  readonly #link: Link;
  readonly #wheel: DeadlineWheel;
  /** Milliseconds without a byte taken. */
  readonly #patience: number;
  #pending: number;
  #until: number;

  constructor(link: Link, wheel: DeadlineWheel, patience: number) {
    this.#link = link;
    this.#wheel = wheel;
    this.#patience = patience;
    this.#pending = link.pending;
    this.#until = wheel.now + patience;
  }

  /** What to do with the link now; undefined: look again later. */
  look(): 'leave' | 'reset' | undefined {
    const { pending } = this.#link;
    const { now } = this.#wheel;
    if (pending < this.#pending) this.#until = now + this.#patience;
    this.#pending = pending;
    if (pending === 0) return 'leave';
    return now < this.#until ? undefined : 'reset';
  }
}
