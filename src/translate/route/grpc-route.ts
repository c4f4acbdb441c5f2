import type { GRPCRoute } from '../../api/index.ts';
import type { BackendScope } from '../backend/backend-ref.ts';
import { readGrpcMatches } from '../http-match.ts';
import { emptyReading, type RouteReading, readRule } from './rule-draft.ts';

export function readGrpcRoute(scope: BackendScope, route: GRPCRoute): RouteReading {
  const rules = route.spec.rules ?? [];
  const reading = emptyReading(rules.length);
  for (const [index, rule] of rules.entries()) {
    readRule(
      scope,
      { route, rule, index, matches: readGrpcMatches(rule.matches, `spec.rules[${index}].matches`) },
      reading,
    );
  }
  return reading;
}
