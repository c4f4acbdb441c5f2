import { type ClientTrafficPolicy, GATEWAY_GROUP, POLICY_REASON } from '../../api/index.ts';
import {
  type ClientTraffic,
  type Listener,
  type PathForm,
  type ProxyProtocolFromClients,
  policyKey,
} from '../../config/index.ts';
import { type Collection, type Index, index } from '../../graph/index.ts';
import { ownerKey } from '../gateway/declared.ts';
import { DEFAULT_CONTROLLER } from '../gateway/gateway-class.ts';
import type { ListenerView } from '../gateway/listener.ts';
import type { Listeners } from '../gateway/listeners.ts';
import { find, type Lookup } from '../lookup.ts';
import { byAge } from '../precedence.ts';
import type { Graph } from '../stage.ts';
import { type Problem, problem } from '../status/problem.ts';
import {
  type AttachedPolicy,
  attachedPolicy,
  type Judgement,
  named,
  oldest,
  type PolicyTarget,
  rivalry,
} from './attached-policy.ts';

export interface ClientTrafficView extends AttachedPolicy {
  proxyProtocol?: ProxyProtocolFromClients;
  pathForm?: PathForm;
}

/** What ClientTrafficPolicies come to for one listener. */
export interface ListenerTraffic {
  listener: string;
  /** Name of the listener, and its owner's object key. */
  name: string;
  owner: string;
  /** Key of the policy nearest to the listener. */
  nearest?: string;
  /** Key of the policy whose PROXY protocol holds for the port. */
  decides?: string;
  proxyProtocol?: ProxyProtocolFromClients;
  /** Of the nearest policy: listeners of a port may differ in it. */
  pathForm?: PathForm;
  /** A listener of others on the port, for whose sake `nearest` does not decide. */
  obstacle?: string;
  port: number;
  protocol: Listener['protocol'];
}

export interface ClientTrafficPolicies {
  views: Collection<ClientTrafficView>;
  byObject: Index<ClientTrafficView>;
  /** By listener key; those that a policy has a say in. */
  traffic: Collection<ListenerTraffic>;
  byPolicy: Index<ListenerTraffic>;
  config: Collection<ClientTraffic>;
}

export function deriveClientTraffic(graph: Graph, listeners: Listeners): ClientTrafficPolicies {
  const views = graph.derive('client traffic policies', graph.inputs.ClientTrafficPolicy, (_context, policy, key) => [
    [key, viewOf(policy)],
  ]);
  const byObject = index('client traffic by target', views, ({ targets }) => targets.map(({ object }) => object));
  const served = index('listeners by port', listeners.views, (view) => portsOf(view, graph.options.shared));
  const traffic = graph.derive('listener traffic', served, (context, group) => {
    const nearest = group.map((view) => nearestPolicy((object) => context.fetch(byObject, object) ?? [], view));
    return new Map(portTraffic(group, nearest).map((one) => [one.listener, one]));
  });
  const byPolicy = index('listener traffic by policy', traffic, ({ nearest, decides }) =>
    [...new Set([nearest, decides])].flatMap((key) => key ?? []),
  );
  const config = graph.derive('client traffic', traffic, (_context, { listener, proxyProtocol, pathForm }) => {
    if (proxyProtocol === undefined && pathForm === undefined) return [];
    const key = policyKey('ClientTraffic', listener);
    const target = { kind: 'Listener' as const, key: listener };
    const policy: ClientTraffic = { kind: 'Policy', key, type: 'ClientTraffic', target, spec: {} };
    if (proxyProtocol !== undefined) policy.spec.proxyProtocol = proxyProtocol;
    if (pathForm !== undefined) policy.spec.pathForm = pathForm;
    return [[`Policy/${key}`, policy] as const];
  });
  return { views, byObject, traffic, byPolicy, config };
}

function viewOf(policy: ClientTrafficPolicy): ClientTrafficView {
  const view: ClientTrafficView = attachedPolicy(policy);
  const { proxyProtocol, pathForm } = policy.spec;
  if (proxyProtocol !== undefined) view.proxyProtocol = proxyProtocol;
  if (pathForm !== undefined) view.pathForm = pathForm;
  return view;
}

