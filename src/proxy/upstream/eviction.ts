/** Passive eviction: an endpoint that refuses is passed over for a while, longer each time it refuses again. */
import type { EndpointPool } from './connection.ts';

/** Milliseconds that an endpoint is passed over: doubled with each refusal that follows, up to the longest. */
export const FIRST_EVICTION = 1_000;
export const LONGEST_EVICTION = 30_000;

export class Eviction {
  #inARow = 0;

  /** Many connections refused at once are one reason, not many. */
  refused(pool: EndpointPool, now: number): void {
    if (now < pool.evictedUntil) return;
    pool.evictedUntil = now + Math.min(LONGEST_EVICTION, FIRST_EVICTION * 2 ** this.#inARow);
    this.#inARow++;
  }

  answered(pool: EndpointPool): void {
    if (this.#inARow === 0) return;
    this.#inARow = 0;
    pool.evictedUntil = 0;
  }
}
