import { ROUTE_REASON, type TCPRoute, type TLSRoute, type UDPRoute } from '../../api/index.ts';
import type { BackendScope } from '../backend/backend-ref.ts';
import { problem } from '../verdict/problem.ts';
import { emptyReading, misreadProblem, type RouteReading, type RuleDraft, readBackends } from './rule-draft.ts';

/** TLSRoute, TCPRoute and UDPRoute: backends and weights, nothing to match but the listener and, for TLS, the hostname. */
export function readL4Route(scope: BackendScope, route: TLSRoute | TCPRoute | UDPRoute): RouteReading {
  const rules = route.spec.rules ?? [];
  const reading = emptyReading(rules.length);
  for (const [index, rule] of rules.entries()) {
    if (index > 0) {
      const message = 'takes no connections: nothing tells it from rules[0]; put its backends there, with weights';
      const problems = [problem(ROUTE_REASON.UnsupportedValue, `spec.rules[${index}]`, message)];
      reading.invalid.push({ index, problems });
      continue;
    }
    if (rule.misread !== undefined) {
      const fate = 'no connection is taken until then';
      reading.invalid.push({ index, problems: [misreadProblem(rule.misread, fate)] });
      continue;
    }
    const where = { reading, field: `spec.rules[${index}].backendRefs` };
    const backends = readBackends(scope, rule.backendRefs ?? [], where);
    const draft: RuleDraft = { index, matches: [], filters: [], backends };
    if (rule.name !== undefined) draft.name = rule.name;
    reading.rules.push(draft);
  }
  return reading;
}
