/** What it takes to find out where a policy that acts on requests does so. */
import type { Index } from '../../graph/index.ts';
import { ownerKey } from '../gateway/declared.ts';
import type { ListenerView } from '../gateway/listener.ts';
import type { Lookup } from '../lookup.ts';
import type { Aim, Policies, PolicyTarget } from './attached-policy.ts';
import { listenerLevels, type PoliciesAt, policiesAt } from './inheritance.ts';
import type { PolicySurroundings } from './policy-kind.ts';

/** Of a route of connections, by its key. */
export const CONNECTIONS = /^(?:TCP|TLS|UDP)Route\//;

export interface EffectOfKind {
  /** Of several for one target all act. */
  joins: boolean;
  /** What gets past it is told. */
  guards: boolean;
  /** It says who may ask, or how often: what else leads there is told. */
  keepsOut: boolean;
  /** It acts where no request is read, too. */
  streams: boolean;
}

export interface EffectScope<S> extends EffectOfKind {
  known: PolicySurroundings;
  policies: Policies<S>;
  byGateway: Index<ListenerView>;
  look: Lookup;
}

export function countingIn<S>({ look, policies, joins }: EffectScope<S>): PoliciesAt<S> {
  return policiesAt((object) => look.context.fetch(policies.byObject, object) ?? [], joins);
}

/** Of a Gateway, with those of the ListenerSets that it takes. */
export function viewsBelow<S>(
  { look, known, byGateway }: EffectScope<S>,
  { object, section }: PolicyTarget,
): ListenerView[] {
  const { viewsByOwner } = known.listeners;
  const views = section === '' && object.startsWith('Gateway/') ? byGateway : viewsByOwner;
  const found = look.context.fetch(views, object) ?? [];
  return section === '' ? [...found] : found.filter(({ spec }) => spec.name === section);
}

export function aimsOf(view: ListenerView): Aim[] {
  return listenerLevels({ gateway: `Gateway/${view.gateway}`, owner: ownerKey(view.owner), name: view.spec.name });
}