/** Listeners that meet on one socket. A datagram has no header before it: UDP is left out. */
function portsOf({ config }: ListenerView, shared: boolean): string[] {
  if (config === undefined || config.protocol === 'UDP') return [];
  const gateway = shared ? '' : config.gateway;
  return [`${gateway} ${[...config.addresses].sort().join(',')} ${config.port}`];
}

/** A policy, and the object through which it reaches a listener. */
interface Reach {
  policy: ClientTrafficView;
  object: string;
}

/** The policy for the listener itself, or for what declares it, or for the Gateway: the first counts as a whole. */
function nearestPolicy(
  policiesOf: (object: string) => ReadonlyArray<ClientTrafficView>,
  view: ListenerView,
): Reach | undefined {
  const owner = ownerKey(view.owner);
  const gateway = `Gateway/${view.gateway}`;
  const aims = [
    { object: owner, section: view.spec.name },
    { object: owner, section: '' },
    ...(owner === gateway ? [] : [{ object: gateway, section: '' }]),
  ];
  for (const aim of aims) {
    const policy = oldest(policiesOf(aim.object), aim);
    if (policy !== undefined) return { policy, object: aim.object };
  }
  return undefined;
}

/**
 * The header comes before all that tells listeners apart, so a port has one setting: the oldest policy's. A policy
 * counts only where it has a say in all listeners of the port, or those of others have the same setting: nobody else
 * may decide whom a listener believes.
 */
function portTraffic(views: ReadonlyArray<ListenerView>, nearest: ReadonlyArray<Reach | undefined>): ListenerTraffic[] {
  const willing = nearest.filter((reach) => reach?.policy.proxyProtocol !== undefined).map((reach) => reach!);
  const obstacles = new Map(willing.map((reach) => [reach.policy.key, obstacleOf(reach, views, nearest)]));
  const [winner] = willing
    .map(({ policy }) => policy)
    .filter(({ key }) => obstacles.get(key) === undefined)
    .sort(byAge);
  return views.flatMap((view, at) => {
    const own = nearest[at]?.policy;
    if (winner === undefined && own === undefined) return [];
    const { port, protocol } = view.config!;
    const owner = ownerKey(view.owner);
    const traffic: ListenerTraffic = { listener: view.key, name: view.spec.name, owner, port, protocol };
    if (own !== undefined) traffic.nearest = own.key;
    if (own?.pathForm !== undefined && isHttp(protocol)) traffic.pathForm = own.pathForm;
    const obstacle = own && obstacles.get(own.key);
    if (obstacle !== undefined) traffic.obstacle = obstacle;
    if (winner !== undefined) {
      traffic.decides = winner.key;
      traffic.proxyProtocol = winner.proxyProtocol!;
    }
    return [traffic];
  });
}

/** Of the others no path is read. */
function isHttp(protocol: Listener['protocol']): boolean {
  return protocol === 'HTTP' || protocol === 'HTTPS';
}

/** A listener of the port that the policy has no say in, and that has not the same setting. */
function obstacleOf(
  { policy, object }: Reach,
  views: ReadonlyArray<ListenerView>,
  nearest: ReadonlyArray<Reach | undefined>,
): string | undefined {
  const foreign = views.find((view, at) => {
    if (object === `Gateway/${view.gateway}` || object === ownerKey(view.owner)) return false;
    return !sameSetting(nearest[at]?.policy.proxyProtocol, policy.proxyProtocol);
  });
  return foreign && `listener ${foreign.spec.name} of ${named(ownerKey(foreign.owner))}`;
}

function sameSetting(a: ProxyProtocolFromClients | undefined, b: ProxyProtocolFromClients | undefined): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

export interface ClientTrafficScope {
  look: Lookup;
  listeners: Listeners;
  policies: ClientTrafficPolicies;
}

