/**
 * Guards with a section that is not there: a listener that was renamed, a rule without that name, a port that is none. What
 * they were to guard is somewhere in their target and nobody knows where, so that all of it is refused, as far as nothing
 * nearer guards it.
 */
import { type Aim, type AttachedPolicy, named } from './attached-policy.ts';

/** By object that levels name, the sections that it has. */
export type Sections = ReadonlyMap<string, readonly string[]>;

export interface Stray<S> {
  policy: AttachedPolicy<S>;
  /** What is guarded in its place. */
  aim: Aim;
  /** In words, as it is refused. */
  why: string;
}

export function strays<S>(
  policiesOf: (object: string) => ReadonlyArray<AttachedPolicy<S>>,
  levels: readonly Aim[],
  sections: Sections,
): Stray<S>[] {
  return levels
    .filter(({ section }) => section === '')
    .flatMap((aim) => {
      const there = sections.get(aim.object);
      if (there === undefined) return [];
      return policiesOf(aim.object).flatMap((policy) =>
        policy.targets
          .filter(({ object, section }) => object === aim.object && section !== '' && !there.includes(section))
          .map(({ field, section }) => {
            const why = `${named(policy.key)}: ${field}.sectionName: ${named(aim.object)} has no ${partOf(aim)} ${section}`;
            return { policy, aim, why };
          }),
      );
    });
}

function partOf({ object }: Aim): string {
  if (object.startsWith('Service/')) return 'port';
  return object.startsWith('Gateway/') || object.startsWith('ListenerSet/') ? 'listener' : 'rule';
}
