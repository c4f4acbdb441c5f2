import * as v from 'valibot';
import { key, object } from '../shape.ts';
import type { PolicyOf, PolicyType } from './policy.ts';
import { type ConcurrencyLimit, type RequestLimit, streamLimit } from './rate-limit.ts';
import { type Stacked, stacked } from './stacked.ts';

/** How many connections or sessions there may be where no request is read: TCP, TLS that is relayed, UDP. */
export type StreamLimits = PolicyOf<'StreamLimits', 'Listener' | 'RouteRule', Stacked<StreamLimitSettings>>;

export interface StreamLimitSettings {
  limits: StreamLimit[];
  /** Fields that ask for what connections do not have: where there are some, none is let in. */
  unknown: string[];
}

/** Requests: connections that begin, by time. Connections: those under way. `when` is empty, and keys are of connections. */
export type StreamLimit = RequestLimit | ConcurrencyLimit;

export const streamLimits: PolicyType<'Listener' | 'RouteRule', Stacked<StreamLimitSettings>, 'stacked'> = {
  targets: ['Listener', 'RouteRule'],
  merge: 'stacked',
  stages: ['connection'],
  shape: stacked(object<StreamLimitSettings>({ limits: v.array(streamLimit), unknown: v.array(key) })),
  shown: (spec) => spec,
};
