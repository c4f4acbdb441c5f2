import * as v from 'valibot';
import { key, object } from '../shape.ts';
import type { PolicyOf, PolicyType } from './policy.ts';
import { type Stacked, shownActs, stacked } from './stacked.ts';

/** Bodies for answers of some statuses that a service makes; the status stays. */
export type ErrorService = PolicyOf<
  'ErrorService',
  'Listener' | 'RouteRule' | 'Backend',
  Stacked<ErrorServiceSettings>
>;

export interface ErrorServiceSettings {
  /** Each with the key of a Backend. */
  services: Array<{ codes: number[]; backend: string }>;
}

const status = v.pipe(v.number(), v.integer(), v.minValue(400), v.maxValue(599));

export const errorService: PolicyType<
  'Listener' | 'RouteRule' | 'Backend',
  Stacked<ErrorServiceSettings>,
  'stacked'
> = {
  targets: ['Listener', 'RouteRule', 'Backend'],
  merge: 'stacked',
  stages: ['listener', 'rule', 'backend'],
  shape: stacked(
    object<ErrorServiceSettings>({ services: v.array(v.object({ codes: v.array(status), backend: key })) }),
  ),
  backends: ({ acts }) => acts.flatMap(({ settings }) => settings?.services.map(({ backend }) => backend) ?? []),
  shown: (spec) => shownActs(spec, (settings) => settings),
};
