import type { Resource } from './resource.ts';

/** The label that every namespace carries with its own name; sources add it where a file left it out. */
export const NAMESPACE_NAME_LABEL = 'kubernetes.io/metadata.name';

/** Cluster-scoped. */
export interface Namespace extends Resource {
  kind: 'Namespace';
}
