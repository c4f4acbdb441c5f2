/**
 * Limits of requests by time: buckets that fill evenly (GCRA), exact to the request however they come. A request that
 * one limit refuses is counted by none.
 */
import type { RateLimitSettings, RequestLimit } from '../../config/index.ts';
import type { Buckets, DecisionCounter } from '../state/index.ts';
import { ANSWERED, CONTINUE, type CompiledFilter, type FilterScope, type Verdict } from './filter.ts';
import { keyHash } from './limit-key.ts';
import { requestsText } from './limit-key-text.ts';
import { type LimitingPolicy, LimitScope } from './limit-scope.ts';
import { LimitTelling, LimitText, ROUNDING } from './limit-text.ts';
import type { FilterStep } from './order.ts';

/** Milliseconds of a clock that all processes of the machine share. */
export const monotonic: () => number = sharedClock();

function sharedClock(): () => number {
  const offset = Number(process.hrtime.bigint()) / 1e6 - performance.now();
  return () => performance.now() + offset;
}

class Limit {
  readonly scope: LimitScope;
  readonly limit: RequestLimit;
  readonly text: LimitText;
  readonly cost: number;
  readonly capacity: number;
  readonly limited: DecisionCounter;
  // Of the request that is looked at.
  counts = false;
  a = 0;
  b = 0;
  debt = 0;

  constructor(limit: RequestLimit, about: LimitingPolicy) {
    this.scope = new LimitScope(limit, about);
    this.limit = limit;
    this.text = new LimitText(limit);
    this.cost = this.text.cost;
    this.capacity = this.text.capacity;
    this.limited = about.state.counts.counter(about.source, limit.name, limit.dryRun ? 'would-limit' : 'limited');
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
}

export class RequestLimiter implements CompiledFilter {
  readonly type = 'RateLimit';
  readonly step: FilterStep;
  readonly yields: boolean;
  readonly #limits: readonly Limit[];
  readonly #buckets: Buckets;
  readonly #clock: () => number;
  readonly #telling: LimitTelling;

  constructor(
    limits: readonly RequestLimit[],
    headers: RateLimitSettings['headers'],
    about: LimitingPolicy & { clock?: () => number },
  ) {
    this.step = about.step ?? 'request-limits';
    this.yields = about.yields;
    this.#limits = limits.map((limit) => new Limit(limit, about));
    this.#buckets = about.state.buckets;
    this.#clock = about.clock ?? monotonic;
    const told = this.#limits.filter(({ limit }) => !limit.dryRun).map(({ text }) => text);
    this.#telling = new LimitTelling(headers, told);
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
    if (this.#telling.tellsAll) scope.patchResponse(this.#telling.standing(this.#items()));
    return CONTINUE;
  }

  details(scope: FilterScope, words: (rule: string) => string): string[] {
    const counting = this.#limits.filter((one) => one.scope.counts(scope));
    return counting.map(({ limit }) => `${words(limit.name)}: ${requestsText(limit, scope)}`);
  }

  #charge(now: number): void {
    for (const one of this.#limits) {
      // What would have been refused would not have been counted.
      if (!one.counts || one.wait > 0) continue;
      const { cost, capacity, scope } = one;
      this.#buckets.charge(one.a, one.b, { now, cost, capacity, owner: scope.owner });
      one.debt += one.cost;
    }
  }

  #items(): string {
    let items = '';
    for (const one of this.#limits) {
      if (!one.counts || one.limit.dryRun) continue;
      const standing = one.text.standing(one.debt);
      items += items === '' ? standing : `, ${standing}`;
    }
    return items;
  }

  #refuse(scope: FilterScope, { limit, limited, wait }: Limit): Verdict {
    scope.tell(limited);
    scope.deny(this.#telling.refusal(limit.statusCode, wait, this.#items()));
    return ANSWERED;
  }
}
