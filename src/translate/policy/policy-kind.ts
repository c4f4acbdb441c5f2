import { POLICY_REASON, type ResourceByKind } from '../../api/index.ts';
import type { ConfigObject, RouteKind } from '../../config/index.ts';
import { type Collection, index, join } from '../../graph/index.ts';
import type { UsedBackends } from '../backend/backends.ts';
import type { Listeners } from '../gateway/listeners.ts';
import { isMadeKind, type MadeObject } from '../kong/kong.ts';
import type { Lookup } from '../lookup.ts';
import type { RouteIdentity } from '../route/attachment.ts';
import type { ServiceAncestor } from '../route/route.ts';
import type { Routes } from '../route/routes.ts';
import type { Graph } from '../stage.ts';
import { type Problem, problem } from '../verdict/problem.ts';
import {
  type AttachedPolicy,
  attachedPolicy,
  type Policies,
  type PolicyReading,
  type PolicyResource,
  type PolicyTarget,
} from './attached-policy.ts';
import type { StandsFor } from './policy-refusal.ts';

/** What a policy holds for can depend on. */
export interface PolicySurroundings {
  listeners: Listeners;
  routes: Routes;
  backends: UsedBackends;
}

/** Where a policy holds among what its target stands for, and where not. */
export interface Effect {
  problems: Problem[];
  /** What else is to be said where it is accepted. */
  remarks: string[];
  /** The same, and `check` warns of it: it most likely is not meant. */
  warnings?: string[];
}

/** What policies of a kind do. */
export interface Enforcement<S> {
  config?: Collection<ConfigObject>;
  /** Absent: a policy holds wherever its target does. */
  effect?(look: Lookup, policy: AttachedPolicy<S>, target: PolicyTarget): Effect;
  /** Where it cannot be followed, what it would act on is refused. */
  guards?: boolean | ((policy: AttachedPolicy<S>) => boolean);
  /** Of a Service: it acts on the backend itself, also where it is a policy that asks it and no route. */
  whoeverAsks?: true;
  /** Of several for one target all act, and none is in another's way. */
  joins?: true;
  /** What of a policy acts though an older one has the same target, in words; undefined: nothing does. */
  guarding?(policy: AttachedPolicy<S>): string | undefined;
  /** Of what routes use of a Service. Absent: everything. */
  actsOn?(policy: AttachedPolicy<S>, use: ServiceAncestor['uses'][number]): boolean;
  /** Keys of listeners for which the policy holds by this target, where that may be a listener. */
  listenersOf?(look: Lookup, policy: AttachedPolicy<S>, target: PolicyTarget): string[];
  /** Where what it comes to does not say whose it is (policy-refusal.ts). */
  standsFor?: StandsFor;
  /** What a data plane does that cannot use it. Absent: the last form that it could use stays. */
  unusable?: string;
  /** Whether the data planes of a Gateway have done what is asked of them once. */
  hasForgotten?(look: Lookup, policy: AttachedPolicy<S>, gateway: string): boolean;
  /** Of routes on those listeners, which it acts on. Absent: all. */
  reaches?(look: Lookup, policy: AttachedPolicy<S>, route: RouteIdentity): boolean;
}

/** What may stand in targetRefs. */
export type TargetKind = 'Gateway' | 'ListenerSet' | RouteKind | 'Service';

/** A kind of policy, as far as it differs from others: all else is one piece of code (docs/decisions/policies.md). */
export interface PolicyKind<K extends PolicyResource['kind'], S> {
  readonly kind: K;
  readonly targets: ReadonlyArray<TargetKind>;
  /** The policy by itself. */
  read(look: Lookup, policy: ResourceByKind[K]): PolicyReading<S>;
  /** Absent: who uses the views makes of them what they do. */
  enforce?(graph: Graph, policies: Policies<S>, known: PolicySurroundings): Enforcement<S>;
}

/** `made`: policies that no user wrote. */
export function derivePolicies<K extends PolicyResource['kind'], S>(
  graph: Graph,
  kind: PolicyKind<K, S>,
  made: Collection<MadeObject>,
): Policies<S> {
  const inputs = graph.inputs[kind.kind] as Collection<PolicyResource>;
  const own = graph.derive(`policies ${kind.kind}`, inputs, (context, policy, key) => {
    // The collection of a kind holds objects of that kind.
    const reading = misreadPolicy<S>(policy) ?? kind.read(graph.look(context), policy as ResourceByKind[K]);
    return [[key, attachedPolicy(policy, reading)] as const];
  });
  if (!isMadeKind(kind.kind)) return byTarget(kind.kind, own);
  const others = graph.derive(`made ${kind.kind}`, made, (context, { object, owner }, key) => {
    if (object.kind !== kind.kind) return [];
    const reading = kind.read(graph.look(context), object as ResourceByKind[K]);
    return [[key, { ...attachedPolicy(object as PolicyResource, reading), beside: owner }] as const];
  });
  return byTarget(kind.kind, join<AttachedPolicy<S>>(`all ${kind.kind}`, [own, others]));
}

/** One that guards has `refused` in its place (sources/admission.ts). */
function misreadPolicy<S>({ misread }: PolicyResource): PolicyReading<S> | undefined {
  if (misread === undefined) return undefined;
  const { field, message } = misread;
  return { refusals: [problem(POLICY_REASON.Invalid, field, `${message}; nothing of it is in force until then`)] };
}

function byTarget<S>(kind: string, views: Collection<AttachedPolicy<S>>): Policies<S> {
  return { views, byObject: index(`${kind} by target`, views, ({ targets }) => targets.map(({ object }) => object)) };
}
