/**
 * Limits of requests by time: buckets that fill evenly (GCRA), exact to the request however they come. A request that
 * one limit refuses is counted by none.
 */
import type { HeaderLine, RateLimitSettings, RequestLimit } from '../../config/index.ts';
import type { Buckets, DecisionCounter } from '../state/index.ts';
import { ANSWERED, CONTINUE, type CompiledFilter, type FilterScope, type HeaderPair, type Verdict } from './filter.ts';
import { HeaderPatch } from './header-patch.ts';
import { keyHash } from './limit-key.ts';
import { type LimitingPolicy, LimitScope } from './limit-scope.ts';

/** Milliseconds by which sums of fractions may be wrong. */
const ROUNDING = 0.001;
/** Milliseconds of a clock that all processes of the machine share. */
export const monotonic: () => number = sharedClock();

function sharedClock(): () => number {
  const offset = Number(process.hrtime.bigint()) / 1e6 - performance.now();
  return () => performance.now() + offset;
}

class Limit {
  readonly scope: LimitScope;
  readonly limit: RequestLimit;
  /** Milliseconds in which one request of cost 1 comes in. */
  readonly interval: number;
  readonly cost: number;
  readonly capacity: number;
  readonly limited: DecisionCounter;
  /** As it stands in RateLimit-Policy and RateLimit. */
  readonly policyItem: string;
  readonly label: string;
  // Of the request that is looked at.
  counts = false;
  a = 0;
  b = 0;
  debt = 0;

  constructor(limit: RequestLimit, about: LimitingPolicy) {
    this.scope = new LimitScope(limit, about);
    this.limit = limit;
    this.interval = limit.period / limit.requests;
    this.cost = limit.cost * this.interval;
    this.capacity = limit.burst * this.interval;
    this.limited = about.state.counts.counter(about.source, limit.name, limit.dryRun ? 'would-limit' : 'limited');
    this.label = `"${limit.name}"`;
    this.policyItem = `${this.label};q=${limit.burst};w=${Math.max(1, Math.ceil(this.capacity / 1000))}`;
  }

  look(scope: FilterScope, buckets: Buckets, now: number): void {
    this.counts = this.scope.counts(scope);
    if (!this.counts) return;
    this.scope.key.read(scope);
    this.a = keyHash.a;
    this.b = keyHash.b;
    this.debt = buckets.debt(this.a, this.b, now);
  }

  /** Milliseconds until it would let the request through; 0 or less: now. */
  get wait(): number {
    return this.debt + this.cost - this.capacity - ROUNDING;
  }

  /** What is left, and the seconds until all is there again. */
  get standing(): string {
    const left = Math.max(0, Math.floor((this.capacity - this.debt + ROUNDING) / this.interval));
    return `${this.label};r=${left};t=${Math.ceil(this.debt / 1000)}`;
  }
}

export class RequestLimiter implements CompiledFilter {
  readonly type = 'RateLimit';
  readonly step = 'request-limits';
  readonly yields: boolean;
  readonly #limits: readonly Limit[];
  readonly #buckets: Buckets;
  readonly #clock: () => number;
  readonly #headers: RateLimitSettings['headers'];
  readonly #policyLine: HeaderLine;

  constructor(
    limits: readonly RequestLimit[],
    headers: RateLimitSettings['headers'],
    about: LimitingPolicy & { clock?: () => number },
  ) {
    this.yields = about.yields;
    this.#limits = limits.map((limit) => new Limit(limit, about));
    this.#buckets = about.state.buckets;
    this.#clock = about.clock ?? monotonic;
    this.#headers = headers;
    const told = this.#limits.filter(({ limit }) => !limit.dryRun).map(({ policyItem }) => policyItem);
    this.#policyLine = { name: 'RateLimit-Policy', value: told.join(', ') };
  }

  onRequest(scope: FilterScope): Verdict {
    const now = this.#clock();
    const limits = this.#limits;
    let refusing: Limit | null = null;
    for (let i = 0; i < limits.length; i++) {
      const one = limits[i]!;
      one.look(scope, this.#buckets, now);
      if (!one.counts || one.wait <= 0) continue;
      if (one.limit.dryRun) scope.tell(one.limited);
      else if (refusing === null || one.wait > refusing.wait) refusing = one;
    }
    if (refusing !== null) return this.#refuse(scope, refusing);
    this.#charge(now);
    if (this.#headers === 'All' && this.#policyLine.value !== '') scope.patchResponse(this.#standing());
    return CONTINUE;
  }

  #charge(now: number): void {
    for (const one of this.#limits) {
      // What would have been refused would not have been counted.
      if (!one.counts || one.wait > 0) continue;
      this.#buckets.charge(one.a, one.b, { now, cost: one.cost });
      one.debt += one.cost;
    }
  }

  #standing(): HeaderPatch {
    return HeaderPatch.adding([this.#policyLine, { name: 'RateLimit', value: this.#items() }]);
  }

  #items(): string {
    let items = '';
    for (const one of this.#limits) {
      if (one.counts && !one.limit.dryRun) items += items === '' ? one.standing : `, ${one.standing}`;
    }
    return items;
  }

  #refuse(scope: FilterScope, { limit, limited, wait }: Limit): Verdict {
    scope.tell(limited);
    const headers: HeaderPair[] = [['Retry-After', String(Math.max(1, Math.ceil(wait / 1000)))]];
    if (this.#headers !== 'None') {
      headers.push(['RateLimit-Policy', this.#policyLine.value], ['RateLimit', this.#items()]);
    }
    const message = 'Too many requests: try again later.';
    scope.deny({ status: limit.statusCode, reason: 'rate_limited', message, headers });
    return ANSWERED;
  }
}
