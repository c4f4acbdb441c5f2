import {
  type AnyResource,
  type InstalledCrd,
  KINDS,
  type Kind,
  objectKey,
  type ProvidedCertificate,
  type Superseded,
} from '../api/index.ts';
import type { Ack, ConfigObject, Delivery } from '../config/index.ts';
import { SourceCollection } from '../graph/index.ts';
import type { AssignedAddresses, Inputs, TranslateOptions } from './inputs.ts';
import { translation } from './translation.ts';
import type { ObjectStatus } from './verdict/object-status.ts';
import type { Diagnostic } from './verdict/problem.ts';

/** Inputs that are filled by hand. */
export type SourceInputs = {
  readonly [K in keyof Inputs]: SourceCollection<
    Inputs[K] extends { get(key: string): infer V } ? NonNullable<V> : never
  >;
};

export interface Translated {
  config: ConfigObject[];
  statuses: ObjectStatus[];
  diagnostics: Diagnostic[];
}

export function emptyInputs(): SourceInputs {
  const kinds = Object.keys(KINDS) as Kind[];
  const collections: Record<string, SourceCollection<unknown>> = {};
  for (const kind of kinds) collections[kind] = new SourceCollection<unknown>(kind);
  collections.acks = new SourceCollection<Ack>('acks') as SourceCollection<unknown>;
  collections.deliveries = new SourceCollection<Delivery>('deliveries') as SourceCollection<unknown>;
  collections.addresses = new SourceCollection<AssignedAddresses>('addresses') as SourceCollection<unknown>;
  collections.superseded = new SourceCollection<Superseded>('superseded') as SourceCollection<unknown>;
  collections.provided = new SourceCollection<ProvidedCertificate>('provided') as SourceCollection<unknown>;
  collections.installed = new SourceCollection<InstalledCrd>('installed') as SourceCollection<unknown>;
  return collections as unknown as SourceInputs;
}

/** Everything at once, for `check` and for tests. Sorted by key. */
export function translate(resources: Iterable<AnyResource>, options: TranslateOptions): Translated {
  const inputs = emptyInputs();
  for (const resource of resources) {
    const collection = inputs[resource.kind] as unknown as SourceCollection<AnyResource>;
    collection.apply([{ key: objectKey(resource), value: resource }]);
  }
  const { config, statuses, diagnostics } = translation(inputs, options);
  const sorted = <V>(entries: Iterable<[string, V]>): V[] =>
    Array.from(entries)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([, value]) => value);
  return {
    config: sorted(config.entries()),
    statuses: sorted(statuses.entries()),
    diagnostics: sorted(diagnostics.entries()),
  };
}
