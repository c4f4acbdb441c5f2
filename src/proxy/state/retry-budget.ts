/**
 * How many retries a backend bears: a share of the requests that were sent first, and a few each second besides, so
 * that a backend in trouble does not get its load multiplied by those who try again.
 */
import type { RetryLimit } from '../../config/index.ts';

/** Retries allowed for each first request. */
const RETRY_SHARE = 0.2;
/** Retries a second that are allowed in any case. */
const RETRIES_PER_SECOND = 10;
/** Retries that may be saved up. */
const MAX_SAVED_RETRIES = 100;

export class RetryBudget {
  readonly #clock: { readonly now: number };
  #saved = RETRIES_PER_SECOND;
  #filledAt: number;
  /** A policy may set others. */
  #share: number = RETRY_SHARE;
  #perSecond: number = RETRIES_PER_SECOND;
  /** Requests that are being tried again, at most. */
  #most: number = Number.POSITIVE_INFINITY;
  #underWay = 0;

  constructor(clock: { readonly now: number }) {
    this.#clock = clock;
    this.#filledAt = clock.now;
  }

  /** What a policy sets; absent: as always. */
  limit(budget: RetryLimit | undefined, most: number | undefined): void {
    const share = budget?.percent === undefined ? RETRY_SHARE : budget.percent / 100;
    const perSecond = budget?.perSecond ?? RETRIES_PER_SECOND;
    // What was saved under another budget is not spent under a smaller one; under the same all stays as it is.
    if (share !== this.#share || perSecond !== this.#perSecond) this.#saved = Math.min(this.#saved, perSecond);
    this.#share = share;
    this.#perSecond = perSecond;
    this.#most = most ?? Number.POSITIVE_INFINITY;
  }

  /** A request begins to be tried again; false: there are as many as may be. Each that began ends once. */
  begin(): boolean {
    if (this.#underWay >= this.#most) return false;
    this.#underWay++;
    return true;
  }

  end(): void {
    // Of a backend that is reached in another way now, others began.
    if (this.#underWay > 0) this.#underWay--;
  }

  /** A request was sent for the first time. */
  sent(): void {
    this.#saved = Math.min(MAX_SAVED_RETRIES, this.#saved + this.#share);
  }

  /** Takes one retry; false: there is none left. */
  take(): boolean {
    const { now } = this.#clock;
    const filled = ((now - this.#filledAt) / 1000) * this.#perSecond;
    this.#filledAt = now;
    // What time gives is not saved up beyond one second of it.
    if (this.#saved < this.#perSecond) this.#saved = Math.min(this.#perSecond, this.#saved + filled);
    if (this.#saved < 1) return false;
    this.#saved--;
    return true;
  }
}
