import {
  type BackendTLSPolicy,
  CONDITION,
  GATEWAY_GROUP,
  objectKey,
  POLICY_REASON,
  type PolicyAncestorStatus,
  type PolicyStatus,
  type PolicyTargetReference,
} from '../../api/index.ts';
import { first, type PolicyView } from '../backend/backend-tls.ts';
import { find, type Lookup } from '../lookup.ts';
import { conditions, judged } from './conditions.ts';
import { type Diagnostic, type Problem, problem } from './problem.ts';

/** A Gateway through which a Service is reached. */
export interface ServiceAncestor {
  /** `namespace/name` of the Service. */
  service: string;
  gateway: { namespace: string; name: string };
  controllerName: string;
}

/** The API has room for no more. */
const ANCESTOR_LIMIT = 16;

/** What stands in a policy's way among others for the same target. */
export function policyConflicts(policy: PolicyView, others: (service: string) => ReadonlyArray<PolicyView>): Problem[] {
  return policy.targets.flatMap(({ service, section, field }) => {
    const winner = first(others(service), service, section);
    if (winner === undefined || winner.key === policy.key) return [];
    const message = `${winner.key.replace('/', ' ')} has the same target and comes first`;
    return [problem(POLICY_REASON.Conflicted, field, message)];
  });
}

export function policyStatus(
  policy: PolicyView,
  { conflicts, ancestors }: { conflicts: ReadonlyArray<Problem>; ancestors: ReadonlyArray<ServiceAncestor> },
): PolicyStatus {
  const accepted = { reason: POLICY_REASON.Accepted, message: 'accepted' };
  const resolved = { reason: POLICY_REASON.ResolvedRefs, message: 'every reference resolves' };
  const verdicts = [
    judged(CONDITION.Accepted, [...conflicts, ...policy.refusals], accepted),
    judged(CONDITION.ResolvedRefs, policy.unresolved, resolved),
  ];
  const found = new Map<string, PolicyAncestorStatus>();
  for (const { gateway, controllerName } of ancestors) {
    const ancestorRef = { group: GATEWAY_GROUP, kind: 'Gateway', ...gateway };
    const entry = { ancestorRef, controllerName, conditions: conditions(verdicts, policy.generation) };
    found.set(`${gateway.namespace}/${gateway.name}`, entry);
  }
  const sorted = Array.from(found).sort(([a], [b]) => (a < b ? -1 : 1));
  return { ancestors: sorted.slice(0, ANCESTOR_LIMIT).map(([, entry]) => entry) };
}

export function policyDiagnostics(policy: PolicyView, conflicts: ReadonlyArray<Problem>): Diagnostic[] {
  return [...conflicts, ...policy.refusals, ...policy.unresolved].map(({ field, message }) => ({
    severity: 'error',
    object: policy.key,
    field,
    message,
  }));
}

/** Targets where a policy does nothing, most likely by a slip. */
export function idleTargets(look: Lookup, policy: BackendTLSPolicy): Diagnostic[] {
  const { namespace = '' } = policy.metadata;
  return policy.spec.targetRefs.flatMap((target, at) => {
    const message = idleness(look, namespace, target);
    if (message === undefined) return [];
    const field = `spec.targetRefs[${at}]`;
    return [
      { severity: 'warning', object: objectKey(policy), field, message: `${message}: the policy does nothing there` },
    ];
  });
}

function idleness(look: Lookup, namespace: string, target: PolicyTargetReference): string | undefined {
  const { group, kind, name, sectionName } = target;
  if (group !== '' || kind !== 'Service')
    return `${group === '' ? kind : `${group}/${kind}`} is no kind of target, only Services are`;
  const service = find(look, 'Service', { namespace, name });
  if (service === undefined) return `Service ${namespace}/${name} does not exist`;
  const ports = (service.spec.ports ?? []).map((port) => port.name ?? '');
  if (sectionName === undefined || ports.includes(sectionName)) return undefined;
  return `Service ${namespace}/${name} has no port named ${sectionName}; it has ${ports.join(', ') || 'none'}`;
}
