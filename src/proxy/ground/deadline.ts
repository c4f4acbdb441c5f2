/**
 * Deadlines without a timer per request: one interval turns a wheel of buckets. Setting a later time is one store;
 * the bucket that comes up first finds it and moves the deadline on.
 */
export interface DeadlineOwner {
  onDeadline(now: number): void;
}

/** Milliseconds between turns: deadlines are met up to this much late. */
export const WHEEL_TICK = 50;
const BUCKETS = 1024;
/** Deadlines kept to be used again. */
export const MAX_FREE = 4096;

export class Deadline {
  owner: DeadlineOwner | null;
  /** Milliseconds on the wheel's clock; Infinity: none. */
  dueAt = Number.POSITIVE_INFINITY;
  /** The turn whose bucket holds this deadline, or -1. */
  turn = -1;

  constructor(owner: DeadlineOwner) {
    this.owner = owner;
  }

  /** For an owner that ends: lets go of it, though a bucket may hold the deadline for a while. */
  retire(): void {
    this.owner = null;
    this.dueAt = Number.POSITIVE_INFINITY;
  }
}

export class DeadlineWheel {
  /** Whole milliseconds, renewed at every turn: good enough to compute deadlines from. */
  now = 0;
  #turn = 0;
  readonly #clock: () => number;
  readonly #started: number;
  readonly #buckets: Array<Deadline[] | undefined> = new Array(BUCKETS);
  readonly #free: Deadline[] = [];
  #interval: NodeJS.Timeout | undefined;

  /** `clock` counts milliseconds; tests give their own and call `advance`. */
  constructor(clock: () => number = () => performance.now()) {
    this.#clock = clock;
    this.#started = clock();
  }

  /**
   * Node looks at timers before it looks at sockets. Where the process was held up, what a deadline waits for may have come
   * meanwhile: so those whose time has come are called after the sockets were read.
   */
  start(): void {
    const turn = (): void => {
      if (this.#interval !== undefined) this.#turnTo(this.now);
    };
    this.#interval ??= setInterval(() => {
      this.#renew();
      setImmediate(turn);
    }, WHEEL_TICK);
    this.#interval.unref();
  }

  stop(): void {
    clearInterval(this.#interval);
    this.#interval = undefined;
  }

  /** A deadline for a while. Those given back are used again: they may still stand in a bucket. */
  borrow(owner: DeadlineOwner): Deadline {
    const deadline = this.#free.pop();
    if (deadline === undefined) return new Deadline(owner);
    deadline.owner = owner;
    return deadline;
  }

  giveBack(deadline: Deadline): void {
    deadline.retire();
    if (this.#free.length < MAX_FREE) this.#free.push(deadline);
  }

  /** Due `milliseconds` from now. */
  set(deadline: Deadline, milliseconds: number): void {
    this.setAt(deadline, this.now + milliseconds);
  }

  /** Of one that was given back this does nothing: its next owner must not be called for the last one. */
  setAt(deadline: Deadline, dueAt: number): void {
    if (deadline.owner === null) return;
    deadline.dueAt = dueAt;
    const turn = Math.min(Math.ceil(dueAt / WHEEL_TICK), this.#turn + BUCKETS - 1);
    if (deadline.turn === -1 || turn < deadline.turn) this.#insert(deadline, Math.max(turn, this.#turn + 1));
  }

  clear(deadline: Deadline): void {
    deadline.dueAt = Number.POSITIVE_INFINITY;
  }

  /** Turns the wheel up to the clock and calls the owners whose time has come. */
  advance(): void {
    this.#renew();
    this.#turnTo(this.now);
  }

  #renew(): void {
    this.now = Math.floor(this.#clock() - this.#started);
  }

  #turnTo(now: number): void {
    const target = Math.floor(now / WHEEL_TICK);
    while (this.#turn < target) {
      this.#turn++;
      const bucket = this.#buckets[this.#turn % BUCKETS];
      if (bucket === undefined) continue;
      this.#buckets[this.#turn % BUCKETS] = undefined;
      for (const deadline of bucket) if (deadline.turn === this.#turn) this.#come(deadline);
    }
  }

  #come(deadline: Deadline): void {
    deadline.turn = -1;
    if (deadline.owner === null || deadline.dueAt === Number.POSITIVE_INFINITY) return;
    if (deadline.dueAt <= this.now) {
      deadline.dueAt = Number.POSITIVE_INFINITY;
      deadline.owner.onDeadline(this.now);
    } else {
      this.setAt(deadline, deadline.dueAt);
    }
  }

  #insert(deadline: Deadline, turn: number): void {
    deadline.turn = turn;
    const bucket = this.#buckets[turn % BUCKETS];
    if (bucket === undefined) this.#buckets[turn % BUCKETS] = [deadline];
    else bucket.push(deadline);
  }
}
