/** What all policies have in common. */
import type { Shape } from '../shape.ts';

/** What a policy holds for; what is attached further out is spread over these. */
export type PolicyTarget = 'Listener' | 'RouteRule' | 'Backend';

/**
 * A policy as it holds for one object, attached by key and merged where it is used: what it says of a listener is
 * never copied into routes, nor what it says of a backend. Key: `type/` and the key of the target (policyKey).
 */
export interface PolicyOf<T extends string, K extends PolicyTarget, S> {
  kind: 'Policy';
  key: string;
  type: T;
  target: { kind: K; key: string };
  spec: S;
  /** Who gave the settings, where they tell it nowhere else: it acts on nothing, and explains. Absent: it is not known. */
  sources?: PolicySource[];
}

/** A policy of a user's, and what of the settings is its own. */
export interface PolicySource {
  /** `Kind/namespace/name`. */
  policy: string;
  /** As `spec` calls them; what changes another kind of object is among them. */
  settings: string[];
}

export type Merge = 'whole' | 'fields' | 'stacked';

/** One type of policy. */
export interface PolicyType<K extends PolicyTarget, S, M extends Merge = 'whole'> {
  /** What it may hold for. */
  targets: readonly K[];
  /**
   * How policies of several levels (Gateway, ListenerSet, listener; Service, port) come together. whole: the nearest
   * counts, and nothing of the others. fields: each setting is that of the nearest policy that has it. stacked: each acts
   * for itself (stacked.ts).
   */
  merge: M;
  /**
   * Where it acts: on connections of clients as they come in, on requests of a listener or a rule, on those for a
   * backend, on each attempt at it.
   */
  stages: ReadonlyArray<'connection' | 'listener' | 'rule' | 'backend' | 'attempt'>;
  shape: Shape<S>;
  /** Keys of the Credentials that go where it goes; absent: it needs none. */
  credentials?(spec: S): string[];
  /** Keys of the Backends that it asks; they go where it goes. Absent: it asks none. */
  backends?(spec: S): string[];
  /** Keys of the Certificates that go where it goes; absent: it needs none. */
  certificates?(spec: S): string[];
  /** Keys of the TrustBundles that go where it goes; absent: it needs none. */
  trust?(spec: S): string[];
  /** It is not of those that act on requests, and where it cannot be read what it is for is denied all the same. */
  guards?: true;
  /** The settings without what is secret. */
  shown(spec: S): S;
}

export function policyKey(type: string, target: string): string {
  return `${type}/${target}`;
}
