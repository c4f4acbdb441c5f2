import type { AnyResource, BackendObjectReference, Kind, Namespace, ResourceByKind, Secret } from '../api/index.ts';
import { keyOf, NAMESPACE_NAME_LABEL } from '../api/index.ts';
import type { Delivery, RefusedEndpoint } from '../config/index.ts';
import type { Collection, Index } from '../graph/index.ts';
import type { BackendUse } from './backend/backend-use.ts';
import type { GrantScope } from './grants.ts';
import type { Inputs, TranslateOptions } from './inputs.ts';
import type { Problem } from './verdict/problem.ts';

/** What a derivation may read: one object by its name, and the grants. Each read is a dependency. */
export interface Lookup extends GrantScope {
  readonly inputs: Inputs;
  readonly options: TranslateOptions;
  /** Opaque Secrets by namespace and label (`labelPath`). */
  readonly labelled: Index<Secret>;
  /** Deliveries that failed: seldom any, so that reading them costs no dependency on those that come and go. */
  readonly rejections: Collection<Delivery>;
  /** The Backend that an object of ours refers to: without what holds for it by policies. */
  backendOf(reference: BackendObjectReference, by: BackendQuestion): BackendUse | Problem;
  /** Endpoints that data planes do not connect to, by key of the Backend. */
  readonly refusals: Index<RefusedEndpoint>;
}

/** Who refers to a Backend, where, and what is to be spoken there. */
export interface BackendQuestion {
  look: Lookup;
  from: { kind: string; namespace: string };
  speaks: 'HTTP' | 'GRPC';
  field: string;
}

export interface Name {
  namespace: string;
  name: string;
}

export function find<K extends Kind>(look: Lookup, kind: K, { namespace, name }: Name): ResourceByKind[K] | undefined {
  const collection = look.inputs[kind] as Collection<AnyResource>;
  return look.context.fetch(collection, keyOf(kind, namespace, name)) as ResourceByKind[K] | undefined;
}

export function labelPath(namespace: string, [name, value]: readonly [string, string]): string {
  return `${namespace}/${name}=${value}`;
}

/** Labels by which a Secret can be selected: one with a type of its own has something else in it than what policies ask for. */
export function labelPaths({ metadata, type = 'Opaque' }: Secret): string[] {
  if (type !== 'Opaque' || metadata.labels === undefined) return [];
  return Object.entries(metadata.labels).map((label) => labelPath(metadata.namespace ?? '', label));
}

/**
 * A namespace's labels. One that is only named (files seldom declare theirs) has its name as a label, and none has the name
 * of another: an API server sees to that, and files have none.
 */
export function namespaceLabels(look: Lookup, namespace: string): Record<string, string> {
  const object: Namespace | undefined = find(look, 'Namespace', { namespace: '', name: namespace });
  return { ...object?.metadata.labels, [NAMESPACE_NAME_LABEL]: namespace };
}
