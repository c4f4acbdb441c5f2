/** Limits of requests under way at a time, as nginx's limit_conn counts: one that ended, however, makes room. */
import type { ConcurrencyLimit } from '../../config/index.ts';
import type { DecisionCounter, Underway, UnderwayKey } from '../state/index.ts';
import {
  ANSWERED,
  CONTINUE,
  type CompiledFilter,
  type FilterScope,
  type KeptState,
  slot,
  type Verdict,
} from './filter.ts';
import { keyHash } from './limit-key.ts';
import { keyWords } from './limit-key-text.ts';
import { type LimitingPolicy, LimitScope } from './limit-scope.ts';
import type { FilterStep } from './order.ts';

export class ConcurrencyLimiter implements CompiledFilter {
  readonly type = 'RateLimit';
  readonly step: FilterStep;
  readonly yields: boolean;
  readonly #limit: ConcurrencyLimit;
  readonly #scope: LimitScope;
  readonly #underway: Underway;
  readonly #limited: DecisionCounter;
  /** The key that it took. */
  readonly #taken = slot<UnderwayKey>('request under way');

  constructor(limit: ConcurrencyLimit, about: LimitingPolicy) {
    this.step = about.step ?? 'request-limits';
    this.yields = about.yields;
    this.#limit = limit;
    this.#scope = new LimitScope(limit, about);
    this.#underway = about.state.underway;
    this.#limited = about.state.counts.counter(about.source, limit.name, limit.dryRun ? 'would-limit' : 'limited');
  }

  onRequest(scope: FilterScope): Verdict {
    if (!this.#scope.counts(scope)) return CONTINUE;
    this.#scope.key.read(scope);
    const key = { a: keyHash.a, b: keyHash.b, owner: this.#scope.owner };
    const { maxConnections, statusCode, dryRun } = this.#limit;
    if (this.#underway.take(key, maxConnections)) {
      scope.keep(this.#taken, key);
      return CONTINUE;
    }
    scope.tell(this.#limited);
    if (dryRun) return CONTINUE;
    const message = 'Too many requests at a time: try again when one of them has ended.';
    scope.deny({ status: statusCode, reason: 'rate_limited', message, headers: [['Retry-After', '1']] });
    return ANSWERED;
  }

  details(scope: FilterScope, words: (rule: string) => string): string[] {
    if (!this.#scope.counts(scope)) return [];
    const { name, key, maxConnections } = this.#limit;
    return [`${words(name)}: passes if fewer than ${maxConnections} requests${keyWords(key, scope)} are under way`];
  }

  onEnd(scope: KeptState): void {
    const taken = scope.kept(this.#taken);
    if (taken !== undefined) this.#underway.giveBack(taken);
  }
}
