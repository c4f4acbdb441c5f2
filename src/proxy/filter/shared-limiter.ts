/**
 * Limits of requests by time that several gateways count together. All limits of a request are asked about in one call,
 * and it waits meanwhile; or tokens are taken some at a time, and most requests wait for nobody.
 */
import type { LimitKey, RateLimitSettings, RequestLimit, SharedLimits } from '../../config/index.ts';
import { type Asking, limitKey, type RedisClient, ROUNDING_US } from '../redis/index.ts';
import type { DecisionCounter } from '../state/index.ts';
import {
  ANSWERED,
  CONTINUE,
  type CompiledFilter,
  type Denial,
  type FilterScope,
  type KeptState,
  LATER,
  slot,
  type Verdict,
  type Waiting,
} from './filter.ts';
import { keyHash } from './limit-key.ts';
import { keyText } from './limit-key-text.ts';
import { type LimitingPolicy, LimitScope } from './limit-scope.ts';
import { LimitTelling, LimitText, ROUNDING } from './limit-text.ts';
import type { FilterStep } from './order.ts';
import { monotonic } from './request-limiter.ts';
import { type LeasedLimit, TokenLeases } from './token-leases.ts';

/** Milliseconds after its own time that an answer may come late, before the request is refused. */
const GRACE = 2_000;

class SharedLimit {
  readonly limit: RequestLimit;
  readonly scope: LimitScope;
  readonly text: LimitText;
  readonly limited: DecisionCounter;
  readonly keys: readonly LimitKey[];
  readonly #about: string;
  readonly #tag: string;

  constructor(limit: RequestLimit, about: LimitingPolicy, tag: string) {
    this.limit = limit;
    this.keys = limit.key;
    this.scope = new LimitScope(limit, about);
    this.text = new LimitText(limit);
    this.limited = about.state.counts.counter(about.source, limit.name, limit.dryRun ? 'would-limit' : 'limited');
    this.#about = JSON.stringify([about.source, about.yields, limit.name]);
    this.#tag = tag;
  }

  keyOf(scope: FilterScope): string {
    return limitKey(`${this.#about}${keyText(this.keys, scope)}`, this.#tag);
  }
}

/** One limit that counts a request. */
interface Counted extends LeasedLimit {
  readonly limit: SharedLimit;
  /** Of the key, for counting alone. */
  readonly a: number;
  readonly b: number;
  /** It lets the request through. */
  passes: boolean;
  debt: number;
}

/** A request that waits for its answer. */
interface Pending {
  over: boolean;
}

/** Null: it may go on. */
type Decision = Denial | null;

export class SharedLimiter implements CompiledFilter {
  readonly type = 'RateLimit';
  readonly step: FilterStep;
  readonly yields: boolean;
  readonly #limits: readonly SharedLimit[];
  readonly #shared: SharedLimits;
  readonly #client: RedisClient;
  readonly #telling: LimitTelling;
  readonly #about: LimitingPolicy;
  readonly #failed: DecisionCounter;
  readonly #leases: TokenLeases | null;
  readonly #pending = slot<Pending>('shared limit');

  constructor(
    limits: readonly RequestLimit[],
    { headers, shared }: { headers: RateLimitSettings['headers']; shared: SharedLimits },
    about: LimitingPolicy,
  ) {
    this.step = about.step ?? 'request-limits';
    const { source, yields, state } = about;
    this.yields = yields;
    this.#about = about;
    this.#shared = shared;
    // What is decided together must be in one place; a limit by itself may be spread over a cluster.
    const tag =
      limits.length > 1 && shared.batch === 1 ? limitKey(JSON.stringify([source, yields]), '').slice(-12) : '';
    this.#limits = limits.map((limit) => new SharedLimit(limit, about, tag));
    const told = this.#limits.filter(({ limit }) => !limit.dryRun).map(({ text }) => text);
    this.#telling = new LimitTelling(headers, told);
    this.#client = state.redis.client(shared.redis, source);
    this.#failed = state.counts.counter(source, '', FAILED[shared.onFailure]);
    this.#leases = shared.batch > 1 ? new TokenLeases(this.#client, shared.batch, monotonic) : null;
  }

