import type { HTTPRoute } from '../../api/index.ts';
import type { BackendScope } from '../backend/backend-ref.ts';
import { readHttpMatches } from '../http-match.ts';
import { emptyReading, type RouteReading, readRule } from './rule-draft.ts';

export function readHttpRoute(scope: BackendScope, route: HTTPRoute): RouteReading {
  const rules = route.spec.rules ?? [];
  const reading = emptyReading(rules.length);
  for (const [index, rule] of rules.entries()) {
    readRule(
      scope,
      { route, rule, index, matches: readHttpMatches(rule.matches, `spec.rules[${index}].matches`) },
      reading,
    );
  }
  return reading;
}
