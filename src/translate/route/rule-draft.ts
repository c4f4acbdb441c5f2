import {
  type BackendRef,
  type GRPCRouteFilter,
  type HTTPRouteFilter,
  type HTTPRouteRetry,
  type HTTPRouteTimeouts,
  type Misread,
  type Resource,
  ROUTE_REASON,
  type SessionPersistence,
} from '../../api/index.ts';
import { additionFault, type Filter, type RouteRule, type WeightedBackend } from '../../config/index.ts';
import type { PlainStatus } from '../../vendor/kong/index.ts';
import { type BackendScope, resolveBackend } from '../backend/backend-ref.ts';
import type { BackendUse } from '../backend/backend-use.ts';
import type { MatchReading } from '../http-match.ts';
import { sessionOf } from '../session.ts';
import { describe, type Problem, problem } from '../verdict/problem.ts';
import { readFilters, unfollowed } from './http-filter.ts';
import { readRetry, readTimeouts } from './rule-limit.ts';

/** A rule as its route alone makes it: where it attaches is added later. */
export type RuleDraft = Pick<
  RouteRule,
  'index' | 'name' | 'matches' | 'filters' | 'backends' | 'timeouts' | 'retry' | 'sessionPersistence' | 'broken'
>;

/** What a route's own text comes to. */
export interface RouteReading {
  rules: RuleDraft[];
  uses: BackendUse[];
  /** References that do not resolve: the condition ResolvedRefs. */
  unresolved: Problem[];
  /** The same of those whose BackendTLSPolicy cannot be followed: nothing to connections whose own TLS is passed through. */
  unfollowed: Problem[];
  /** By rule: values that cannot be served. Where all rules have some, the route is not Accepted. */
  invalid: Array<{ index: number; problems: Problem[] }>;
  /** Values for whose sake a backend's share of a rule is not served. */
  partial: Problem[];
  /** What is served as written, and most likely not meant. */
  remarks: Problem[];
  ruleCount: number;
  /** A value that cannot be read, above its rules: it is not Accepted. */
  misread?: Problem;
  /** What is answered in the place of all its rules where there is no TLS. */
  plain?: PlainStatus;
}

export function emptyReading(ruleCount: number): RouteReading {
  return { rules: [], uses: [], unresolved: [], unfollowed: [], invalid: [], partial: [], remarks: [], ruleCount };
}

export function misreadProblem({ field, message }: Misread, fate = 'requests get a 500 until then'): Problem {
  return problem(ROUTE_REASON.UnsupportedValue, field, `${message}; ${fate}`);
}

/** References of a rule with weights and filters of their own. */
export type FilteredBackendRef = BackendRef & { filters?: ReadonlyArray<HTTPRouteFilter | GRPCRouteFilter> };

/** A rule of an HTTPRoute or GRPCRoute, but for its matches. */
export interface MatchedRule {
  name?: string;
  misread?: Misread;
  filters?: ReadonlyArray<HTTPRouteFilter | GRPCRouteFilter>;
  backendRefs?: ReadonlyArray<FilteredBackendRef>;
  timeouts?: HTTPRouteTimeouts;
  retry?: HTTPRouteRetry;
  sessionPersistence?: SessionPersistence;
}

/**
 * A rule that cannot be served as written keeps its matches and answers 500: its requests must not fall through to a
 * rule that guards them less.
 */
