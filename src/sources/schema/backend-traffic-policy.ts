import type { PolicyTargetReference } from '../../api/index.ts';
import { policyTargetReference, targetsAreDistinct } from './reference.ts';
import { celRule, integer, list, object, oneOf, optional, required, rule } from './schema.ts';

const takesServices = celRule(
  'self.all(ref, ref.group == "" && ref.kind == "Service")',
  rule<PolicyTargetReference[]>('must name Services, with group "" (sectionName: the name of one port)', (refs) =>
    refs.every(({ group, kind }) => group === '' && kind === 'Service'),
  ),
);

export const backendTrafficPolicySpec = object({
  targetRefs: required(list(policyTargetReference, { min: 1, max: 16, rules: [...targetsAreDistinct, takesServices] })),
  proxyProtocol: optional(oneOf('V1', 'V2')),
  circuitBreaker: optional(
    object({ maxConnections: optional(integer({ min: 1 })), maxPendingRequests: optional(integer({ min: 0 })) }),
  ),
  loadBalancing: optional(object({ type: required(oneOf('RoundRobin', 'LeastRequest')) })),
});
