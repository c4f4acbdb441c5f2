/** Fault: some requests wait, some are refused, as if the backend had done it. */
import type { Acting, FaultSettings } from '../../config/index.ts';
import type { DecisionCounter, PolicyState } from '../state/index.ts';
import {
  ANSWERED,
  CONTINUE,
  type CompiledFilter,
  FILTER_TIMEOUT,
  type FilterScope,
  type KeptState,
  LATER,
  slot,
  type Verdict,
} from './filter.ts';
import { RequestMatches } from './request-match.ts';

export function faultFilters(
  act: Acting<FaultSettings>,
  settings: FaultSettings,
  state: PolicyState,
): CompiledFilter[] {
  return [new FaultFilter(act, settings, state)];
}

class FaultFilter implements CompiledFilter {
  readonly type = 'Fault';
  readonly step = 'route-filters';
  readonly yields: boolean;
  readonly #settings: FaultSettings;
  readonly #matches: RequestMatches;
  readonly #delayed: DecisionCounter;
  readonly #aborted: DecisionCounter;
  readonly #timer = slot<NodeJS.Timeout>('delay');

  constructor({ source, holds }: Acting<FaultSettings>, settings: FaultSettings, { counts }: PolicyState) {
    this.yields = holds === 'Default';
    this.#settings = settings;
    this.#matches = new RequestMatches(settings.when, 'Whole');
    this.#delayed = counts.counter(source, '', 'delayed');
    this.#aborted = counts.counter(source, '', 'aborted');
  }

  onRequest(scope: FilterScope): Verdict {
    if (!this.#matches.holds(scope.head)) return CONTINUE;
    const { delay, abort } = this.#settings;
    const aborts = abort !== undefined && isAmong(abort.percentage);
    if (delay === undefined || !isAmong(delay.percentage)) return aborts ? this.#abort(scope) : CONTINUE;
    scope.tell(this.#delayed);
    const waiting = scope.wait(delay.milliseconds + FILTER_TIMEOUT);
    const timer = setTimeout(() => {
      if (!aborts) return waiting.proceed();
      scope.tell(this.#aborted);
      waiting.deny(this.#denial());
    }, delay.milliseconds);
    scope.keep(this.#timer, timer);
    return LATER;
  }

  onEnd(scope: KeptState): void {
    clearTimeout(scope.kept(this.#timer));
  }

  #abort(scope: FilterScope): Verdict {
    scope.tell(this.#aborted);
    scope.deny(this.#denial());
    return ANSWERED;
  }

  #denial() {
    return { status: this.#settings.abort!.statusCode, reason: 'fault', message: 'A fault was made on purpose.' };
  }
}

function isAmong(percentage: number): boolean {
  return Math.random() * 100 < percentage;
}
