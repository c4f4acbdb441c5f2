/** One failure of one guard as a walk: what stands there at each step, and what becomes of those who ask. */
import {
  type ApiObject,
  FAILURES,
  type Failure,
  type FailureName,
  type Guard,
  type Place,
  type Statuses,
} from './guard.ts';
import type { RelayMode } from './relay.ts';

export interface Step {
  objects(place: Place): ApiObject[];
  peer: RelayMode;
  statuses: Statuses;
  deleted?: true;
}

export interface Case {
  /** A name of objects, and of nobody else. */
  name: string;
  what: string;
  guard: Guard;
  steps: Step[];
  world?: 'without database';
}

export function casesOf(guard: Guard): Case[] {
  return (Object.entries(guard.failures) as Array<[FailureName, Failure | string]>).flatMap(([failure, told]) =>
    typeof told === 'string' ? [] : walksOf(guard, failure, told),
  );
}

function walksOf(guard: Guard, failure: FailureName, told: Failure): Case[] {
  const whole: Step = { objects: (place) => guard.objects(place), peer: 'passing', statuses: guard.whole };
  const gone: Step = {
    ...whole,
    objects: editedBy(guard, guard.failures.deleted),
    statuses: deletedOf(guard),
    deleted: true,
  };
  const broken = (statuses: Statuses): Step => ({
    objects: editedBy(guard, told),
    peer: told.peer ?? 'passing',
    statuses,
    ...(failure === 'deleted' && { deleted: true }),
  });
  const mended = told.world === undefined ? [whole] : [];
  const walks: Array<[string, Step[]]> = [];
  if (told.fresh !== undefined) walks.push(['from the beginning', [broken(told.fresh), ...mended]]);
  if (told.served !== undefined) {
    const before = failure === 'createdBroken' ? [whole, gone] : [whole];
    walks.push(['while it serves', [...before, broken(told.served), ...mended]]);
  }
  return walks.map(([when, steps]) => ({
    name: `${guard.name} ${failure} ${when.slice(0, 4)}`.replaceAll(/[^A-Za-z]+/g, '-').toLowerCase(),
    what: `${FAILURES[failure]}, ${when}`,
    ...{ guard, steps },
    ...(told.world && { world: told.world }),
  }));
}

function editedBy(guard: Guard, failure: Failure | string): Step['objects'] {
  if (typeof failure === 'string' || failure.edit === undefined) return (place) => guard.objects(place);
  const { edit } = failure;
  return (place) => edit(guard.objects(place), place);
}

function deletedOf({ failures }: Guard): Statuses {
  return (typeof failures.deleted === 'string' ? undefined : failures.deleted.served) ?? [200, 200];
}
