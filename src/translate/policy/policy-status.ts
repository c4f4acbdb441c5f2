import {
  apiVersionOf,
  CONDITION,
  KINDS,
  POLICY_GROUP,
  POLICY_REASON,
  type PolicyAncestorStatus,
  type PolicyStatus,
} from '../../api/index.ts';
import type { Collection, Index } from '../../graph/index.ts';
import { PLUGINS_ANNOTATION } from '../../vendor/kong/index.ts';
import type { Lookup } from '../lookup.ts';
import type { Graph } from '../stage.ts';
import { conditions, fails, judged, type Verdict } from '../verdict/conditions.ts';
import type { ObjectStatus } from '../verdict/object-status.ts';
import { type Diagnostic, diagnosis, type Problem, problem } from '../verdict/problem.ts';
import {
  type AttachedPolicy,
  joining,
  named,
  oldest,
  type Policies,
  type PolicyResource,
  type PolicyTarget,
  rivalOf,
  rivalry,
} from './attached-policy.ts';
import { policiesAt, TOO_MANY } from './inheritance.ts';
import type { Effect, Enforcement, PolicyKind, PolicySurroundings } from './policy-kind.ts';
import type { PolicyRefusal } from './policy-refusal.ts';
import { type Ancestor, placeOf, portOverrides } from './policy-target.ts';
import { purgeVerdict } from './purge-progress.ts';

/** What a policy comes to with one ancestor. */
interface Judgement extends Ancestor {
  problems: Problem[];
  remarks: string[];
  /** What its data planes say. */
  refused: PolicyRefusal[];
  /** They have done what is asked of them once. */
  hasForgotten: boolean;
}

interface JudgedPolicy<S> {
  policy: AttachedPolicy<S>;
  judgements: Judgement[];
  /** Targets where it does nothing, or not all that is meant, most likely by a slip. */
  slips: Diagnostic[];
}

/** Policies of one kind, with all that their statuses are made of. */
export interface PolicyScope<K extends PolicyResource['kind'], S> {
  kind: PolicyKind<K, S>;
  policies: Policies<S>;
  enforcement: Enforcement<S>;
  /** By key of the policy. */
  refusals: Index<PolicyRefusal>;
}

/** Statuses and diagnostics of the policies of one kind. */
export function policyStatuses<K extends PolicyResource['kind'], S>(
  graph: Graph,
  scope: PolicyScope<K, S>,
  known: PolicySurroundings,
): { statuses: Collection<ObjectStatus>; diagnostics: Collection<Diagnostic> } {
  const { kind } = scope.kind;
  const all = graph.derive(`judged ${kind}`, scope.policies.views, (context, policy, key) => [
    [key, judgePolicy({ ...scope, ...known, look: graph.look(context) }, policy)] as const,
  ]);
  const statuses = graph.derive(`statuses of ${kind}`, all, (_context, { policy, judgements }, key) => {
    if (judgements.length === 0 || policy.beside !== undefined) return [];
    const { namespace, name } = policy;
    const status = statusOf(policy, judgements, scope.enforcement.unusable);
    return [
      [key, { apiVersion: apiVersionOf(kind), kind, metadata: { namespace, name }, status } as ObjectStatus] as const,
    ];
  });
  const diagnostics = graph.derive(`diagnostics of ${kind}`, all, (_context, one, key) =>
    diagnosticsOf(one).map((found, at) => [`${key}#${at}`, found] as const),
  );
  return { statuses, diagnostics };
}

interface JudgeScope<K extends PolicyResource['kind'], S> extends PolicyScope<K, S>, PolicySurroundings {
  look: Lookup;
}

function judgePolicy<K extends PolicyResource['kind'], S>(
  scope: JudgeScope<K, S>,
  policy: AttachedPolicy<S>,
): JudgedPolicy<S> {
  const judged: JudgedPolicy<S> = { policy, judgements: [], slips: [] };
  const refusals = scope.look.context.fetch(scope.refusals, policy.key) ?? [];
  if (policy.beside !== undefined)
    return { ...judged, slips: judgeBeside(scope, policy, { owner: policy.beside, refusals }) };
  for (const target of policy.targets) {
    const ours = KINDS[scope.kind.kind].group === POLICY_GROUP;
    const {
      missing: absent,
      astray,
      ancestors,
      idle,
    } = placeOf({ ...scope, ours, policy }, target, scope.kind.targets);
    const missing = absent && astray && isGuard(scope.enforcement, policy) ? `${absent}; ${refused(target)}` : absent;
    const held: Holding =
      missing === undefined ? holding(scope, policy, target) : { problems: [notFound(target, missing)], remarks: [] };
    const { problems, warnings = [] } = held;
    const remarks = [...held.remarks, ...warnings];
    const warn = (message: string): void => {
      judged.slips.push({ severity: 'warning', object: policy.key, field: target.field, message });
    };
    for (const ancestor of ancestors) {
      const refused = ancestor.gateway === undefined ? [] : refusals.filter(isOf(scope.look, ancestor.gateway));
      const holds = problems.length === 0 && refused.every(({ partly }) => partly);
      const reached = holds && ancestor.routes > 0 ? [enforced(ancestor.routes)] : [];
      const hasForgotten =
        policy.purge !== undefined &&
        ancestor.gateway !== undefined &&
        scope.enforcement.hasForgotten?.(scope.look, policy, ancestor.gateway) === true;
      judged.judgements.push({ ...ancestor, problems, remarks: [...remarks, ...reached], refused, hasForgotten });
    }
    const message =
      ancestors.length > 0 ? undefined : (idle ?? (missing && `${missing}: the policy does nothing there`));
    if (message !== undefined) warn(message);
    warnings.forEach(warn);
  }
  return judged;
}

