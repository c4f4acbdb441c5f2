/**
 * Guards with a section that is not there: a listener that was renamed, a rule without that name, a port that is none. What
 * they were to guard is somewhere in their target and nobody knows where, so that all of it is refused, as far as nothing
 * nearer guards it.
 */
import { byAge } from '../precedence.ts';
import { type Aim, type AttachedPolicy, named, oldest } from './attached-policy.ts';

/** By object that levels name, the sections that it has. */
export type Sections = ReadonlyMap<string, readonly string[]>;

export interface Stray<S> {
  policy: AttachedPolicy<S>;
  /** What is guarded in its place. */
  aim: Aim;
  /** In words, as it is refused. */
  why: string;
}

/** The oldest first. Of those with one section the oldest counts, as where it is there. */
export function strays<S>(
  policiesOf: (object: string) => ReadonlyArray<AttachedPolicy<S>>,
  levels: readonly Aim[],
  sections: Sections,
): Stray<S>[] {
  const found = levels
    .filter(({ section }) => section === '')
    .flatMap((aim) => {
      const there = sections.get(aim.object);
      const named = sectionsNamed(policiesOf(aim.object)).get(aim.object);
      if (there === undefined || named === undefined) return [];
      return [...named]
        .filter((section) => !there.includes(section))
        .map((section) => strayAt(policiesOf, aim, section));
    });
  return found.sort((a, b) => byAge(a.policy, b.policy));
}

function strayAt<S>(
  policiesOf: (object: string) => ReadonlyArray<AttachedPolicy<S>>,
  aim: Aim,
  section: string,
): Stray<S> {
  const policy = oldest(policiesOf(aim.object), { object: aim.object, section })!;
  const { field } = policy.targets.find((one) => one.object === aim.object && one.section === section)!;
  const why = `${named(policy.key)}: ${field}.sectionName: ${named(aim.object)} has no ${partOf(aim)} ${section}`;
  return { policy, aim, why };
}

/** By group of an index, which never changes: by object, the sections that targets have. */
const namedIn = new WeakMap<ReadonlyArray<AttachedPolicy<unknown>>, Map<string, Set<string>>>();

function sectionsNamed(policies: ReadonlyArray<AttachedPolicy<unknown>>): Map<string, Set<string>> {
  let sections = namedIn.get(policies);
  if (sections !== undefined) return sections;
  sections = new Map();
  for (const { object, section } of policies.flatMap(({ targets }) => targets)) {
    if (section === '') continue;
    const known = sections.get(object);
    if (known === undefined) sections.set(object, new Set([section]));
    else known.add(section);
  }
  namedIn.set(policies, sections);
  return sections;
}

function partOf({ object }: Aim): string {
  if (object.startsWith('Service/')) return 'port';
  return object.startsWith('Gateway/') || object.startsWith('ListenerSet/') ? 'listener' : 'rule';
}
