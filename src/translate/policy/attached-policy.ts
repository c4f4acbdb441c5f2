import {
  CONDITION,
  POLICY_REASON,
  type PolicyStatus,
  type PolicyTargetReference,
  type Resource,
} from '../../api/index.ts';
import { type Aged, byAge } from '../precedence.ts';
import { conditions, judged } from '../status/conditions.ts';
import { type Diagnostic, type Problem, problem } from '../status/problem.ts';

/** A policy of ours (policies.daemun.dev), as far as attaching it goes. */
export interface AttachedPolicy extends Aged {
  key: string;
  generation?: number;
  targets: PolicyTarget[];
}

export interface PolicyTarget {
  /** `Kind/namespace/name`. */
  object: string;
  /** A listener, or a named port; '' for the whole object. */
  section: string;
  field: string;
}

/** What a policy comes to with one ancestor. */
export interface Judgement {
  ancestorRef: PolicyStatus['ancestors'][number]['ancestorRef'];
  controllerName: string;
  problems: Problem[];
  /** What else is to be said where it is accepted. */
  remarks: string[];
}

type Source = Resource & { spec: { targetRefs: PolicyTargetReference[] } };

export function attachedPolicy({ kind, metadata, spec }: Source): AttachedPolicy {
  const { namespace = '', name, creationTimestamp: created = '', generation } = metadata;
  const targets = spec.targetRefs.map((target, at) => ({
    object: `${target.kind}/${namespace}/${target.name}`,
    section: target.sectionName ?? '',
    field: `spec.targetRefs[${at}]`,
  }));
  return { key: `${kind}/${namespace}/${name}`, namespace, name, created, generation, targets };
}

/** Of those with the same target the oldest; all others are conflicted there. */
export function oldest<P extends AttachedPolicy>(
  policies: ReadonlyArray<P>,
  { object, section }: { object: string; section: string },
): P | undefined {
  return policies
    .filter(({ targets }) => targets.some((one) => one.object === object && one.section === section))
    .sort(byAge)[0];
}

/** The policy as users name it: `Kind namespace/name`. */
export function named(key: string): string {
  return key.replace('/', ' ');
}

export function rivalry(
  policy: AttachedPolicy,
  target: PolicyTarget,
  others: ReadonlyArray<AttachedPolicy>,
): Problem[] {
  const winner = oldest(others, target);
  if (winner === undefined || winner.key === policy.key) return [];
  const message = `${named(winner.key)} has the same target and is older: its settings count, and none of these`;
  return [problem(POLICY_REASON.Conflicted, target.field, message)];
}

/** The API has room for no more. */
const ANCESTOR_LIMIT = 16;

export function attachedStatus(policy: AttachedPolicy, judgements: ReadonlyArray<Judgement>): PolicyStatus {
  const byAncestor = new Map<string, Judgement>();
  for (const one of judgements) {
    const key = JSON.stringify([one.ancestorRef, one.controllerName]);
    const held = byAncestor.get(key);
    if (held === undefined) byAncestor.set(key, { ...one, problems: [...one.problems], remarks: [...one.remarks] });
    else {
      held.problems.push(...one.problems);
      held.remarks.push(...one.remarks);
    }
  }
  const ancestors = Array.from(byAncestor.values(), ({ ancestorRef, controllerName, problems, remarks }) => {
    const message = ['accepted', ...new Set(remarks)].join('; ');
    const verdict = judged(CONDITION.Accepted, problems, { reason: POLICY_REASON.Accepted, message });
    return { ancestorRef, controllerName, conditions: conditions([verdict], policy.generation) };
  });
  return { ancestors: ancestors.slice(0, ANCESTOR_LIMIT) };
}

export function attachedDiagnostics(policy: AttachedPolicy, judgements: ReadonlyArray<Judgement>): Diagnostic[] {
  const found = new Map<string, Diagnostic>();
  for (const { problems } of judgements) {
    for (const { field, message } of problems)
      found.set(`${field} ${message}`, { severity: 'error', object: policy.key, field, message });
  }
  return [...found.values()];
}
