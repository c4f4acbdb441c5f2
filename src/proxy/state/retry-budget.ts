/**
 * How many retries a backend bears: a share of the requests that were sent first, and a few each second besides, so
 * that a backend in trouble does not get its load multiplied by those who try again.
 */

/** Retries allowed for each first request of rules that retry. */
const RETRY_SHARE = 0.2;
/** Retries a second that are allowed in any case. */
const RETRIES_PER_SECOND = 10;
/** Retries that may be saved up. */
const MAX_SAVED_RETRIES = 100;

export class RetryBudget {
  readonly #clock: { readonly now: number };
  #saved = RETRIES_PER_SECOND;
  #filledAt: number;

  constructor(clock: { readonly now: number }) {
    this.#clock = clock;
    this.#filledAt = clock.now;
  }

  /** A request was sent for the first time. */
  sent(): void {
    this.#saved = Math.min(MAX_SAVED_RETRIES, this.#saved + RETRY_SHARE);
  }

  /** Takes one retry; false: there is none left. */
  take(): boolean {
    const { now } = this.#clock;
    const filled = ((now - this.#filledAt) / 1000) * RETRIES_PER_SECOND;
    this.#filledAt = now;
    // What time gives is not saved up beyond one second of it.
    if (this.#saved < RETRIES_PER_SECOND) this.#saved = Math.min(RETRIES_PER_SECOND, this.#saved + filled);
    if (this.#saved < 1) return false;
    this.#saved--;
    return true;
  }
}
