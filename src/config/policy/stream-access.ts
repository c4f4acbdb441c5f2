import * as v from 'valibot';
import { key, object } from '../shape.ts';
import { type ClientRule, clientRule } from './access.ts';
import type { PolicyOf, PolicyType } from './policy.ts';
import { type Stacked, stacked } from './stacked.ts';

/** Who may connect where no request is read: TCP, TLS that is relayed, UDP. */
export type StreamAccess = PolicyOf<'StreamAccess', 'Listener' | 'RouteRule', Stacked<StreamAccessSettings>>;

export interface StreamAccessSettings {
  /** A connection that one of these takes is refused. */
  deny: ClientRule[];
  /** Where there are any, one that none of these takes is refused, too. */
  allow: ClientRule[];
  /** It refuses nothing, and tells what it would refuse. */
  shadow: boolean;
  /** Fields that ask for what connections do not have: where there are some, none is let in. */
  unknown: string[];
}

export const streamAccess: PolicyType<'Listener' | 'RouteRule', Stacked<StreamAccessSettings>, 'stacked'> = {
  targets: ['Listener', 'RouteRule'],
  merge: 'stacked',
  stages: ['connection'],
  shape: stacked(
    object<StreamAccessSettings>({
      deny: v.array(clientRule),
      allow: v.array(clientRule),
      shadow: v.boolean(),
      unknown: v.array(key),
    }),
  ),
  shown: (spec) => spec,
};