export function readRule(
  scope: BackendScope,
  { route, rule, index, matches }: { route: Resource; rule: MatchedRule; index: number; matches: MatchReading },
  reading: RouteReading,
): void {
  if (rule.misread !== undefined) return readMisread(rule.misread, { rule, index, matches }, reading);
  const field = `spec.rules[${index}]`;
  const filters = readFilters(scope, rule.filters ?? [], `${field}.filters`);
  const faults = [...matches.invalid, ...filters.unsupported, ...tooLong(`${field}.filters`, filters.filters)];
  const backends = readBackends(scope, rule.backendRefs ?? [], {
    reading,
    field: `${field}.backendRefs`,
    before: faults.length > 0 ? [] : filters.filters,
  });
  const timeouts = readTimeouts(rule.timeouts, `${field}.timeouts`, faults);
  const retry = readRetry(rule.retry, `${field}.retry`, faults);
  reading.uses.push(...filters.uses);
  reading.unresolved.push(...filters.unresolved);
  reading.remarks.push(...filters.remarks);
  const problems = faults.filter(isOwnFault);
  if (problems.length > 0) reading.invalid.push({ index, problems });
  const draft: RuleDraft = { index, matches: matches.matches, filters: filters.filters, backends };
  if (rule.name !== undefined) draft.name = rule.name;
  if (timeouts !== undefined) draft.timeouts = timeouts;
  if (retry !== undefined) draft.retry = retry;
  if (rule.sessionPersistence !== undefined)
    draft.sessionPersistence = sessionOf(rule.sessionPersistence, route, rule.name ?? String(index));
  if (faults.length > 0) draft.broken = describe(faults);
  reading.rules.push(draft);
}

/** Where not even a match of it can be read, nobody knows which requests were meant. */
function readMisread(
  misread: Misread,
  {
    rule,
    index,
    matches,
  }: { rule: MatchedRule & { matches?: ReadonlyArray<unknown> }; index: number; matches: MatchReading },
  reading: RouteReading,
): void {
  const isKnown = (rule.matches ?? []).length > 0;
  const fault = misreadProblem(misread, isKnown ? undefined : 'nothing of the rule is served until then');
  reading.invalid.push({ index, problems: [fault] });
  if (!isKnown) return;
  const draft: RuleDraft = { index, matches: matches.matches, filters: [], backends: [], broken: describe([fault]) };
  if (rule.name !== undefined) draft.name = rule.name;
  reading.rules.push(draft);
}

/** A value of the rule itself. A reference to what is not there is told by ResolvedRefs. */
function isOwnFault({ reason }: Problem): boolean {
  return reason !== ROUTE_REASON.InvalidKind;
}

/** Filters that make a head longer than data planes compose. */
function tooLong(field: string, ...lists: ReadonlyArray<ReadonlyArray<Filter>>): Problem[] {
  const fault = additionFault(...lists);
  return fault === undefined
    ? []
    : [problem(ROUTE_REASON.UnsupportedValue, field, `${fault}; requests get a 500 until then`)];
}

/** Reads backendRefs: one that does not resolve keeps its weight and answers 500. `before`: the rule's own filters. */
export function readBackends(
  scope: BackendScope,
  references: ReadonlyArray<FilteredBackendRef>,
  { reading, field, before = [] }: { reading: RouteReading; field: string; before?: ReadonlyArray<Filter> },
): WeightedBackend[] {
  if (references.length > 0 && references.every(({ weight }) => weight === 0)) {
    const message = 'gives every backend the weight 0, so none is sent anything: give one of them a weight';
    reading.remarks.push(problem('', field, message));
  }
  return references.map((reference, at) => {
    const where = `${field}[${at}]`;
    const result = resolveBackend(scope, reference, where);
    const filters = readFilters(scope, reference.filters ?? [], `${where}.filters`);
    if (filters.filters.length > 0) filters.unsupported.push(...tooLong(`${where}.filters`, before, filters.filters));
    reading.unresolved.push(...filters.unresolved);
    reading.remarks.push(...filters.remarks);
    reading.uses.push(...filters.uses);
    const weighted: WeightedBackend = { weight: reference.weight ?? 1, filters: filters.filters };
    if ('reason' in result) {
      reading.unresolved.push(result);
      weighted.broken = result.message;
    } else if (result.fault !== undefined) {
      reading.uses.push(result);
      reading.unfollowed.push(unfollowed(result.fault, where));
      weighted.broken = result.fault;
      weighted.backend = result.key;
    } else if (filters.unsupported.length > 0) {
      reading.partial.push(...filters.unsupported.filter(isOwnFault));
      weighted.broken = describe(filters.unsupported);
    } else {
      reading.uses.push(result);
      weighted.backend = result.key;
    }
    if (!('reason' in result) && result.remark !== undefined) {
      reading.remarks.push(problem('', where, result.remark));
    }
    return weighted;
  });
}
