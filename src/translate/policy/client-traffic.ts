import { POLICY_REASON } from '../../api/index.ts';
import {
  type ClientTraffic,
  type Listener,
  type PathForm,
  POLICY_TYPES,
  type ProxyProtocolFromClients,
  policyKey,
  type TlsProfile,
} from '../../config/index.ts';
import { type Collection, type Index, index } from '../../graph/index.ts';
import { ownerKey } from '../gateway/declared.ts';
import type { ListenerView } from '../gateway/listener.ts';
import type { Listeners } from '../gateway/listeners.ts';
import type { Lookup } from '../lookup.ts';
import { byAge } from '../precedence.ts';
import { configOutput } from '../stage.ts';
import { type Problem, problem } from '../verdict/problem.ts';
import { type AttachedPolicy, named, type PolicyTarget } from './attached-policy.ts';
import { effective, listenerLevels, type Reach } from './inheritance.ts';
import type { Effect, Enforcement, PolicyKind } from './policy-kind.ts';

type ClientTrafficSpec = ClientTraffic['spec'];
type ClientTrafficView = AttachedPolicy<ClientTrafficSpec>;

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
  tlsProfile?: TlsProfile;
  /** A listener of others on the port, for whose sake `nearest` does not decide. */
  obstacle?: string;
  port: number;
  protocol: Listener['protocol'];
}

/** What its policies come to, by listener key; those that a policy has a say in. */
interface Traffic {
  traffic: Collection<ListenerTraffic>;
  byPolicy: Index<ListenerTraffic>;
}

export const clientTraffic: PolicyKind<'ClientTrafficPolicy', ClientTrafficSpec> = {
  kind: 'ClientTrafficPolicy',
  targets: ['Gateway', 'ListenerSet'],
  read(_look, { spec: { targetRefs: _, ...settings } }) {
    return { settings, refusals: [] };
  },
  enforce(graph, policies, { listeners }) {
    const served = index('listeners by port', listeners.views, (view) => portsOf(view, graph.options.shared));
    const traffic = graph.derive('listener traffic', served, (context, group) => {
      const policiesOf = (object: string) => context.fetch(policies.byObject, object) ?? [];
      const nearest = group.map((view) => nearestPolicy(policiesOf, view));
      return new Map(portTraffic(group, nearest).map((one) => [one.listener, one]));
    });
    const byPolicy = index('listener traffic by policy', traffic, ({ nearest, decides }) =>
      [...new Set([nearest, decides])].flatMap((key) => key ?? []),
    );
    const config = graph.derive('client traffic', traffic, (_context, one) => {
      const policy = configOf(one);
      return policy === undefined ? [] : [configOutput(policy)];
    });
    const effect: Enforcement<ClientTrafficSpec>['effect'] = (look, policy, target) =>
      effectAt({ look, listeners, traffic, byPolicy }, policy, target);
    const listenersOf: Enforcement<ClientTrafficSpec>['listenersOf'] = (look, policy, target) =>
      (look.context.fetch(byPolicy, policy.key) ?? [])
        .filter((one) => one.nearest === policy.key && isBelow(one, target) && isFelt(one))
        .map(({ listener }) => listener);
    return { config, effect, listenersOf };
  },
};

function isBelow({ listener, owner, name }: ListenerTraffic, { object, section }: PolicyTarget): boolean {
  if (section !== '') return owner === object && name === section;
  return owner === object || `Gateway/${listener}`.startsWith(`${object}/`);
}

function isFelt({ proxyProtocol, pathForm, tlsProfile }: ListenerTraffic): boolean {
  return proxyProtocol !== undefined || pathForm !== undefined || tlsProfile !== undefined;
}

function configOf(traffic: ListenerTraffic): ClientTraffic | undefined {
  if (!isFelt(traffic)) return undefined;
  const { listener, proxyProtocol, pathForm, tlsProfile } = traffic;
  const key = policyKey('ClientTraffic', listener);
  const target = { kind: 'Listener' as const, key: listener };
  const policy: ClientTraffic = { kind: 'Policy', key, type: 'ClientTraffic', target, spec: {} };
  if (proxyProtocol !== undefined) policy.spec.proxyProtocol = proxyProtocol;
  if (pathForm !== undefined) policy.spec.pathForm = pathForm;
  if (tlsProfile !== undefined) policy.spec.tlsProfile = tlsProfile;
  return policy;
}

/** Listeners that meet on one socket. A datagram has no header before it: UDP is left out. */
function portsOf({ config }: ListenerView, shared: boolean): string[] {
  if (config === undefined || config.protocol === 'UDP') return [];
  const gateway = shared ? '' : config.gateway;
  return [`${gateway} ${[...config.addresses].sort().join(',')} ${config.port}`];
}

/** The policy for the listener itself, or for what declares it, or for the Gateway: the first counts as a whole. */
function nearestPolicy(
  policiesOf: (object: string) => ReadonlyArray<ClientTrafficView>,
  view: ListenerView,
): Reach<ClientTrafficSpec> | undefined {
  const at = { gateway: `Gateway/${view.gateway}`, owner: ownerKey(view.owner), name: view.spec.name };
  const levels = listenerLevels(at);
  return effective(policiesOf, levels, POLICY_TYPES.ClientTraffic.merge)?.decisive;
}

