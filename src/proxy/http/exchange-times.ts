/** By when things of one exchange must have happened, on one deadline of the wheel. */
import type { Deadline, DeadlineOwner, DeadlineWheel } from '../ground/deadline.ts';

/** Infinity would be an object of its own in every exchange. */
const NONE = -1;

export abstract class ExchangeTimes implements DeadlineOwner {
  readonly #wheel: DeadlineWheel;
  readonly #idleTimeout: number;
  readonly #deadline: Deadline;
  // On the wheel's clock.
  #requestDue = NONE;
  #attemptDue = NONE;
  #retryAt = NONE;
  /** Of a filter that waits. */
  #waitDue = NONE;
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

  /** Milliseconds without a byte that are borne as things stand. */
  protected get patience(): number {
    return this.#idleTimeout;
  }

  /** The least that `patience` may be later, so that it is asked in time; 0: it stays what it is. */
  protected get leastPatience(): number {
    return 0;
  }

  /** Nothing moved for as long as is borne. */
  protected abstract idledOut(): void;

  /** A byte moved. */
  protected active(): void {
    this.#activeAt = this.#wheel.now;
  }

  /** The earliest of several counts; Infinity changes nothing. */
  protected endRequestAt(due: number): void {
    if (due !== Number.POSITIVE_INFINITY) this.#requestDue = earlier(this.#requestDue, due);
  }

  /** An attempt begins, of so many milliseconds at most; 0: without a limit of its own. */
  protected beginAttempt(milliseconds: number): void {
    if (milliseconds > 0) this.#attemptDue = this.#wheel.now + milliseconds;
    const watched = this.leastPatience > 0;
    if (watched) this.active();
    if (watched || this.#requestDue !== NONE || this.#attemptDue !== NONE) this.#arm();
  }

  protected tryAgainIn(milliseconds: number): void {
    this.#attemptDue = NONE;
    this.#retryAt = this.#wheel.now + milliseconds;
    this.#arm();
  }

  /** `leastPatience` is less from now on. */
  protected watchIdle(): void {
    this.#arm();
  }

  /** A filter holds the exchange, for so many milliseconds at most. */
  protected beginWait(milliseconds: number): void {
    this.#waitDue = this.#wheel.now + milliseconds;
    this.#arm();
  }

  protected endWait(): void {
    this.#waitDue = NONE;
    this.active();
  }

  /** Only idleness ends it from now on. */
  protected dropTimeouts(): void {
    this.#requestDue = this.#attemptDue = NONE;
  }

  protected endTimes(): void {
    this.#wheel.giveBack(this.#deadline);
  }

  #arm(): void {
    let due = this.#activeAt + this.patience;
    if (this.leastPatience > 0) due = Math.min(due, this.#wheel.now + this.leastPatience);
    due = earlier(this.#requestDue, due);
    due = earlier(this.#attemptDue, due);
    due = earlier(this.#retryAt, due);
    due = earlier(this.#waitDue, due);
    this.#wheel.setAt(this.#deadline, due);
  }

  onDeadline(now: number): void {
    if (isPast(this.#requestDue, now)) return this.timedOut();
    if (isPast(this.#retryAt, now)) {
      this.#retryAt = NONE;
      this.tryAgain();
    } else if (isPast(this.#attemptDue, now)) {
      this.#attemptDue = NONE;
      this.attemptTimedOut();
    } else if (isPast(this.#waitDue, now)) {
      this.#waitDue = NONE;
      this.waitTimedOut();
    } else if (this.#activeAt + this.patience <= now) {
      this.idledOut();
    }
    // An exchange that has ended gave its deadline back, and somebody else may have it.
    if (this.#deadline.owner === this) this.#arm();
  }
}

function isPast(due: number, now: number): boolean {
  return due !== NONE && due <= now;
}

/** `due`, where there is one, if it comes before `other`. */
function earlier(due: number, other: number): number {
  return due !== NONE && (other === NONE || due < other) ? due : other;
}
