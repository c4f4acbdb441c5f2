import * as v from 'valibot';
import { httpMatch } from '../match-shape.ts';
import type { HttpMatch } from '../route.ts';
import { object } from '../shape.ts';
import type { PolicyOf, PolicyType } from './policy.ts';
import { type Stacked, shownActs, stacked } from './stacked.ts';

/** Trouble made on purpose, to see who bears it. */
export type Fault = PolicyOf<'Fault', 'Listener' | 'RouteRule' | 'Backend', Stacked<FaultSettings>>;

export interface FaultSettings {
  /** Requests that it is for: those that one of these matches; empty: all. */
  when: HttpMatch[];
  delay?: { milliseconds: number; percentage: number };
  abort?: { statusCode: number; percentage: number };
}

const percentage = v.pipe(v.number(), v.minValue(0), v.maxValue(100));

export const fault: PolicyType<'Listener' | 'RouteRule' | 'Backend', Stacked<FaultSettings>, 'stacked'> = {
  targets: ['Listener', 'RouteRule', 'Backend'],
  merge: 'stacked',
  stages: ['listener', 'rule', 'backend'],
  shape: stacked(
    object<FaultSettings>({
      when: v.array(httpMatch),
      delay: v.optional(v.object({ milliseconds: v.pipe(v.number(), v.minValue(0)), percentage })),
      abort: v.optional(
        v.object({ statusCode: v.pipe(v.number(), v.integer(), v.minValue(400), v.maxValue(599)), percentage }),
      ),
    }),
  ),
  shown: (spec) => shownActs(spec, ({ when, delay, abort }) => ({ when, delay, abort })),
};
