import * as v from 'valibot';
import { key, object } from '../shape.ts';
import type { PolicyOf, PolicyType } from './policy.ts';
import { type Stacked, shownActs, stacked } from './stacked.ts';

/** Answers of backends that are kept for others who ask the same. */
export type Cache = PolicyOf<'Cache', 'Listener' | 'RouteRule' | 'Backend', Stacked<CacheSettings>>;

export interface CacheSettings {
  /** Bytes of a body that is kept, and of all that is. */
  maxObjectBytes: number;
  maxBytes: number;
  /** Bytes of all that is kept on the disk, where there is one; absent: nothing is. */
  maxDiskBytes?: number;
  /** Milliseconds that an answer is fresh which does not say so itself; 0: it is not kept. */
  defaultTtl: number;
  /** Milliseconds after that in which it is given while one request asks again, and where the backend fails. */
  staleWhileRevalidate: number;
  staleIfError: number;
  /** Lower case: headers whose values are part of the key. */
  keyHeaders: string[];
  /** What was kept under another one is not used any more. */
  generation: string;
  /** What is to be forgotten, each once by each data plane; absent: nothing was asked. */
  purges?: PolicyPurge[];
}

export interface PolicyPurge {
  id: string;
  host?: string;
  target?: string;
  prefix?: boolean;
}

const purge = object<PolicyPurge>({
  id: key,
  host: v.optional(key),
  target: v.optional(key),
  prefix: v.optional(v.boolean()),
});
const count = v.pipe(v.number(), v.integer(), v.minValue(0));

export const cache: PolicyType<'Listener' | 'RouteRule' | 'Backend', Stacked<CacheSettings>, 'stacked'> = {
  targets: ['Listener', 'RouteRule', 'Backend'],
  merge: 'stacked',
  stages: ['listener', 'rule', 'backend'],
  shape: stacked(
    object<CacheSettings>({
      maxObjectBytes: count,
      maxBytes: count,
      maxDiskBytes: v.optional(count),
      defaultTtl: count,
      staleWhileRevalidate: count,
      staleIfError: count,
      keyHeaders: v.array(key),
      generation: v.string(),
      purges: v.optional(v.array(purge)),
    }),
  ),
  shown: (spec) => shownActs(spec, (settings) => settings),
};
