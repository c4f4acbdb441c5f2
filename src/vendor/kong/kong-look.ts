import type { KongClusterPlugin, KongConsumer, KongPlugin, Secret } from '../../api/index.ts';

/** What can be seen of other objects. */
export interface KongLook {
  plugin(name: { namespace: string; name: string }): KongPlugin | undefined;
  clusterPlugin(name: string): KongClusterPlugin | undefined;
  consumers(namespace: string): readonly KongConsumer[];
  secret(name: { namespace: string; name: string }): Secret | undefined;
  /** What is made is called so that no user's object can be called alike; else as a user would call it. */
  readonly hidden: boolean;
  /** Undefined where a KongPlugin of another namespace may be named there; else what to do. */
  refusal(from: { kind: string; namespace: string }, to: { namespace: string; name: string }): string | undefined;
}
