/**
 * Tokens that a gateway took from shared limits beforehand, by key, and which keys have none for a while. So most requests
 * ask nobody. What is left of tokens is given up after the time in which as many come back, and a second at least.
 */
import type { RedisClient, Taken } from '../redis/index.ts';

/** Keys of one policy whose tokens a worker holds; the one that was taken first is given up for the next. */
export const MAX_LEASES = 65_536;
/** Milliseconds that tokens are held at least: where many come back at once, they are not asked for as often. */
export const LEAST_LEASE = 1_000;
/** Times that one request asks: others may have taken what came. */
const MAX_TRIES = 32;

/** One limit, in milliseconds. */
export interface LeasedLimit {
  readonly key: string;
  readonly cost: number;
  readonly capacity: number;
}

export interface Lease {
  left: number;
  /** When what is left is given up. */
  until: number;
  /** Until then it is known that there is none. */
  refusedUntil: number;
  /** Milliseconds until the bucket was full, and when that was. */
  debt: number;
  at: number;
}

export class TokenLeases {
  readonly #client: RedisClient;
  readonly #batch: number;
  readonly #clock: () => number;
  readonly #leases = new Map<string, Lease>();
  /** Who waits for the answer about a key: it is asked about once. */
  readonly #asked = new Map<string, Array<(isKnown: boolean) => void>>();

  constructor(client: RedisClient, batch: number, clock: () => number) {
    this.#client = client;
    this.#batch = batch;
    this.#clock = clock;
  }

  /** What is held of this key; undefined: nothing is known of it now. */
  held(key: string): Lease | undefined {
    const lease = this.#leases.get(key);
    if (lease === undefined) return undefined;
    const now = this.#clock();
    if (lease.left > 0 ? lease.until > now : lease.refusedUntil > now) return lease;
    this.#leases.delete(key);
    return undefined;
  }

  /** Until something is known of all of them: `done` is called then, at once where it is so; false: nobody says. */
  know(limits: readonly LeasedLimit[], timeout: number, done: (isKnown: boolean) => void): void {
    this.#know(limits, { until: this.#clock() + timeout, tries: MAX_TRIES }, done);
  }

  #know(
    limits: readonly LeasedLimit[],
    { until, tries }: { until: number; tries: number },
    done: (isKnown: boolean) => void,
  ): void {
    const unknown = limits.filter(({ key }) => this.held(key) === undefined);
    if (unknown.length === 0) return done(true);
    const timeout = until - this.#clock();
    if (tries === 0 || timeout <= 0) return done(false);
    let open = unknown.length;
    let failed = false;
    const answered = (isKnown: boolean): void => {
      failed ||= !isKnown;
      if (--open > 0) return;
      if (failed) done(false);
      else this.#know(limits, { until, tries: tries - 1 }, done);
    };
    for (const limit of unknown) this.#ask(limit, timeout, answered);
  }

  #ask({ key, cost, capacity }: LeasedLimit, timeout: number, answered: (isKnown: boolean) => void): void {
    const waiting = this.#asked.get(key);
    if (waiting !== undefined) return void waiting.push(answered);
    const all = [answered];
    this.#asked.set(key, all);
    const asking = { key, cost: cost * 1_000, capacity: capacity * 1_000, wanted: this.#batch, dryRun: false };
    this.#client.take([asking], timeout, (taken) => {
      this.#asked.delete(key);
      if (typeof taken !== 'string') this.#put({ key, cost, capacity }, taken);
      for (const one of all) one(typeof taken !== 'string');
    });
  }

  #put({ key, cost, capacity }: LeasedLimit, { given, debts }: Taken): void {
    const left = given[0]!;
    const debt = debts[0]! / 1_000;
    const now = this.#clock();
    const refusedUntil = left > 0 ? 0 : now + Math.max(1, debt + cost - capacity);
    if (!this.#leases.has(key) && this.#leases.size >= MAX_LEASES) {
      const [first] = this.#leases.keys();
      this.#leases.delete(first!);
    }
    this.#leases.set(key, { left, until: now + Math.max(LEAST_LEASE, left * cost), refusedUntil, debt, at: now });
  }
}
