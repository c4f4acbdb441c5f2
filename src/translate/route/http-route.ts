import type { HTTPRoute } from '../../api/index.ts';
import type { BackendScope } from '../backend/backend-ref.ts';
import { readHttpMatches } from '../http-match.ts';
import { type Problem, problem } from '../verdict/problem.ts';
import { literalPatterns } from './literal-pattern.ts';
import { emptyReading, type RouteReading, readRule } from './rule-draft.ts';

export function readHttpRoute(scope: BackendScope, route: HTTPRoute): RouteReading {
  const rules = route.spec.rules ?? [];
  const reading = emptyReading(rules.length);
  for (const [index, rule] of rules.entries()) {
    const field = `spec.rules[${index}].matches`;
    readRule(scope, { route, rule, index, matches: readHttpMatches(rule.matches, field) }, reading);
    reading.remarks.push(...literalPatterns(rule.matches, field));
  }
  reading.remarks.push(...unseenPreflights(rules));
  return reading;
}

type Rule = NonNullable<HTTPRoute['spec']['rules']>[number];

/** Browsers ask by OPTIONS first, which matches with other methods do not take: the filter never sees the question. */
function unseenPreflights(rules: readonly Rule[]): Problem[] {
  const sharing = rules.flatMap((rule, index) => {
    const at = (rule.filters ?? []).findIndex(({ type }) => type === 'CORS');
    return at === -1 ? [] : [{ rule, field: `spec.rules[${index}].filters[${at}].cors` }];
  });
  if (sharing.some(({ rule }) => takesOptions(rule))) return [];
  const message =
    'answers no preflight request: browsers ask by OPTIONS, which the matches of this rule do not take; add one with method OPTIONS, or leave method out';
  return sharing.map(({ field }) => problem('', field, message));
}

function takesOptions({ matches = [] }: Rule): boolean {
  return matches.length === 0 || matches.some(({ method = 'OPTIONS' }) => method === 'OPTIONS');
}
