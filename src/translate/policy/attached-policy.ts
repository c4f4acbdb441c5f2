import {
  KINDS,
  type Kind,
  POLICY_REASON,
  type PolicyTargetReference,
  type Resource,
  type ResourceByKind,
} from '../../api/index.ts';
import type { Credential } from '../../config/index.ts';
import type { Collection, Index } from '../../graph/index.ts';
import type { BackendUse } from '../backend/backend-use.ts';
import { type Aged, byAge, precedes } from '../precedence.ts';
import { type Problem, problem } from '../verdict/problem.ts';

/** Kinds of policies. */
export type PolicyResource = ResourceByKind[
  | 'BackendTLSPolicy'
  | 'ClientTrafficPolicy'
  | 'BackendTrafficPolicy'
  | 'RateLimitPolicy'
  | 'AccessPolicy'
  | 'AuthenticationPolicy'
  | 'FaultPolicy'
  | 'RewritePolicy'
  | 'ResponsePolicy'];

/** What a policy's own text comes to. */
export interface PolicyReading<S> {
  /** Absent where the policy cannot be followed. */
  settings?: S;
  /** Settings that hold against whatever stands nearer to the target (GEP-713). */
  overrides?: S;
  /** It cannot be followed, and was to hold against what stands nearer. */
  brokenOverride?: true;
  /** Why it is not Accepted. */
  refusals: Problem[];
  /** Who read the object has told of them, and better. */
  told?: true;
  /** What data planes need besides the settings. */
  credentials?: Credential[];
  /** Backends that it asks, as far as is known without what holds for them. */
  uses?: BackendUse[];
  /** What is served as written, and is to be told all the same. */
  remarks?: string[];
  /** References that do not resolve; absent where the kind has none. */
  unresolved?: Problem[];
  /** What is asked of data planes once, and told when all have done it: the last one. */
  purge?: { id: string } | Problem;
}

/** A policy, read, with what it is attached to. */
export interface AttachedPolicy<S> extends Aged, PolicyReading<S> {
  key: string;
  generation?: number;
  targets: PolicyTarget[];
  /** No user wrote it: it acts beside all others. Key of the object whose annotation asks for it. */
  beside?: string;
}

/** Policies of one kind. */
export interface Policies<S> {
  views: Collection<AttachedPolicy<S>>;
  /** By the object key of what they are attached to. */
  byObject: Index<AttachedPolicy<S>>;
}

export interface PolicyTarget extends Aim {
  /** `Kind` of one that is read here, `group/Kind` of others. */
  kind: string;
  field: string;
}

/** What a policy can be attached to. */
export interface Aim {
  /** `Kind/namespace/name`. */
  object: string;
  /** A listener, a rule or a port by its name; '' for the whole object. */
  section: string;
}

type Source = Resource & { spec: { targetRefs: PolicyTargetReference[] } };

export function attachedPolicy<S>({ kind, metadata, spec }: Source, reading: PolicyReading<S>): AttachedPolicy<S> {
  const { namespace = '', name, creationTimestamp: created = '', generation } = metadata;
  const targets = spec.targetRefs.map((target, at): PolicyTarget => {
    const known = Object.hasOwn(KINDS, target.kind) && KINDS[target.kind as Kind].group === target.group;
    const of = known || target.group === '' ? target.kind : `${target.group}/${target.kind}`;
    const object = `${of}/${namespace}/${target.name}`;
    return { kind: of, object, section: target.sectionName ?? '', field: `spec.targetRefs[${at}]` };
  });
  return { key: `${kind}/${namespace}/${name}`, namespace, name, created, generation, targets, ...reading };
}

interface Winners {
  /** Of each target, the oldest first. */
  ranked: Map<string, AttachedPolicy<unknown>[]>;
  beside: AttachedPolicy<unknown>[];
}
/** By group of an index, which never changes: each of thousands of policies with one target asks who wins there. */
const winnersOf = new WeakMap<ReadonlyArray<AttachedPolicy<unknown>>, Winners>();

/** Of those with the same target the oldest; all others are conflicted there. `policies`: a group of an index. */
export function oldest<S>(policies: ReadonlyArray<AttachedPolicy<S>>, aim: Aim): AttachedPolicy<S> | undefined {
  return ranked(policies, aim)[0];
}

/** All that have this target, the oldest first. `policies`: a group of an index. */
export function ranked<S>(policies: ReadonlyArray<AttachedPolicy<S>>, aim: Aim): ReadonlyArray<AttachedPolicy<S>> {
  return (winnersIn(policies).ranked.get(aimKey(aim)) ?? []) as AttachedPolicy<S>[];
}

/** Those that act there whoever wins. */
export function besides<S>(policies: ReadonlyArray<AttachedPolicy<S>>, aim: Aim): AttachedPolicy<S>[] {
  const { beside } = winnersIn(policies);
  if (beside.length === 0) return [];
  const here = beside.filter(({ targets }) => targets.some((target) => aimKey(target) === aimKey(aim)));
  return here as AttachedPolicy<S>[];
}

function winnersIn(policies: ReadonlyArray<AttachedPolicy<unknown>>): Winners {
  let winners = winnersOf.get(policies);
  if (winners === undefined) winnersOf.set(policies, (winners = winnersAmong(policies)));
  return winners;
}

function winnersAmong(policies: ReadonlyArray<AttachedPolicy<unknown>>): Winners {
  const byTarget = new Map<string, AttachedPolicy<unknown>[]>();
  const beside: AttachedPolicy<unknown>[] = [];
  for (const policy of policies) {
    if (policy.beside !== undefined) {
      beside.push(policy);
      continue;
    }
    for (const key of new Set(policy.targets.map(aimKey))) {
      const others = byTarget.get(key);
      if (others === undefined) byTarget.set(key, [policy]);
      else others.push(policy);
    }
  }
  for (const all of byTarget.values()) all.sort(byAge);
  return { ranked: byTarget, beside };
}

function aimKey({ object, section }: Aim): string {
  return `${object} ${section}`;
}

/** The policy as users name it: `Kind namespace/name`. */
export function named(key: string): string {
  return key.replace('/', ' ');
}

const ONE_POLICY = 'write them into that one, or give this one another target';

/** Another policy for the same target that comes before this one. */
export function rivalOf<S>(
  policy: AttachedPolicy<S>,
  target: PolicyTarget,
  others: ReadonlyArray<AttachedPolicy<S>>,
): AttachedPolicy<S> | undefined {
  const winner = oldest(others, target);
  return winner?.key === policy.key ? undefined : winner;
}

/** What stands in its way there. `guarding`: what of it acts all the same, or undefined. */
export function rivalry<S>(
  policy: AttachedPolicy<S>,
  { field }: PolicyTarget,
  { winner, guarding }: { winner: AttachedPolicy<S>; guarding: string | undefined },
): Problem {
  const own = guarding === undefined ? 'none of these' : `of these ${guarding} alone, since they guard`;
  const message = `${named(winner.key)}, ${precedes(winner, policy)}, has the same target: its settings count, and ${own}: ${ONE_POLICY}`;
  return problem(POLICY_REASON.Conflicted, field, message);
}

/** How one of several guards of one target acts. */
export function joining<S>(policy: AttachedPolicy<S>, winner: AttachedPolicy<S>): string {
  return `acts besides ${named(winner.key)}, ${precedes(winner, policy)}, which has the same target`;
}
