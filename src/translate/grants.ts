import type { ReferenceGrant } from '../api/index.ts';
import type { Context, Index } from '../graph/index.ts';

/** One pair of `from` and `to` of a ReferenceGrant. */
export interface Grant {
  path: string;
  /** The only object that may be referred to; absent: all of the kind. */
  name?: string;
}

export interface Referrer {
  group: string;
  kind: string;
  namespace: string;
}

export interface Referent extends Referrer {
  name: string;
}

/** The pairs of a grant, each under the path that `permitted` looks up. */
export function grantsOf(grant: ReferenceGrant): Grant[] {
  const namespace = grant.metadata.namespace ?? '';
  return grant.spec.from.flatMap((from) =>
    grant.spec.to.map((to) => {
      const path = pathOf(from, { group: to.group, kind: to.kind, namespace });
      return to.name === undefined || to.name === '' ? { path } : { path, name: to.name };
    }),
  );
}

/** What is known of grants. */
export interface GrantScope {
  readonly context: Context;
  readonly grants: Index<Grant>;
}

/** References inside a namespace need no grant; across namespaces the referent's namespace must hold one. */
export function permitted({ context, grants }: GrantScope, from: Referrer, to: Referent): boolean {
  if (from.namespace === to.namespace) return true;
  const found = context.fetch(grants, pathOf(from, to)) ?? [];
  return found.some((grant) => grant.name === undefined || grant.name === to.name);
}

function pathOf(from: Referrer, to: Referrer): string {
  return `${from.group}/${from.kind}/${from.namespace}>${to.group}/${to.kind}/${to.namespace}`;
}

/** What a user adds to let the reference through. */
export function grantHint(from: Referrer, to: Referent): string {
  return `add a ReferenceGrant to namespace ${to.namespace} from ${from.kind} in ${from.namespace} to ${to.kind} ${to.name}`;
}
