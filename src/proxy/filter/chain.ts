/** The filters that one request meets, in order, and which of them have something to say later. */
import type { CompiledFilter } from './filter.ts';
import { stepNumber } from './order.ts';

export class FilterChain {
  readonly filters: ReadonlyArray<CompiledFilter>;
  /** In the order in which an answer meets them; null where there are none. */
  readonly answering: ReadonlyArray<CompiledFilter> | null;
  readonly attempting: ReadonlyArray<CompiledFilter> | null;
  /** Some want to know how it ended. */
  readonly ending: boolean;

  private constructor(filters: ReadonlyArray<CompiledFilter>) {
    this.filters = filters.toSorted((a, b) => stepNumber(a.step) - stepNumber(b.step));
    this.answering = noneAsNull(this.filters.filter((filter) => filter.onResponseHead !== undefined).reverse());
    this.attempting = noneAsNull(this.filters.filter((filter) => filter.onAttempt !== undefined));
    this.ending = this.filters.some((filter) => filter.onEnd !== undefined);
  }

  static of(filters: ReadonlyArray<CompiledFilter>): FilterChain | null {
    return filters.length === 0 ? null : new FilterChain(filters);
  }

  /** Without those that `other` has, too; null where none is left. */
  without(other: FilterChain): FilterChain | null {
    const left = this.filters.filter((filter) => !other.filters.includes(filter));
    return left.length === this.filters.length ? this : FilterChain.of(left);
  }

  /** This one's filters and those of what is further in; of one step, this one's come first. */
  around(inner: FilterChain | null): FilterChain {
    return inner === null ? this : new FilterChain([...this.filters, ...inner.filters]);
  }
}

function noneAsNull(filters: ReadonlyArray<CompiledFilter>): ReadonlyArray<CompiledFilter> | null {
  return filters.length === 0 ? null : filters;
}