  onRequest(scope: FilterScope): Verdict {
    const counted = this.#counted(scope);
    if (counted.length === 0) return CONTINUE;
    const pending: Pending = { over: false };
    let waiting: Waiting | null = null;
    let decision: Decision | undefined;
    this.#ask(counted, (isKnown) => {
      if (pending.over) return;
      decision = this.#decide(scope, counted, isKnown);
      if (waiting === null) return;
      if (decision === null) waiting.proceed();
      else waiting.deny(decision);
    });
    if (decision !== undefined) return verdictOf(scope, decision);
    scope.keep(this.#pending, pending);
    waiting = scope.wait(this.#shared.timeout + GRACE);
    return LATER;
  }

  onEnd(scope: KeptState): void {
    const pending = scope.kept(this.#pending);
    if (pending !== undefined) pending.over = true;
  }

  #counted(scope: FilterScope): Counted[] {
    const alone = this.#shared.onFailure === 'Local';
    const counted: Counted[] = [];
    for (const limit of this.#limits) {
      if (!limit.scope.counts(scope)) continue;
      if (alone) limit.scope.key.read(scope);
      const { cost, capacity } = limit.text;
      const { a, b } = keyHash;
      counted.push({ limit, key: limit.keyOf(scope), cost, capacity, a, b, passes: false, debt: 0 });
    }
    return counted;
  }

  /** `done` is called once, maybe at once; what each limit says stands in it then. */
  #ask(counted: readonly Counted[], done: (isKnown: boolean) => void): void {
    const { timeout } = this.#shared;
    if (this.#leases !== null) return this.#leases.know(counted, timeout, done);
    const asking = counted.map(
      ({ key, cost, capacity, limit }): Asking => ({
        key,
        cost: cost * 1_000,
        capacity: capacity * 1_000,
        wanted: 1,
        dryRun: limit.limit.dryRun,
      }),
    );
    this.#client.take(asking, timeout, (taken) => {
      if (typeof taken === 'string') return done(false);
      for (const [at, one] of counted.entries()) {
        one.passes = taken.given[at]! > 0;
        one.debt = taken.debts[at]! / 1_000;
      }
      done(true);
    });
  }

  #decide(scope: FilterScope, counted: readonly Counted[], isKnown: boolean): Decision {
    if (!isKnown) return this.#alone(scope, counted);
    if (this.#leases !== null) takeHeld(this.#leases, counted);
    return this.#verdict(scope, counted);
  }

  #verdict(scope: FilterScope, counted: readonly Counted[]): Decision {
    let refusing: Counted | null = null;
    for (const one of counted) {
      if (one.passes) continue;
      if (one.limit.limit.dryRun) scope.tell(one.limit.limited);
      else if (refusing === null || waitOf(one) > waitOf(refusing)) refusing = one;
    }
    const items = itemsOf(counted);
    if (refusing !== null) {
      scope.tell(refusing.limit.limited);
      return this.#telling.refusal(refusing.limit.limit.statusCode, waitOf(refusing), items);
    }
    if (this.#telling.tellsAll) scope.patchResponse(this.#telling.standing(items));
    return null;
  }

  // ── while nothing is known

  #alone(scope: FilterScope, counted: readonly Counted[]): Decision {
    scope.tell(this.#failed);
    switch (this.#shared.onFailure) {
      case 'Open':
        return null;
      case 'Closed':
        return UNKNOWN;
      case 'Local':
        return this.#locally(scope, counted);
    }
  }

  #locally(scope: FilterScope, counted: readonly Counted[]): Decision {
    const { buckets } = this.#about.state;
    const now = monotonic();
    for (const one of counted) {
      one.debt = buckets.debt(one.a, one.b, now);
      one.passes = waitOf(one) <= 0;
    }
    if (refuses(counted)) return this.#verdict(scope, counted);
    for (const one of counted) {
      if (!one.passes) continue;
      // What is charged is what was asked about last.
      buckets.debt(one.a, one.b, now);
      buckets.charge(one.a, one.b, { now, cost: one.cost, owner: one.limit.scope.owner });
      one.debt += one.cost;
    }
    return this.#verdict(scope, counted);
  }
}

const FAILED = { Open: 'failed-open', Closed: 'failed-closed', Local: 'failed-local' } as const;

const UNKNOWN: Denial = {
  status: 503,
  reason: 'limits_unknown',
  message: 'It is not known how many requests may come: try again later.',
  headers: [['Retry-After', '1']],
};

/** One token of each, or of none where one has none. */
function takeHeld(leases: TokenLeases, counted: readonly Counted[]): void {
  const now = monotonic();
  for (const one of counted) {
    // Its time may have come since it was looked at.
    const lease = leases.held(one.key);
    one.passes = lease !== undefined && lease.left > 0;
    one.debt = lease === undefined ? one.capacity : Math.max(0, lease.debt - (now - lease.at) - lease.left * one.cost);
  }
  if (refuses(counted)) return;
  for (const one of counted) {
    if (!one.passes) continue;
    const lease = leases.held(one.key);
    if (lease !== undefined) lease.left--;
    one.debt += one.cost;
  }
}

function refuses(counted: readonly Counted[]): boolean {
  return counted.some(({ passes, limit }) => !passes && !limit.limit.dryRun);
}

function verdictOf(scope: FilterScope, decision: Decision): Verdict {
  if (decision === null) return CONTINUE;
  scope.deny(decision);
  return ANSWERED;
}

/** Milliseconds until the limit would let the request through. */
function waitOf({ debt, cost, capacity }: Counted): number {
  return debt + cost - capacity - ROUNDING - ROUNDING_US / 1_000;
}

function itemsOf(counted: readonly Counted[]): string {
  return counted
    .filter(({ limit }) => !limit.limit.dryRun)
    .map(({ limit, debt }) => limit.text.standing(debt))
    .join(', ');
}
