/** What is kept of a backend while its config changes around it. */
import { EndpointHealth, type HealthGroup, type Setback } from './endpoint-health.ts';
import { Kept } from './kept.ts';
import { RetryBudget } from './retry-budget.ts';

/** The part of a backend's endpoints that may be evicted at a time because requests went badly. */
const MOST_EVICTED = 1 / 2;

export class BackendState implements HealthGroup {
  /** Whose turn it is; counts up, and is taken modulo the number of endpoints. */
  turn = 0;
  /** By `address:port`. */
  readonly endpoints: Kept<EndpointHealth> = new Kept(() => new EndpointHealth(this));
  readonly retries: RetryBudget;
  readonly evictions: Record<Setback, number> = { connect: 0, ping: 0, unanswered: 0, status: 0 };
  readonly #clock: { readonly now: number };

  constructor(clock: { readonly now: number }) {
    this.#clock = clock;
    this.retries = new RetryBudget(clock);
  }

  get now(): number {
    return this.#clock.now;
  }

  /** Endpoints that are passed over now, or tried now and then. */
  get evicted(): number {
    let count = 0;
    for (const [, { evictedUntil }] of this.endpoints) if (evictedUntil !== 0) count++;
    return count;
  }

  mayEvict(): boolean {
    return this.evicted + 1 <= this.endpoints.size * MOST_EVICTED;
  }

  noteEviction(why: Setback): void {
    this.evictions[why]++;
  }
}