/** What no user wrote is told to whom asked for it. */
function judgeBeside<K extends PolicyResource['kind'], S>(
  { look, policies }: JudgeScope<K, S>,
  policy: AttachedPolicy<S>,
  { owner, refusals }: { owner: string; refusals: ReadonlyArray<PolicyRefusal> },
): Diagnostic[] {
  const asked = policy.key.startsWith('BackendTrafficPolicy/') ? '' : `["${PLUGINS_ANNOTATION}"]`;
  const field = `metadata.annotations${asked}`;
  const own = policy.targets.flatMap(
    (target) => oldest(look.context.fetch(policies.byObject, target.object) ?? [], target) ?? [],
  );
  const conflicts = own.map(({ key }) => {
    const message = `${named(key)} has the same target: of what both say, its settings count`;
    return diagnosis('warning', owner, { field, message });
  });
  const problems = [...(policy.told ? [] : policy.refusals), ...(policy.unresolved ?? []), ...refusals];
  return [...problems.map(({ message }) => diagnosis('error', owner, { field, message })), ...conflicts];
}

function isGuard<S>({ guards }: Enforcement<S>, policy: AttachedPolicy<S>): boolean {
  return typeof guards === 'function' ? guards(policy) : guards === true;
}

/** What becomes of the target of a guard whose section is not there (stray-section.ts). */
function refused({ object }: PolicyTarget): string {
  return `what it would guard is refused, on all of ${named(object)}, until the name is one of these or left out`;
}

/** Whether the object is missing, or only a part of it, shows where the key is looked up. */
function notFound({ field, object }: PolicyTarget, message: string): Problem {
  return { ...problem(POLICY_REASON.TargetNotFound, field, message), missing: object };
}

type Holding = Pick<Judgement, 'problems' | 'remarks'> & Pick<Effect, 'warnings'>;

/** How a policy fares at a target that is there. */
function holding<K extends PolicyResource['kind'], S>(
  { look, policies, enforcement }: JudgeScope<K, S>,
  policy: AttachedPolicy<S>,
  target: PolicyTarget,
): Holding {
  const others = look.context.fetch(policies.byObject, target.object) ?? [];
  const winner = rivalOf(policy, target, others);
  if (winner !== undefined && !enforcement.joins) {
    const guarding = enforcement.guarding?.(policy);
    const felt = guarding === undefined ? [] : (enforcement.effect?.(look, policy, target).problems ?? []);
    return { problems: [rivalry(policy, target, { winner, guarding }), ...felt], remarks: [] };
  }
  if (winner !== undefined && !policiesAt(() => others, true)(target).includes(policy)) {
    const message = `${TOO_MANY}: all of ${named(target.object)} is refused until some of them go`;
    return { problems: [problem(POLICY_REASON.Conflicted, target.field, message)], remarks: [] };
  }
  const joined = winner === undefined ? [] : [joining(policy, winner)];
  const overridden = portOverrides(look, policy, { target, others }).map(
    ({ section, by }) => `overridden on port ${section} by ${named(by)}`,
  );
  const effect = enforcement.effect?.(look, policy, target);
  const { problems = [], remarks = [], warnings = [] } = effect ?? {};
  return { problems, remarks: [...joined, ...overridden, ...remarks], warnings };
}

function enforced(routes: number): string {
  return `enforced on ${routes} route${routes === 1 ? '' : 's'}`;
}

function isOf({ options }: Lookup, gateway: string): (refusal: PolicyRefusal) => boolean {
  const own = options.shared ? '' : gateway;
  return ({ fleet }) => fleet === own;
}

/** Refusals that are told in full; more are counted. */
const REFUSALS_TOLD = 3;

/** Programmed, where data planes say that they do not serve it as it is, or not all of it. Undefined: none says so. */
function programmed(refused: ReadonlyArray<PolicyRefusal>, unusable = LAST_FORM): Verdict | undefined {
  if (refused.length === 0) return undefined;
  const messages = [...new Set(refused.map(({ message }) => message))].sort();
  const told = messages.slice(0, REFUSALS_TOLD);
  if (messages.length > told.length) told.push(`and ${messages.length - told.length} more like it`);
  const isWhole = refused.some(({ partly }) => !partly);
  const reason = isWhole ? POLICY_REASON.Invalid : POLICY_REASON.PartlyProgrammed;
  return fails(CONDITION.Programmed, reason, [...told, ...(isWhole ? [unusable] : [])].join('; '));
}

