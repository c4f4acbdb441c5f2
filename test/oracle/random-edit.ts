/** Edits of one object of a world, by chance. */
import fc from 'fast-check';
import { worlds } from './random-world.ts';
import type { Metadata, Route, World } from './resource.ts';

export type Edit =
  /** An object as another world has it, whether there was one of its name or not. */
  | { what: 'put'; from: World; kind: keyof World; pick: number }
  | { what: 'drop'; kind: keyof World; pick: number }
  /** A route is written so that nobody can read it, and stays as it was. */
  | { what: 'break'; pick: number };

const kind = fc.constantFrom<Array<keyof World>>(
  'routes',
  'routes',
  'routes',
  'gateways',
  'listenerSets',
  'grants',
  'services',
);

export const edits: fc.Arbitrary<Edit> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ what: fc.constant('put' as const), from: worlds, kind, pick: fc.nat(99) }) },
  { weight: 2, arbitrary: fc.record({ what: fc.constant('drop' as const), kind, pick: fc.nat(99) }) },
  { weight: 1, arbitrary: fc.record({ what: fc.constant('break' as const), pick: fc.nat(99) }) },
);

function at<T>(list: readonly T[], pick: number): T | undefined {
  return list[pick % Math.max(1, list.length)];
}

function isSame(one: { metadata: Metadata }, other: { metadata: Metadata }): boolean {
  return one.metadata.name === other.metadata.name && one.metadata.namespace === other.metadata.namespace;
}

/** What is served after it. */
export function edited(world: World, edit: Edit): World {
  if (edit.what === 'break') return world;
  const all: Array<{ metadata: Metadata }> = world[edit.kind];
  if (edit.what === 'drop') {
    const gone = at(all, edit.pick);
    return { ...world, [edit.kind]: all.filter((one) => one !== gone) };
  }
  const put = at<{ metadata: Metadata }>(edit.from[edit.kind], edit.pick);
  if (put === undefined) return world;
  return { ...world, [edit.kind]: [...all.filter((one) => !isSame(one, put)), put] };
}

/** What is written. */
export function writtenAfter(world: World, edit: Edit): World {
  const broken = edit.what === 'break' ? at(world.routes, edit.pick) : undefined;
  if (broken === undefined) return edited(world, edit);
  const rules = [{ ...broken.spec.rules[0], matches: 'all of them' as unknown as [] }];
  const nonsense: Route = { ...broken, spec: { ...broken.spec, rules } };
  return { ...world, routes: world.routes.map((one) => (one === broken ? nonsense : one)) };
}
