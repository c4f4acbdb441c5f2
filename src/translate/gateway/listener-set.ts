import { GATEWAY_GROUP, LISTENER_SET_REASON, type ListenerSet, type Misread } from '../../api/index.ts';
import type { Collection } from '../../graph/index.ts';
import { find, type Lookup, namespaceLabels } from '../lookup.ts';
import type { Aged } from '../precedence.ts';
import { type Problem, problem } from '../verdict/problem.ts';
import type { ManagedGateway } from './gateway.ts';
import type { ListenerView } from './listener.ts';
import { type NamespaceAdmission, selects, whyBarred } from './selector.ts';

/** A ListenerSet whose parent is a Gateway of ours. */
export interface ManagedSet extends Aged {
  key: string;
  gateway: string;
  controllerName: string;
  generation?: number;
  /** Why the Gateway does not take it. */
  refusal?: Problem;
}

export function attachedSet(
  look: Lookup,
  gateways: Collection<ManagedGateway>,
  set: ListenerSet,
): ManagedSet | undefined {
  const { group = GATEWAY_GROUP, kind = 'Gateway', name: parent } = set.spec.parentRef;
  if (group !== GATEWAY_GROUP || kind !== 'Gateway') return undefined;
  const { namespace = '', name, creationTimestamp: created = '', generation } = set.metadata;
  const at = { namespace: set.spec.parentRef.namespace ?? namespace, name: parent };
  const gateway = look.context.fetch(gateways, `Gateway/${at.namespace}/${at.name}`);
  if (gateway === undefined) return undefined;
  const key = `ListenerSet/${namespace}/${name}`;
  const { controllerName } = gateway;
  const managed: ManagedSet = { key, namespace, name, created, gateway: gateway.key, controllerName, generation };
  const refusal = set.misread === undefined ? refusalOf(look, namespace, at) : misreadSet(set.misread);
  if (refusal !== undefined) managed.refusal = refusal;
  return managed;
}

/**
 * A set is accepted for a listener that is served, or that only waits for a Secret. Stricter than for a Gateway: one that may
 * not have its certificate counts for nothing. A Secret that is not there yet may need the set to be accepted: names of
 * routes of a set are published when it is, and an authority asks at the name.
 */
export function isTaken({ config, conflict, refusals, unresolved }: ListenerView): boolean {
  if (config !== undefined) return true;
  const waits = unresolved.length > 0 && unresolved.every(({ missing }) => missing?.startsWith('Secret/') === true);
  return conflict === undefined && refusals.length === 0 && waits;
}

function misreadSet({ field, message }: Misread): Problem {
  return problem(LISTENER_SET_REASON.Invalid, field, `${field} ${message}; none of its listeners is served until then`);
}

/** A Gateway takes no ListenerSets unless its allowedListeners says from where. */
function refusalOf(look: Lookup, namespace: string, at: { namespace: string; name: string }): Problem | undefined {
  const { from = 'None', selector } = find(look, 'Gateway', at)?.spec.allowedListeners?.namespaces ?? {};
  if (allows(look, { from, selector, namespace, own: at.namespace })) return undefined;
  const why = whyBarred({ from, selector }, { labels: namespaceLabels(look, namespace), own: at.namespace });
  const message = `Gateway ${at.namespace}/${at.name} takes no ListenerSets from namespace ${namespace} (spec.allowedListeners.namespaces.from: ${from}): ${why}`;
  return problem(LISTENER_SET_REASON.NotAllowed, 'spec.parentRef', message);
}

interface Admission extends NamespaceAdmission {
  namespace: string;
  own: string;
}

function allows(look: Lookup, { from, selector, namespace, own }: Admission): boolean {
  switch (from) {
    case 'All':
      return true;
    case 'Same':
      return namespace === own;
    case 'Selector':
      return selects(selector, namespaceLabels(look, namespace));
    case 'None':
      return false;
  }
}
