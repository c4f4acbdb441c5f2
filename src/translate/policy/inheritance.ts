import type { Aim, AttachedPolicy } from './attached-policy.ts';
import { oldest, ranked } from './attached-policy.ts';

/** A policy that has a say, and the object through which it reaches what it holds for. */
export interface Reach<S> {
  policy: AttachedPolicy<S>;
  object: string;
}

/** From the Gateway down to one listener, which may be that of a ListenerSet. */
export function listenerLevels({ gateway, owner, name }: { gateway: string; owner: string; name: string }): Aim[] {
  const own = [
    { object: owner, section: '' },
    { object: owner, section: name },
  ];
  return owner === gateway ? own : [{ object: gateway, section: '' }, ...own];
}

/** From a listener down to one rule of a route: what a route says counts for less than what its rule says. */
export function ruleLevels(listener: ReadonlyArray<Aim>, rule: { route: string; name?: string }): Aim[] {
  const route = [...listener, { object: rule.route, section: '' }];
  return rule.name === undefined ? route : [...route, { object: rule.route, section: rule.name }];
}

/** From a Service down to one of its ports. */
export function portLevels(service: string, port: string): Aim[] {
  const whole = { object: service, section: '' };
  return port === '' ? [whole] : [whole, { object: service, section: port }];
}

/** What policies of all levels come to for one object. */
export interface Effective<S> {
  settings: S;
  /** Whose settings count: of those who have a part in it, the first in precedence. */
  decisive: Reach<S>;
}

/**
 * Policies as they hold for an object below all of `levels`, the broadest first (GEP-713). At each level the oldest
 * policy counts. Its settings are defaults to all that is nearer; its overrides hold against all that is nearer, those
 * of the broadest level first. A policy that cannot be followed holds its place: what is broader does not take over.
 */
export function effective<S extends object>(
  policiesOf: (object: string) => ReadonlyArray<AttachedPolicy<S>>,
  levels: ReadonlyArray<Aim>,
  merge: 'whole' | 'fields',
): Effective<S> | undefined {
  const reaches = levels.flatMap((aim): Reach<S>[] => {
    const policy = oldest(policiesOf(aim.object), aim);
    return policy === undefined ? [] : [{ policy, object: aim.object }];
  });
  // From what counts least to what counts most.
  const layers = [
    ...reaches.filter(({ policy }) => hasDefaults(policy)).map((reach) => ({ reach, part: reach.policy.settings })),
    ...reaches
      .filter(({ policy }) => policy.overrides !== undefined)
      .map((reach) => ({ reach, part: reach.policy.overrides }))
      .reverse(),
  ];
  const top = layers.at(-1);
  if (top === undefined) return undefined;
  const parts = merge === 'whole' ? [top.part] : layers.map(({ part }) => part);
  return { settings: Object.assign({}, ...parts) as S, decisive: top.reach };
}

/** Guards of one kind with one target that act together, at most: of more than these nothing of the target is let through. */
export const MAX_JOINED = 16;

export const TOO_MANY = `more than ${MAX_JOINED} of its kind have the same target`;

/** Policies that count at a level: the oldest, or of guards all, the oldest first. */
export type PoliciesAt<S> = (aim: Aim) => ReadonlyArray<AttachedPolicy<S>>;

/** `joins`: none of them takes back what another one guards. */
export function policiesAt<S>(
  policiesOf: (object: string) => ReadonlyArray<AttachedPolicy<S>>,
  joins: boolean,
): PoliciesAt<S> {
  return (aim) => {
    const all = ranked(policiesOf(aim.object), aim);
    return all.slice(0, joins ? MAX_JOINED : 1);
  };
}

/** Guards that are too many, the first of each level. */
export function surplus<S>(
  policiesOf: (object: string) => ReadonlyArray<AttachedPolicy<S>>,
  levels: ReadonlyArray<Aim>,
): AttachedPolicy<S>[] {
  return levels.flatMap((aim) => ranked(policiesOf(aim.object), aim)[MAX_JOINED] ?? []);
}

/** Policies of a stack that act whatever is nearer, the broadest level first. */
export function overriding<S>(at: PoliciesAt<S>, levels: ReadonlyArray<Aim>): AttachedPolicy<S>[] {
  const all = levels.flatMap(at);
  return [...new Set(all)].filter(
    ({ overrides, brokenOverride }) => overrides !== undefined || brokenOverride === true,
  );
}

/** Policies of a stack whose defaults act: those of the nearest level that has some. */
export function nearestDefaults<S>(
  at: PoliciesAt<S>,
  levels: ReadonlyArray<Aim>,
  has: (policy: AttachedPolicy<S>) => boolean,
): AttachedPolicy<S>[] {
  for (const aim of levels.toReversed()) {
    const policies = at(aim).filter(has);
    if (policies.length > 0) return policies;
  }
  return [];
}

/** A policy with nothing but overrides has no defaults to give. */
export function hasDefaults<S>({ settings, overrides, brokenOverride }: AttachedPolicy<S>): boolean {
  return settings !== undefined || (overrides === undefined && brokenOverride !== true);
}
