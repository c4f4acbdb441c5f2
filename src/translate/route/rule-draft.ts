import type { BackendRef, GRPCRouteFilter, HTTPRouteFilter } from '../../api/index.ts';
import type { RouteRule, WeightedBackend } from '../../config/index.ts';
import { type BackendScope, type BackendUse, resolveBackend } from '../backend/backend-ref.ts';
import { describe, type Problem } from '../status/problem.ts';
import { readFilters } from './http-filter.ts';

/** A rule as its route alone makes it: where it attaches is added later. */
export type RuleDraft = Pick<
  RouteRule,
  'index' | 'name' | 'matches' | 'filters' | 'backends' | 'timeouts' | 'retry' | 'broken'
>;

/** What a route's own text comes to. */
export interface RouteReading {
  rules: RuleDraft[];
  uses: BackendUse[];
  /** References that do not resolve: the condition ResolvedRefs. */
  unresolved: Problem[];
  /** By rule: values that cannot be served. Where all rules have some, the route is not Accepted. */
  invalid: Array<{ index: number; problems: Problem[] }>;
  ruleCount: number;
}

export function emptyReading(ruleCount: number): RouteReading {
  return { rules: [], uses: [], unresolved: [], invalid: [], ruleCount };
}

/** References of a rule with weights and filters of their own. */
export type FilteredBackendRef = BackendRef & { filters?: ReadonlyArray<HTTPRouteFilter | GRPCRouteFilter> };

/** Reads backendRefs: one that does not resolve keeps its weight and answers 500. */
export function readBackends(
  scope: BackendScope,
  references: ReadonlyArray<FilteredBackendRef>,
  { reading, field }: { reading: RouteReading; field: string },
): WeightedBackend[] {
  return references.map((reference, at) => {
    const where = `${field}[${at}]`;
    const result = resolveBackend(scope, reference, where);
    const filters = readFilters(scope, reference.filters ?? [], `${where}.filters`);
    reading.unresolved.push(...filters.unresolved);
    reading.uses.push(...filters.uses);
    const weighted: WeightedBackend = { weight: reference.weight ?? 1, filters: filters.filters };
    if ('reason' in result) {
      reading.unresolved.push(result);
      weighted.broken = result.message;
    } else if (result.fault !== undefined) {
      reading.uses.push(result);
      weighted.broken = result.fault;
    } else if (filters.unsupported.length > 0) {
      weighted.broken = describe(filters.unsupported);
    } else {
      reading.uses.push(result);
      weighted.backend = result.key;
    }
    return weighted;
  });
}
