/** By when things of one exchange must have happened, on one deadline of the wheel. */
import type { Deadline, DeadlineOwner, DeadlineWheel } from '../ground/deadline.ts';

const NEVER = Number.POSITIVE_INFINITY;

export abstract class ExchangeTimes implements DeadlineOwner {
  readonly #wheel: DeadlineWheel;
  readonly #idleTimeout: number;
  readonly #deadline: Deadline;
  // On the wheel's clock.
  #requestDue = NEVER;
  #attemptDue = NEVER;
  #retryAt = NEVER;
  /** Of a filter that waits, or 0: most exchanges never know one. */
  #waitDue = 0;
  #activeAt: number;

  /** `idleTimeout`: milliseconds without a byte either way. */
  constructor(wheel: DeadlineWheel, idleTimeout: number) {
    this.#wheel = wheel;
    this.#idleTimeout = idleTimeout;
    this.#activeAt = wheel.now;
    this.#deadline = wheel.borrow(this);
    wheel.set(this.#deadline, idleTimeout);
  }

  /** The time for the whole exchange is up, or nothing moves. */
  protected abstract timedOut(): void;
  protected abstract attemptTimedOut(): void;
  /** A filter did not decide in time. */
  protected abstract waitTimedOut(): void;
  /** A retry has waited long enough. */
  protected abstract tryAgain(): void;

  /** A byte moved. */
  protected active(): void {
    this.#activeAt = this.#wheel.now;
  }

  /** The earliest of several counts; Infinity changes nothing. */
  protected endRequestAt(due: number): void {
    this.#requestDue = Math.min(this.#requestDue, due);
  }

  /** An attempt begins, of so many milliseconds at most; 0: without a limit of its own. */
  protected beginAttempt(milliseconds: number): void {
    if (milliseconds > 0) this.#attemptDue = this.#wheel.now + milliseconds;
    if (this.#requestDue !== NEVER || this.#attemptDue !== NEVER) this.#arm();
  }

  protected tryAgainIn(milliseconds: number): void {
    this.#attemptDue = NEVER;
    this.#retryAt = this.#wheel.now + milliseconds;
    this.#arm();
  }

  /** A filter holds the exchange, for so many milliseconds at most. */
  protected beginWait(milliseconds: number): void {
    this.#waitDue = this.#wheel.now + milliseconds;
    this.#arm();
  }

  protected endWait(): void {
    this.#waitDue = 0;
    this.active();
  }

  /** Only idleness ends it from now on. */
  protected dropTimeouts(): void {
    this.#requestDue = this.#attemptDue = NEVER;
  }

  protected endTimes(): void {
    this.#wheel.giveBack(this.#deadline);
  }

  #arm(): void {
    const idleAt = this.#activeAt + this.#idleTimeout;
    this.#wheel.setAt(
      this.#deadline,
      Math.min(this.#requestDue, this.#attemptDue, this.#retryAt, this.#waitDue || NEVER, idleAt),
    );
  }

  onDeadline(now: number): void {
    if (this.#requestDue <= now) return this.timedOut();
    if (this.#retryAt <= now) {
      this.#retryAt = NEVER;
      this.tryAgain();
    } else if (this.#attemptDue <= now) {
      this.#attemptDue = NEVER;
      this.attemptTimedOut();
    } else if (this.#waitDue > 0 && this.#waitDue <= now) {
      this.#waitDue = 0;
      this.waitTimedOut();
    } else if (this.#activeAt + this.#idleTimeout <= now) {
      return this.timedOut();
    }
    // An exchange that has ended gave its deadline back, and somebody else may have it.
    if (this.#deadline.owner === this) this.#arm();
  }
}
