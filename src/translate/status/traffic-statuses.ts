import { apiVersionOf } from '../../api/index.ts';
import type { Collection } from '../../graph/index.ts';
import type { Listeners } from '../gateway/listeners.ts';
import { type AttachedPolicy, attachedDiagnostics, attachedStatus, type Judgement } from '../policy/attached-policy.ts';
import {
  type BackendTrafficPolicies,
  type BackendTrafficScope,
  idleTraffic,
  judgeBackendTraffic,
} from '../policy/backend-traffic.ts';
import { type ClientTrafficPolicies, judgeClientTraffic } from '../policy/client-traffic.ts';
import type { Routes } from '../route/routes.ts';
import type { Graph } from '../stage.ts';
import type { Diagnostic } from './problem.ts';
import type { ObjectStatus } from './statuses.ts';

export interface TrafficInputs {
  listeners: Listeners;
  routes: Routes;
  clientTraffic: ClientTrafficPolicies;
  backendTraffic: BackendTrafficPolicies;
}

interface JudgedPolicy {
  policy: AttachedPolicy;
  judgements: Judgement[];
  idle: Diagnostic[];
}

/** Statuses and diagnostics of the policies of our own. */
export function trafficStatuses(
  graph: Graph,
  known: TrafficInputs,
): { statuses: Array<Collection<ObjectStatus>>; diagnostics: Array<Collection<Diagnostic>> } {
  const clients = graph.derive('judged client traffic', known.clientTraffic.views, (context, policy, key) => {
    const scope = { look: graph.look(context), listeners: known.listeners, policies: known.clientTraffic };
    return [[key, { policy, judgements: judgeClientTraffic(scope, policy), idle: [] } satisfies JudgedPolicy]];
  });
  const backends = graph.derive('judged backend traffic', known.backendTraffic.views, (context, policy, key) => {
    const scope: BackendTrafficScope = {
      look: graph.look(context),
      policies: known.backendTraffic,
      ancestors: known.routes.ancestors,
    };
    const judgements = judgeBackendTraffic(scope, policy);
    return [[key, { policy, judgements, idle: idleTraffic(scope, policy) } satisfies JudgedPolicy]];
  });
  return {
    statuses: [statusesOf(graph, 'ClientTrafficPolicy', clients), statusesOf(graph, 'BackendTrafficPolicy', backends)],
    diagnostics: [diagnosticsOf(graph, clients), diagnosticsOf(graph, backends)],
  };
}

function statusesOf(
  graph: Graph,
  kind: 'ClientTrafficPolicy' | 'BackendTrafficPolicy',
  judged: Collection<JudgedPolicy>,
): Collection<ObjectStatus> {
  return graph.derive(`${kind} statuses`, judged, (_context, { policy, judgements }, key) => {
    if (judgements.length === 0) return [];
    const { namespace, name } = policy;
    const status = attachedStatus(policy, judgements);
    return [[key, { apiVersion: apiVersionOf(kind), kind, metadata: { namespace, name }, status }] as const];
  });
}

function diagnosticsOf(graph: Graph, judged: Collection<JudgedPolicy>): Collection<Diagnostic> {
  return graph.derive(`diagnostics of ${judged.name}`, judged, (_context, { policy, judgements, idle }, key) =>
    [...attachedDiagnostics(policy, judgements), ...idle].map((one, at) => [`${key}#${at}`, one] as const),
  );
}