/**
 * The header comes before all that tells listeners apart, so a port has one setting: the oldest policy's. A policy
 * counts only where it has a say in all listeners of the port, or those of others have the same setting: nobody else
 * may decide whom a listener believes.
 */
function portTraffic(
  views: ReadonlyArray<ListenerView>,
  nearest: ReadonlyArray<Reach<ClientTrafficSpec> | undefined>,
): ListenerTraffic[] {
  const willing = nearest.filter((reach) => reach?.policy.settings?.proxyProtocol !== undefined).map((reach) => reach!);
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
    if (own?.settings?.pathForm !== undefined && isHttp(protocol)) traffic.pathForm = own.settings.pathForm;
    if (own?.settings?.tlsProfile !== undefined && endsTls(view)) traffic.tlsProfile = own.settings.tlsProfile;
    const obstacle = own && obstacles.get(own.key);
    if (obstacle !== undefined) traffic.obstacle = obstacle;
    if (winner !== undefined) {
      traffic.decides = winner.key;
      traffic.proxyProtocol = winner.settings!.proxyProtocol!;
    }
    return [traffic];
  });
}

/** Of the others no path is read. */
function isHttp(protocol: Listener['protocol']): boolean {
  return protocol === 'HTTP' || protocol === 'HTTPS';
}

function endsTls({ config }: ListenerView): boolean {
  return config?.tls?.mode === 'Terminate';
}

/** A listener of the port that the policy has no say in, and that has not the same setting. */
function obstacleOf(
  { policy, object }: Reach<ClientTrafficSpec>,
  views: ReadonlyArray<ListenerView>,
  nearest: ReadonlyArray<Reach<ClientTrafficSpec> | undefined>,
): string | undefined {
  const foreign = views.find((view, at) => {
    if (object === `Gateway/${view.gateway}` || object === ownerKey(view.owner)) return false;
    return !sameSetting(nearest[at]?.policy.settings?.proxyProtocol, policy.settings?.proxyProtocol);
  });
  return foreign && `listener ${foreign.spec.name} of ${named(ownerKey(foreign.owner))}`;
}

function sameSetting(a: ProxyProtocolFromClients | undefined, b: ProxyProtocolFromClients | undefined): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

interface ClientTrafficScope extends Traffic {
  look: Lookup;
  listeners: Listeners;
}

/** Where the policy holds among the listeners of its target, and where not. */
function effectAt(
  { look, listeners, ...held }: ClientTrafficScope,
  policy: ClientTrafficView,
  target: PolicyTarget,
): Effect {
  const { proxyProtocol, pathForm, tlsProfile } = policy.settings ?? {};
  const problems: Problem[] = [];
  const remarks: string[] = [];
  const views = look.context.fetch(listeners.viewsByOwner, target.object) ?? [];
  for (const view of views) {
    if (target.section !== '' && view.spec.name !== target.section) continue;
    if (view.config?.protocol === 'UDP' && proxyProtocol !== undefined)
      remarks.push(`not on listener ${view.spec.name}: PROXY headers come before streams, not before UDP datagrams`);
    if (view.config !== undefined && pathForm !== undefined && !isHttp(view.config.protocol))
      remarks.push(`not on listener ${view.spec.name}: no path is read on a ${view.config.protocol} listener`);
    if (view.config !== undefined && tlsProfile !== undefined && !endsTls(view))
      remarks.push(`not on listener ${view.spec.name}: it ends no TLS`);
    const traffic = look.context.fetch(held.traffic, view.key);
    if (traffic === undefined) continue;
    if (traffic.nearest !== undefined && traffic.nearest !== policy.key)
      remarks.push(`overridden on listener ${traffic.name} by ${named(traffic.nearest)}`);
    else if (proxyProtocol !== undefined && !sameSetting(traffic.proxyProtocol, proxyProtocol))
      problems.push(problem(POLICY_REASON.Conflicted, target.field, portConflict(traffic)));
  }
  return {
    problems,
    remarks: [...remarks, ...spread(look.context.fetch(held.byPolicy, policy.key) ?? [], policy)],
  };
}

function portConflict({ name, port, decides, obstacle }: ListenerTraffic): string {
  const why = 'a port has one PROXY protocol setting, since the header comes before the host name';
  if (decides === undefined)
    return `listener ${name} shares port ${port} with ${obstacle}, in which this policy has no say: ${why}; give both the same setting, or use another port`;
  return `listener ${name} shares port ${port} with one that ${named(decides)} decides for and which comes first: ${why}; make the two equal, or use another port`;
}

/** Listeners that got the setting through a port that they share. */
function spread(traffic: ReadonlyArray<ListenerTraffic>, policy: ClientTrafficView): string[] {
  return traffic
    .filter(({ nearest, decides }) => decides === policy.key && nearest !== policy.key)
    .map(
      ({ name, owner, port }) =>
        `proxyProtocol holds for listener ${name} of ${named(owner)} too, on the same port ${port}`,
    );
}
