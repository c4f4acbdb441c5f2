/** How long a request's body may be: refused by what its head says, or counted while it comes. */
import type { Acting, BodySizeSettings } from '../../config/index.ts';
import type { DecisionCounter, PolicyState } from '../state/index.ts';
import { ANSWERED, CONTINUE, type CompiledFilter, type FilterScope, type Verdict } from './filter.ts';

export function bodySizeFilters(
  act: Acting<BodySizeSettings>,
  settings: BodySizeSettings,
  state: PolicyState,
): CompiledFilter[] {
  return [new BodySizeFilter(act, settings, state)];
}

class BodySizeFilter implements CompiledFilter {
  readonly type = 'BodySize';
  readonly step = 'address-access';
  readonly yields: boolean;
  readonly #most: number;
  readonly #denied: DecisionCounter;

  constructor({ source, holds }: Acting<BodySizeSettings>, { maxBytes }: BodySizeSettings, { counts }: PolicyState) {
    this.yields = holds === 'Default';
    this.#most = maxBytes;
    this.#denied = counts.counter(source, 'maxBodyBytes', 'denied');
  }

  onRequest(scope: FilterScope): Verdict {
    if (scope.head.contentLength <= this.#most) {
      scope.limitBody(this.#most, this.#denied);
      return CONTINUE;
    }
    scope.tell(this.#denied);
    const message = `The body of this request is longer than ${this.#most} bytes.`;
    scope.deny({ status: 413, reason: 'body_too_large', message });
    return ANSWERED;
  }
}
