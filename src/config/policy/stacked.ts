/**
 * Policies of which several act on one request, each for itself: those that users wrote as defaults give way to what is
 * nearer, those that they wrote as overrides act in any case (docs/decisions/policies.md).
 */
import * as v from 'valibot';
import { key, object, type Shape } from '../shape.ts';

/** All policies of one kind for one object, in the order in which they act. */
export interface Stacked<S> {
  acts: Acting<S>[];
}

/** One policy of a user's. */
export interface Acting<S> {
  /** `Kind/namespace/name`. */
  source: string;
  /** Default: not where what is nearer to the request has one, too. */
  holds: 'Default' | 'Override';
  /** Absent: it cannot be followed. */
  settings?: S;
  /** Why it cannot be followed: what it would act on is refused. */
  broken?: string;
}

export function stacked<S>(settings: Shape<S>): Shape<Stacked<S>> {
  return object<Stacked<S>>({
    acts: v.array(
      object<Acting<S>>({
        source: key,
        holds: v.picklist(['Default', 'Override']),
        settings: v.optional(settings) as Shape<S | undefined>,
        broken: v.optional(v.string()),
      }),
    ),
  });
}

/** The settings of each, as outsiders may see them. */
export function shownActs<S>({ acts }: Stacked<S>, shown: (settings: S) => S): Stacked<S> {
  return {
    acts: acts.map((one) => (one.settings === undefined ? one : { ...one, settings: shown(one.settings) })),
  };
}