/** One judgement for each target: a Gateway or ListenerSet that is not ours is left to whom it belongs to. */
export function judgeClientTraffic(scope: ClientTrafficScope, policy: ClientTrafficView): Judgement[] {
  return policy.targets.flatMap((target) => {
    const [kind, namespace, name] = target.object.split('/') as ['Gateway' | 'ListenerSet', string, string];
    const { look, listeners } = scope;
    const ancestorRef = { group: GATEWAY_GROUP, kind, namespace, name };
    const object = find(look, kind, { namespace, name });
    if (object === undefined) {
      const message = `${kind} ${namespace}/${name} does not exist`;
      const problems = [problem(POLICY_REASON.TargetNotFound, target.field, message)];
      const controllerName = look.options.controllerNames?.[0] ?? DEFAULT_CONTROLLER;
      return [{ ancestorRef, controllerName, problems, remarks: [] }];
    }
    const managed = look.context.fetch(listeners.parents, target.object);
    if (managed === undefined) return [];
    const { controllerName } = managed;
    const names = object.spec.listeners.map((listener) => listener.name);
    if (target.section !== '' && !names.includes(target.section)) {
      const message = `${kind} ${namespace}/${name} has no listener ${target.section}; it has ${names.join(', ')}`;
      const problems = [problem(POLICY_REASON.TargetNotFound, target.field, message)];
      return [{ ancestorRef, controllerName, problems, remarks: [] }];
    }
    const others = look.context.fetch(scope.policies.byObject, target.object) ?? [];
    const problems = rivalry(policy, target, others);
    if (problems.length > 0) return [{ ancestorRef, controllerName, problems, remarks: [] }];
    return [{ ancestorRef, controllerName, ...effect(scope, policy, target) }];
  });
}

/** Where the policy holds among the listeners of its target, and where not. */
function effect(
  { look, listeners, policies }: ClientTrafficScope,
  policy: ClientTrafficView,
  target: PolicyTarget,
): Pick<Judgement, 'problems' | 'remarks'> {
  const problems: Problem[] = [];
  const remarks: string[] = [];
  const views = look.context.fetch(listeners.viewsByOwner, target.object) ?? [];
  for (const view of views) {
    if (target.section !== '' && view.spec.name !== target.section) continue;
    if (view.config?.protocol === 'UDP' && policy.proxyProtocol !== undefined)
      remarks.push(`not on listener ${view.spec.name}: PROXY headers come before streams, not before UDP datagrams`);
    if (view.config !== undefined && policy.pathForm !== undefined && !isHttp(view.config.protocol))
      remarks.push(`not on listener ${view.spec.name}: no path is read on a ${view.config.protocol} listener`);
    const traffic = look.context.fetch(policies.traffic, view.key);
    if (traffic === undefined) continue;
    if (traffic.nearest !== undefined && traffic.nearest !== policy.key)
      remarks.push(`overridden on listener ${traffic.name} by ${named(traffic.nearest)}`);
    else if (policy.proxyProtocol !== undefined && !sameSetting(traffic.proxyProtocol, policy.proxyProtocol))
      problems.push(problem(POLICY_REASON.Conflicted, target.field, portConflict(traffic)));
  }
  return {
    problems,
    remarks: [...remarks, ...spread(look.context.fetch(policies.byPolicy, policy.key) ?? [], policy)],
  };
}

function portConflict({ name, port, decides, obstacle }: ListenerTraffic): string {
  const why = 'a port has one PROXY protocol setting, since the header comes before the host name';
  if (decides === undefined)
    return `listener ${name} shares port ${port} with ${obstacle}, in which this policy has no say: ${why}; give both the same setting, or use another port`;
  return `listener ${name} shares port ${port} with one that ${named(decides)} decides for, which is older: ${why}; make the two equal, or use another port`;
}

/** Listeners that got the setting through a port that they share. */
function spread(traffic: ReadonlyArray<ListenerTraffic>, policy: AttachedPolicy): string[] {
  return traffic
    .filter(({ nearest, decides }) => decides === policy.key && nearest !== policy.key)
    .map(
      ({ name, owner, port }) =>
        `proxyProtocol holds for listener ${name} of ${named(owner)} too, on the same port ${port}`,
    );
}
