import type { GRPCRoute, GRPCRouteRule } from '../../api/index.ts';
import { ROUTE_REASON } from '../../api/index.ts';
import type { BackendScope } from '../backend/backend-ref.ts';
import { describe } from '../status/problem.ts';
import { readFilters } from './http-filter.ts';
import { readGrpcMatches } from './http-match.ts';
import { emptyReading, type RouteReading, type RuleDraft, readBackends } from './rule-draft.ts';

export function readGrpcRoute(scope: BackendScope, route: GRPCRoute): RouteReading {
  const rules = route.spec.rules ?? [];
  const reading = emptyReading(rules.length);
  for (const [index, rule] of rules.entries()) readRule(scope, { rule, index }, reading);
  return reading;
}

function readRule(
  scope: BackendScope,
  { rule, index }: { rule: GRPCRouteRule; index: number },
  reading: RouteReading,
): void {
  const field = `spec.rules[${index}]`;
  const matches = readGrpcMatches(rule.matches, `${field}.matches`);
  const filters = readFilters(scope, rule.filters ?? [], `${field}.filters`);
  const backends = readBackends(scope, rule.backendRefs ?? [], { reading, field: `${field}.backendRefs` });
  reading.uses.push(...filters.uses);
  reading.unresolved.push(...filters.unresolved);
  const unsupported = filters.unsupported.filter(({ reason }) => reason !== ROUTE_REASON.InvalidKind);
  const invalid = [...matches.invalid, ...unsupported];
  if (invalid.length > 0) reading.invalid.push({ index, problems: invalid });
  if (matches.invalid.length > 0) return;
  const draft: RuleDraft = { index, matches: matches.matches, filters: filters.filters, backends };
  if (rule.name !== undefined) draft.name = rule.name;
  if (filters.unsupported.length > 0) draft.broken = describe(filters.unsupported);
  reading.rules.push(draft);
}
