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

/** Who refers, as a grant names it. */
export interface Referrer {
  group: string;
  kind: string;
  namespace: string;
}

/** One pair of `from` and `to` of a ReferenceGrant. */
export interface Grant {
  path: string;
  /** The only object that may be referred to; absent: all of the kind. */
  name?: string;
}

/** The pairs of a grant, each under its path. */
export function grantsOf(grant: ReferenceGrant): Grant[] {
  const namespace = grant.metadata.namespace ?? '';
  return grant.spec.from.flatMap((from) =>
    grant.spec.to.map((to) => {
      const path = grantPath(from, { group: to.group, kind: to.kind, namespace });
      return to.name === undefined || to.name === '' ? { path } : { path, name: to.name };
    }),
  );
}

/** Equal for a reference and for the pairs of grants that let it through, but for the name. */
export function grantPath(from: Referrer, to: Referrer): string {
  return `${from.group}/${from.kind}/${from.namespace}>${to.group}/${to.kind}/${to.namespace}`;
}
