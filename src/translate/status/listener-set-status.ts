import { CONDITION, LISTENER_SET_REASON, type ListenerSetStatus } from '../../api/index.ts';
import type { ManagedGateway } from '../gateway/gateway.ts';
import { isTaken, type ManagedSet } from '../gateway/listener-set.ts';
import { conditions, fails, holds, unknown, type Verdict } from '../verdict/conditions.ts';
import { type GatewayStatusScope, listenerStatus } from './gateway-status.ts';
import { combined, listenerProgress } from './programmed.ts';

export function listenerSetStatus(
  scope: GatewayStatusScope,
  set: ManagedSet,
  gateway: ManagedGateway,
): ListenerSetStatus {
  const accepted = setAccepted(scope, set, gateway);
  const verdicts = [accepted, setProgrammed(scope, accepted)];
  const status: ListenerSetStatus = { conditions: conditions(verdicts, set.generation) };
  if (set.refusal === undefined) status.listeners = scope.views.map((view) => listenerStatus(scope, view, gateway));
  return status;
}

function setAccepted({ views }: GatewayStatusScope, set: ManagedSet, gateway: ManagedGateway): Verdict {
  const type = CONDITION.Accepted;
  if (set.refusal !== undefined) return fails(type, set.refusal.reason, set.refusal.message);
  if (gateway.withheld) {
    return fails(type, LISTENER_SET_REASON.ParentNotAccepted, `Gateway ${gateway.key} is not accepted`);
  }
  const bad = views.filter(({ config }) => config === undefined);
  if (bad.length === 0) return holds(type, LISTENER_SET_REASON.Accepted, 'accepted');
  const message = `not served: listeners ${bad.map(({ spec }) => spec.name).join(', ')}`;
  if (views.some(isTaken)) return holds(type, LISTENER_SET_REASON.ListenersNotValid, message);
  return fails(type, LISTENER_SET_REASON.ListenersNotValid, message);
}

function setProgrammed(scope: GatewayStatusScope, accepted: Verdict): Verdict {
  const type = CONDITION.Programmed;
  if (accepted.status === 'False') return fails(type, accepted.reason, 'not accepted, so no data plane serves it');
  const served = scope.views.flatMap(({ config }) => (config === undefined ? [] : [config]));
  if (served.length === 0) {
    return fails(type, LISTENER_SET_REASON.ListenersNotValid, 'none of its listeners can be served');
  }
  const progress = combined(served.map((config) => listenerProgress(scope.look, scope.sockets, config)));
  switch (progress.state) {
    case 'serving':
      return holds(type, LISTENER_SET_REASON.Programmed, 'every data plane serves it');
    case 'pending':
      return unknown(type, LISTENER_SET_REASON.Pending, 'not every data plane has acknowledged it yet');
    case 'failed':
      return fails(type, LISTENER_SET_REASON.Invalid, `${progress.code}: ${progress.message}`);
  }
}