const LAST_FORM = 'the last form that it could use stays, if it had one';

/** The API has room for no more. */
const ANCESTOR_LIMIT = 16;
/** Ancestors without a place that are named. */
const LEFT_OUT_NAMED = 3;

/** One list an ancestor. Where there are more than have a place, those come first of which something is to be told. */
function byAncestor(judgements: ReadonlyArray<Judgement>): Judgement[][] {
  const groups = Map.groupBy(judgements, ({ ancestorRef, controllerName }) =>
    JSON.stringify([ancestorRef, controllerName]),
  );
  const all = Array.from(groups.values());
  if (all.length <= ANCESTOR_LIMIT) return all;
  const isWell = (group: Judgement[]) => group.every(({ problems, refused }) => problems.length + refused.length === 0);
  return all.sort((a, b) => Number(isWell(a)) - Number(isWell(b)));
}

/** Spec: what has no place in a status is signalled elsewhere. It is served all the same: TLS that is asked for, say. */
function withoutPlace(groups: ReadonlyArray<Judgement[]>): string | undefined {
  const left = groups.slice(ANCESTOR_LIMIT).map(([one]) => {
    const { kind = 'Gateway', namespace, name } = one!.ancestorRef;
    return `${kind} ${namespace}/${name}`;
  });
  if (left.length === 0) return undefined;
  const more = left.length > LEFT_OUT_NAMED ? ` and ${left.length - LEFT_OUT_NAMED} more` : '';
  const names = `${left.slice(0, LEFT_OUT_NAMED).join(', ')}${more}`;
  return `acts through ${groups.length} ancestors, and a status has room for ${ANCESTOR_LIMIT}: nothing is told of ${names}`;
}

function statusOf<S>(
  policy: AttachedPolicy<S>,
  judgements: ReadonlyArray<Judgement>,
  unusable: string | undefined,
): PolicyStatus {
  const groups = byAncestor(judgements);
  const left = withoutPlace(groups);
  const ancestors = groups.slice(0, ANCESTOR_LIMIT).map((all): PolicyAncestorStatus => {
    const { ancestorRef, controllerName } = all[0]!;
    const problems = [...all.flatMap((one) => one.problems), ...policy.refusals];
    const remarks = [...(policy.remarks ?? []), ...all.flatMap((one) => one.remarks), ...(left ? [left] : [])];
    const message = ['accepted', ...new Set(remarks)].join('; ');
    const verdicts = [judged(CONDITION.Accepted, problems, { reason: POLICY_REASON.Accepted, message })];
    if (policy.unresolved !== undefined) {
      const resolved = { reason: POLICY_REASON.ResolvedRefs, message: 'every reference resolves' };
      verdicts.push(judged(CONDITION.ResolvedRefs, policy.unresolved, resolved));
    }
    const served = programmed(
      all.flatMap(({ refused }) => refused),
      unusable,
    );
    // Where it does not act it keeps nothing.
    const isAsked = problems.length === 0 && all.some(({ gateway }) => gateway !== undefined);
    const isDone = all.every(({ hasForgotten, gateway }) => hasForgotten || gateway === undefined);
    const purged = isAsked ? purgeVerdict(policy.purge, isDone) : undefined;
    verdicts.push(...[served, purged].filter((one) => one !== undefined));
    return { ancestorRef, controllerName, conditions: conditions(verdicts, policy.generation) };
  });
  return { ancestors };
}

function diagnosticsOf<S>({ policy, judgements, slips }: JudgedPolicy<S>): Diagnostic[] {
  const found = new Map<string, Diagnostic>();
  const refusals = policy.told ? [] : policy.refusals;
  if (policy.beside !== undefined) return slips;
  const asked = policy.purge !== undefined && 'reason' in policy.purge ? [policy.purge] : [];
  const problems = [...judgements.flatMap((one) => one.problems), ...refusals, ...(policy.unresolved ?? []), ...asked];
  // What is served in part is told of the data plane, with how often.
  const refused = judgements.flatMap((one) => one.refused).filter(({ partly }) => !partly);
  for (const { message } of refused)
    found.set(message, { severity: 'error', object: policy.key, field: 'spec', message });
  for (const one of problems) found.set(`${one.field} ${one.message}`, diagnosis('error', policy.key, one));
  const left = withoutPlace(byAncestor(judgements));
  const told = [...(policy.remarks ?? []), ...(left ? [left] : [])].map(
    (message): Diagnostic => ({ severity: 'warning', object: policy.key, field: 'spec', message }),
  );
  return [...found.values(), ...told, ...slips];
}
