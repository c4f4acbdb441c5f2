import * as v from 'valibot';
import { object } from '../shape.ts';
import type { PolicyOf, PolicyType } from './policy.ts';
import { type Stacked, shownActs, stacked } from './stacked.ts';

/** How long a request's body may be. */
export type BodySize = PolicyOf<'BodySize', 'Listener' | 'RouteRule' | 'Backend', Stacked<BodySizeSettings>>;

export interface BodySizeSettings {
  /** More is refused (413). */
  maxBytes: number;
}

export const bodySize: PolicyType<'Listener' | 'RouteRule' | 'Backend', Stacked<BodySizeSettings>, 'stacked'> = {
  targets: ['Listener', 'RouteRule', 'Backend'],
  merge: 'stacked',
  stages: ['listener', 'rule', 'backend'],
  shape: stacked(object<BodySizeSettings>({ maxBytes: v.pipe(v.number(), v.integer(), v.minValue(1)) })),
  shown: (spec) => shownActs(spec, (settings) => settings),
};
