import type { DirectAnswerFilter } from '../../config/index.ts';
import { ANSWERED, type CompiledFilter, type FilterScope, type HeaderPair, type Verdict } from './filter.ts';

/** DirectAnswer: the same answer to everybody, without a backend. */
export class DirectAnswer implements CompiledFilter {
  readonly type = 'DirectAnswer';
  readonly step = 'route-filters';
  readonly #status: number;
  readonly #headers: ReadonlyArray<HeaderPair>;
  readonly #body: string;

  constructor({ status, contentType, body }: DirectAnswerFilter) {
    this.#status = status;
    this.#headers = [['Content-Type', contentType]];
    this.#body = body;
  }

  onRequest(scope: FilterScope): Verdict {
    scope.respond(this.#status, this.#headers, this.#body);
    return ANSWERED;
  }
}
