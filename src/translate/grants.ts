import { type Grant, grantPath, type Referrer } from '../api/index.ts';
import type { Context, Index } from '../graph/index.ts';

export type { Referrer };

export interface Referent extends Referrer {
  name: string;
}

/** What is known of grants. */
export interface GrantScope {
  readonly context: Context;
  readonly grants: Index<Grant>;
}

/** References inside a namespace need no grant; across namespaces the referent's namespace must hold one. */
export function permitted({ context, grants }: GrantScope, from: Referrer, to: Referent): boolean {
  if (from.namespace === to.namespace) return true;
  const found = context.fetch(grants, grantPath(from, to)) ?? [];
  return found.some((grant) => grant.name === undefined || grant.name === to.name);
}

/** What a user adds to let the reference through. */
export function grantHint(from: Referrer, to: Referent): string {
  return `add a ReferenceGrant to namespace ${to.namespace} from ${from.kind} in ${from.namespace} to ${to.kind} ${to.name}`;
}
