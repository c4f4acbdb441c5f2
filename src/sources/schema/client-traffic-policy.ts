import type { PolicyTargetReference } from '../../api/index.ts';
import { cidr } from './format.ts';
import { policyTargetReference, targetsAreDistinct } from './reference.ts';
import { celRule, integer, list, object, oneOf, optional, required, rule } from './schema.ts';

const takesListeners = celRule(
  'self.all(ref, ref.group == "gateway.networking.k8s.io" && ref.kind in ["Gateway", "ListenerSet"])',
  rule<PolicyTargetReference[]>(
    'must name Gateways or ListenerSets of group gateway.networking.k8s.io (sectionName: one of their listeners)',
    (refs) =>
      refs.every(
        ({ group, kind }) => group === 'gateway.networking.k8s.io' && (kind === 'Gateway' || kind === 'ListenerSet'),
      ),
  ),
);

const proxyProtocol = object({
  mode: optional(oneOf('Required', 'Optional'), 'Required'),
  trustedSources: required(list(cidr, { min: 1, max: 256, unique: 'set' })),
});

export const clientTrafficPolicySpec = object({
  targetRefs: required(
    list(policyTargetReference, { min: 1, max: 16, rules: [...targetsAreDistinct, takesListeners] }),
  ),
  proxyProtocol: optional(proxyProtocol),
  connection: optional(object({ maxConnections: required(integer({ min: 1 })) })),
  headers: optional(object({ maxLines: required(integer({ min: 1, max: 1024 })) })),
  pathForm: optional(oneOf('Normalize', 'Keep', 'Reject')),
  tlsProfile: optional(oneOf('Modern', 'Intermediate', 'Old')),
});
