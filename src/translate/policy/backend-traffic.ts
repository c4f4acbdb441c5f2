import { type BackendTrafficPolicy, GATEWAY_GROUP, POLICY_REASON } from '../../api/index.ts';
import { type BackendTraffic, policyKey } from '../../config/index.ts';
import { type Collection, type Index, index } from '../../graph/index.ts';
import type { BackendUse } from '../backend/backend-ref.ts';
import { DEFAULT_CONTROLLER } from '../gateway/gateway-class.ts';
import { find, type Lookup } from '../lookup.ts';
import type { Graph } from '../stage.ts';
import type { ServiceAncestor } from '../status/policy-status.ts';
import { type Diagnostic, problem } from '../status/problem.ts';
import {
  type AttachedPolicy,
  attachedPolicy,
  type Judgement,
  named,
  oldest,
  type PolicyTarget,
  rivalry,
} from './attached-policy.ts';

export interface BackendTrafficView extends AttachedPolicy {
  spec: BackendTraffic['spec'];
}

export interface BackendTrafficPolicies {
  views: Collection<BackendTrafficView>;
  /** By object key of the Service. */
  byService: Index<BackendTrafficView>;
  config: Collection<BackendTraffic>;
}

export function deriveBackendTraffic(graph: Graph, uses: Collection<BackendUse>): BackendTrafficPolicies {
  const views = graph.derive('backend traffic policies', graph.inputs.BackendTrafficPolicy, (_context, policy, key) => [
    [key, viewOf(policy)],
  ]);
  const byService = index('backend traffic by service', views, ({ targets }) => targets.map(({ object }) => object));
  const used = index('uses by backend for traffic', uses, ({ key }) => [key]);
  const config = graph.derive('backend traffic', used, (context, [use], backend) => {
    const { service, protocol } = use!;
    const object = `Service/${service.namespace}/${service.name}`;
    const policies = context.fetch(byService, object) ?? [];
    if (policies.length === 0) return [];
    const ports = context.fetch(graph.inputs.Service, object)?.spec.ports ?? [];
    const port = ports.find((one) => one.port === service.port && (one.protocol === 'UDP') === (protocol === 'udp'));
    const { proxyProtocol, ...rest } = decisive(policies, object, port?.name ?? '')?.spec ?? {};
    // A datagram says nothing before itself.
    const spec = proxyProtocol === undefined || protocol === 'udp' ? rest : { proxyProtocol, ...rest };
    if (Object.keys(spec).length === 0) return [];
    const key = policyKey('BackendTraffic', backend);
    const target = { kind: 'Backend' as const, key: backend };
    const policy: BackendTraffic = { kind: 'Policy', key, type: 'BackendTraffic', target, spec };
    return [[`Policy/${key}`, policy] as const];
  });
  return { views, byService, config };
}

function viewOf(policy: BackendTrafficPolicy): BackendTrafficView {
  const { targetRefs: _, ...spec } = policy.spec;
  return { ...attachedPolicy(policy), spec };
}

/** A policy for the port itself counts, as a whole, before one for all ports. */
function decisive(
  policies: ReadonlyArray<BackendTrafficView>,
  object: string,
  section: string,
): BackendTrafficView | undefined {
  const own = section === '' ? undefined : oldest(policies, { object, section });
  return own ?? oldest(policies, { object, section: '' });
}

export interface BackendTrafficScope {
  look: Lookup;
  policies: BackendTrafficPolicies;
  /** By `namespace/name` of the Service. */
  ancestors: Index<ServiceAncestor>;
}

/** For each target, one judgement for each Gateway that leads there; a target that is not there stands for itself. */
export function judgeBackendTraffic(scope: BackendTrafficScope, policy: BackendTrafficView): Judgement[] {
  return policy.targets.flatMap((target) => {
    const { look } = scope;
    const [, namespace, name] = target.object.split('/') as [string, string, string];
    const missing = absence(look, target);
    const ancestors = look.context.fetch(scope.ancestors, `${namespace}/${name}`) ?? [];
    if (missing !== undefined && ancestors.length === 0) {
      const ancestorRef = { group: '', kind: 'Service', namespace, name };
      const controllerName = look.options.controllerNames?.[0] ?? DEFAULT_CONTROLLER;
      return [
        {
          ancestorRef,
          controllerName,
          problems: [problem(POLICY_REASON.TargetNotFound, target.field, missing)],
          remarks: [],
        },
      ];
    }
    const others = look.context.fetch(scope.policies.byService, target.object) ?? [];
    const problems =
      missing === undefined
        ? rivalry(policy, target, others)
        : [problem(POLICY_REASON.TargetNotFound, target.field, missing)];
    const remarks = problems.length > 0 || target.section !== '' ? [] : overrides(look, policy, { target, others });
    const gateways = new Map(ancestors.map((one) => [`${one.gateway.namespace}/${one.gateway.name}`, one]));
    const sorted = Array.from(gateways).sort(([a], [b]) => (a < b ? -1 : 1));
    return sorted.map(([, { gateway, controllerName }]) => ({
      ancestorRef: { group: GATEWAY_GROUP, kind: 'Gateway', ...gateway },
      controllerName,
      problems,
      remarks,
    }));
  });
}

function absence(look: Lookup, { object, section }: PolicyTarget): string | undefined {
  const [, namespace, name] = object.split('/') as [string, string, string];
  const service = find(look, 'Service', { namespace, name });
  if (service === undefined) return `Service ${namespace}/${name} does not exist`;
  const ports = (service.spec.ports ?? []).map((port) => port.name ?? '');
  if (section === '' || ports.includes(section)) return undefined;
  const there = ports.filter((port) => port !== '').join(', ') || 'none';
  return `Service ${namespace}/${name} has no port named ${section}; it has ${there}`;
}

function overrides(
  look: Lookup,
  policy: BackendTrafficView,
  { target, others }: { target: PolicyTarget; others: ReadonlyArray<BackendTrafficView> },
): string[] {
  const { object } = target;
  return others.flatMap((other) =>
    other.targets
      .filter((one) => one.object === object && one.section !== '' && other.key !== policy.key)
      .filter((one) => absence(look, one) === undefined)
      .map(({ section }) => `overridden on port ${section} by ${named(other.key)}`),
  );
}

/** A Service that no route leads to: the policy does nothing there, most likely by a slip. */
export function idleTraffic(scope: BackendTrafficScope, policy: BackendTrafficView): Diagnostic[] {
  return policy.targets.flatMap(({ object, field }) => {
    const service = object.slice(object.indexOf('/') + 1);
    if ((scope.look.context.fetch(scope.ancestors, service) ?? []).length > 0) return [];
    if (absence(scope.look, { object, section: '', field }) !== undefined) return [];
    const message = `no route leads to Service ${service}: the policy does nothing there`;
    return [{ severity: 'warning', object: policy.key, field, message }];
  });
}
