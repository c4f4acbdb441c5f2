import type { MirrorFilter } from '../../config/index.ts';
import { CONTINUE, type CompiledFilter, type FilterScope, type Verdict } from './filter.ts';

/**
 * RequestMirror: copies a share of the requests to another backend. The share is kept by counting, not by chance:
 * of any run of `denominator` requests `numerator` are copied, evenly spread.
 */
export class RequestMirror implements CompiledFilter {
  readonly type = 'RequestMirror';
  readonly step = 'route-filters';
  readonly #backend: string;
  readonly #numerator: number;
  readonly #denominator: number;
  /** What is owed to the mirror, in parts of the denominator; always below it between requests. */
  #owed = 0;

  constructor(filter: MirrorFilter) {
    this.#backend = filter.backend;
    this.#denominator = Math.max(1, filter.fraction.denominator);
    this.#numerator = Math.min(Math.max(0, filter.fraction.numerator), this.#denominator);
  }

  onRequest(scope: FilterScope): Verdict {
    this.#owed += this.#numerator;
    if (this.#owed >= this.#denominator) {
      this.#owed -= this.#denominator;
      scope.mirror(this.#backend);
    }
    return CONTINUE;
  }
}
