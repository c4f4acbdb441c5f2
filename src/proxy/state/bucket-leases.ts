/**
 * Buckets that all workers share, asked seldom: of one that is far from empty each worker may take a small part before it
 * tells the others and hears of them. So a decision costs no call of the kernel where a limit is wide, and is exact where
 * it is near (docs/decisions/shared-limits.md).
 */
import type { Buckets, Charge } from './buckets.ts';

/** The part of what a bucket still holds that may be taken by all workers together and not be told. */
export const LEASED_SHARE = 0.04;
/** Milliseconds after which what was taken is told, and what others took is heard. */
export const LEASE_TIME = 100;
/** Buckets that are leased at a time, each at one of two places; a power of two. Who finds no place asks each time. */
const PLACES = 4_096;

export class LeasedBuckets implements Buckets {
  readonly #shared: Buckets;
  readonly #share: number;
  readonly #a = new Uint32Array(PLACES);
  readonly #b = new Uint32Array(PLACES);
  /** When the lease ends; 0: there is none. */
  readonly #until = new Float64Array(PLACES);
  /** When the bucket is full again, as far as this worker knows. */
  readonly #full = new Float64Array(PLACES);
  /** Taken and not told, and how much may be. */
  readonly #taken = new Float64Array(PLACES);
  readonly #most = new Float64Array(PLACES);
  readonly #owners = new Uint32Array(PLACES);
  /** What the shared bucket answered last: it is charged next. */
  #debt = 0;

  constructor(shared: Buckets, workers: number) {
    this.#shared = shared;
    this.#share = LEASED_SHARE / workers;
  }

  debt(a: number, b: number, now: number): number {
    const at = this.#leased(a, b, now);
    if (at >= 0) return Math.max(0, this.#full[at]! - now);
    this.#debt = this.#shared.debt(a, b, now);
    return this.#debt;
  }

  charge(a: number, b: number, charge: Charge): void {
    const { now, cost, capacity = 0, owner } = charge;
    const at = this.#leased(a, b, now);
    if (at >= 0) {
      const taken = this.#taken[at]! + cost;
      this.#full[at] = Math.max(now, this.#full[at]!) + cost;
      this.#taken[at] = taken;
      if (taken <= this.#most[at]!) return;
      this.#tell(at, now);
      this.#debt = this.#shared.debt(a, b, now);
    } else {
      this.#shared.charge(a, b, charge);
      this.#debt += cost;
    }
    this.#lease(a, b, { now, cost, capacity, owner });
  }

  /** Where its lease is, or -1. One whose time is up has been told. */
  #leased(a: number, b: number, now: number): number {
    let at = placeOf(a);
    if (this.#a[at] !== a || this.#b[at] !== b) at = placeOf(b);
    if (this.#a[at] !== a || this.#b[at] !== b || this.#until[at] === 0) return -1;
    if (now < this.#until[at]!) return at;
    this.#tell(at, now);
    return -1;
  }

  /** A place for a new lease, or -1. */
  #free(a: number, b: number, now: number): number {
    const [one, other] = [placeOf(a), placeOf(b)];
    const at = this.#until[one]! <= now ? one : other;
    return this.#until[at]! <= now ? at : -1;
  }

  /** Ends the lease. Where the bucket is full by now, what has flowed in again meanwhile is not owed. */
  #tell(at: number, now: number): void {
    this.#until[at] = 0;
    const [a, b] = [this.#a[at]!, this.#b[at]!];
    const isFull = this.#shared.debt(a, b, now) === 0;
    const cost = isFull ? Math.min(this.#taken[at]!, this.#full[at]! - now) : this.#taken[at]!;
    if (cost > 0) this.#shared.charge(a, b, { now, cost, owner: this.#owners[at]! });
  }

  #lease(a: number, b: number, { now, cost, capacity, owner }: Required<Charge>): void {
    const debt = this.#debt;
    const most = (capacity - debt) * this.#share;
    if (most < cost) return;
    const at = this.#free(a, b, now);
    if (at < 0) return;
    if (this.#until[at] !== 0) this.#tell(at, now);
    this.#a[at] = a;
    this.#b[at] = b;
    this.#until[at] = now + LEASE_TIME;
    this.#full[at] = now + debt;
    this.#taken[at] = 0;
    this.#most[at] = most;
    this.#owners[at] = owner;
  }
}

function placeOf(half: number): number {
  return half & (PLACES - 1);
}
