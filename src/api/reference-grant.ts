import type { Resource } from './resource.ts';

/** Lets objects of other namespaces refer to objects of this one. It has no status. */
export interface ReferenceGrant extends Resource {
  kind: 'ReferenceGrant';
  spec: {
    from: Array<{ group: string; kind: string; namespace: string }>;
    /** Without a name: every object of the kind. */
    to: Array<{ group: string; kind: string; name?: string }>;
  };
}
