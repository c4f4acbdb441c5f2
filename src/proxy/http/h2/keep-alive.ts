/**
 * Whether the backend at the other end is still there. HTTP/2 has PING for it: after a time without a byte one is sent,
 * and a connection that says nothing after that either is dead. Servers of gRPC end connections of those who ask too
 * often (by default more than twice in five minutes without a message of their own), so that the times grow.
 */

/** Milliseconds without a byte until a PING, while requests wait. */
export const PING_INTERVAL = 10_000;
/** The same on a connection without requests. */
export const IDLE_PING_INTERVAL = 30_000;
/** The same for the PING after one that only a PING answered, and for those after that. */
const SECOND_PING_INTERVAL = 60_000;
const LONGEST_PING_INTERVAL = 305_000;
/** Milliseconds for the backend to say something after a PING. */
export const PING_TIMEOUT = 5_000;

export class KeepAlive {
  /** When bytes last came, on the wheel's clock. */
  #heardAt: number;
  /** How often bytes came. */
  reads = 0;
  /** PINGs since the last message: set to 0 by whoever receives one. */
  quiet = 0;
  /** When the PING was sent that is not answered; Infinity: none is. */
  #askedAt = Number.POSITIVE_INFINITY;
  #lastAskedAt = Number.NEGATIVE_INFINITY;

  constructor(now: number) {
    this.#heardAt = now;
  }

  /** Bytes came, of whatever kind. */
  heard(now: number): void {
    this.#heardAt = now;
    this.reads++;
    this.#askedAt = Number.POSITIVE_INFINITY;
  }

  get asking(): boolean {
    return this.#askedAt !== Number.POSITIVE_INFINITY;
  }

  due(now: number, busy: boolean): boolean {
    if (this.asking) return false;
    const first = busy ? PING_INTERVAL : IDLE_PING_INTERVAL;
    if (this.quiet === 0) return now - this.#heardAt >= first;
    const next = this.quiet === 1 ? SECOND_PING_INTERVAL : LONGEST_PING_INTERVAL;
    return now - Math.max(this.#heardAt, this.#lastAskedAt) >= next;
  }

  asked(now: number): void {
    this.quiet++;
    this.#askedAt = this.#lastAskedAt = now;
  }

  overdue(now: number): boolean {
    return now - this.#askedAt >= PING_TIMEOUT;
  }
}
