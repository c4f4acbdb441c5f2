/** Limits where no request is read: how many connections or sessions may be under way, and how many may begin by time. */
import type { Acting, StreamLimit, StreamLimitSettings } from '../../config/index.ts';
import { Networks } from '../../value/networks.ts';
import type { DecisionCounter, PolicyState } from '../state/index.ts';
import { arrivalPart, KeyReader, keyHash } from './limit-key.ts';
import { LimitText, ROUNDING } from './limit-text.ts';
import { monotonic } from './request-limiter.ts';
import type { StreamArrival, StreamFilter, StreamPass, StreamRefusal } from './stream-filter.ts';

/** The policy that limits. */
interface Limiting {
  source: string;
  yields: boolean;
  state: PolicyState;
}

class Limit {
  readonly limited: DecisionCounter;
  readonly dryRun: boolean;
  readonly #key: KeyReader<StreamArrival>;
  readonly #exempt: Networks | null;
  readonly #limit: StreamLimit;
  readonly #state: PolicyState;
  /** Whose its buckets are. */
  readonly #owner: number;
  /** Milliseconds that one that begins takes of its bucket, and that fill the bucket. */
  readonly #cost: number;
  readonly #capacity: number;
  // Of the one that is looked at.
  #counts = false;
  #a = 0;
  #b = 0;

  constructor(limit: StreamLimit, { source, yields, state }: Limiting) {
    const { name, key, exempt, dryRun } = limit;
    this.#limit = limit;
    this.#state = state;
    this.dryRun = dryRun;
    // Requests are counted apart, by the same policy, too.
    this.#key = new KeyReader(`streams of ${source} ${yields} ${name}`, key.map(arrivalPart), state.seed);
    this.#owner = state.bucketOwners.of(source, name);
    this.#exempt = exempt.length === 0 ? null : new Networks(exempt);
    this.limited = state.counts.counter(source, name, dryRun ? 'would-limit' : 'limited');
    const { cost, capacity } = limit.type === 'Requests' ? new LimitText(limit) : { cost: 0, capacity: 0 };
    this.#cost = cost;
    this.#capacity = capacity;
  }

  /** Whether there is room for it; of those under way it takes a place at once, which the pass gives back. */
  admits(arrival: StreamArrival, pass: StreamPass, now: number): boolean {
    this.#counts = this.#exempt === null || !this.#exempt.has(arrival.clientAddress);
    if (!this.#counts) return true;
    this.#key.read(arrival);
    this.#a = keyHash.a;
    this.#b = keyHash.b;
    this.#counts = this.#limit.type === 'Requests' ? this.#hasRoom(now) : this.#takes(this.#limit, pass);
    return this.#counts;
  }

  /** It has begun, as far as that is counted. */
  charge(now: number): void {
    if (!this.#counts || this.#limit.type !== 'Requests') return;
    const about = { now, cost: this.#cost, capacity: this.#capacity, owner: this.#owner };
    this.#state.buckets.charge(this.#a, this.#b, about);
  }

  #hasRoom(now: number): boolean {
    return this.#state.buckets.debt(this.#a, this.#b, now) + this.#cost - this.#capacity - ROUNDING <= 0;
  }

  #takes({ maxConnections }: Extract<StreamLimit, { type: 'Connections' }>, pass: StreamPass): boolean {
    const { underway } = this.#state;
    const key = { a: this.#a, b: this.#b, owner: this.#owner };
    if (!underway.take(key, maxConnections)) return false;
    pass.atEnd(() => underway.giveBack(key));
    return true;
  }
}

export class StreamLimiter implements StreamFilter {
  readonly type = 'StreamLimits';
  readonly step = 'request-limits';
  readonly yields: boolean;
  readonly #limits: readonly Limit[];
  /** It asks for what no connection has; null: it does not. */
  readonly #unknown: DecisionCounter | null;

  constructor(
    { source, holds }: Acting<StreamLimitSettings>,
    { limits, unknown }: StreamLimitSettings,
    state: PolicyState,
  ) {
    this.yields = holds === 'Default';
    this.#unknown = unknown.length === 0 ? null : state.counts.counter(source, '', 'unusable');
    this.#limits = limits.map((limit) => new Limit(limit, { source, yields: this.yields, state }));
  }

  /** What one limit refuses is counted by none. */
  onStream(arrival: StreamArrival, pass: StreamPass): StreamRefusal | '' {
    if (this.#unknown !== null) {
      pass.tell(this.#unknown);
      return 'policy_invalid';
    }
    const now = monotonic();
    for (const limit of this.#limits) {
      if (limit.admits(arrival, pass, now)) continue;
      pass.tell(limit.limited);
      if (!limit.dryRun) return 'rate_limited';
    }
    for (const limit of this.#limits) limit.charge(now);
    return '';
  }
}
