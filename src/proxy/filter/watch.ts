/**
 * Filters under the eyes of somebody who wants to know what each of them does to one request. For explanations: the
 * filters are those that serve, and know nothing of it.
 */
import type { Acting } from '../../config/index.ts';
import { FilterChain } from './chain.ts';
import type { CompiledFilter, FilterScope, KeptState, Verdict } from './filter.ts';
import { type Claims, IDENTITY } from './identity.ts';

/** The policy that a filter acts for. */
export interface FilterAct extends Acting<unknown> {
  /** Of the config policy. */
  readonly type: string;
  /** Which of the policy's filters it is. */
  readonly at: number;
}

const ACTS = new WeakMap<CompiledFilter, FilterAct>();

export function noteAct(filter: CompiledFilter, act: FilterAct): void {
  ACTS.set(filter, act);
}

/** Undefined: it is a filter of a route. */
export function actOf(filter: CompiledFilter): FilterAct | undefined {
  return ACTS.get(filter);
}

export interface FilterWatch {
  /** A verdict: the filter is not asked, and that is what it said. */
  before(filter: CompiledFilter, scope: FilterScope): Verdict | undefined;
  after(filter: CompiledFilter, scope: FilterScope, verdict: Verdict): void;
}

/** The same filters in the same order. They are asked about no answer, for there is none. */
export function watchedChain(chain: FilterChain | null, watch: FilterWatch): FilterChain | null {
  return FilterChain.of((chain?.filters ?? []).map((filter) => watched(filter, watch)));
}

function watched(filter: CompiledFilter, watch: FilterWatch): CompiledFilter {
  return {
    type: filter.type,
    step: filter.step,
    onRequest(scope) {
      const instead = watch.before(filter, scope);
      if (instead !== undefined) return instead;
      const verdict = filter.onRequest(scope);
      watch.after(filter, scope, verdict);
      return verdict;
    },
    onEnd: (scope, outcome) => filter.onEnd?.(scope, outcome),
  };
}

/** From here on it is known who asks, as if authentication had found that out. */
export function assumeIdentity(scope: KeptState, claims: Claims): void {
  const { sub } = claims;
  scope.keep(IDENTITY, { subject: typeof sub === 'string' ? sub : '', claims });
}

export function knowsIdentity(scope: KeptState): boolean {
  return scope.kept(IDENTITY) !== undefined;
}
