import { GATEWAY_GROUP, type PolicyAncestorStatus } from '../../api/index.ts';
import type { RouteKind } from '../../config/index.ts';
import { absence } from '../../value/absence.ts';
import { CONTROLLER_NAME } from '../../value/controller-name.ts';
import { find, type Lookup } from '../lookup.ts';
import type { ServiceAncestor } from '../route/route.ts';
import { type AttachedPolicy, oldest, type Policies, type PolicyTarget } from './attached-policy.ts';
import type { Enforcement, PolicySurroundings, TargetKind } from './policy-kind.ts';

/** An object in whose name a policy has a status, and how many routes it acts on there. */
export interface Ancestor extends Pick<PolicyAncestorStatus, 'ancestorRef' | 'controllerName'> {
  routes: number;
  /** `namespace/name` of the Gateway whose data planes act on it; absent: nobody's do. */
  gateway?: string;
}

/** Where a target leads. */
export interface Place {
  /** Why there is no such target. */
  missing?: string;
  /** The target is there, its section is not. */
  astray?: true;
  /** Empty: nothing of ours, or nothing that is in use. */
  ancestors: Ancestor[];
  /** The target is there, and leads nowhere. */
  idle?: string;
}

export interface PlaceScope<S> extends PolicySurroundings {
  look: Lookup;
  /** The kind of policy is our own: a target that is not there is told in its status. */
  ours: boolean;
  policy: AttachedPolicy<S>;
  policies: Policies<S>;
  enforcement: Enforcement<S>;
}

export function placeOf<S>(scope: PlaceScope<S>, target: PolicyTarget, kinds: ReadonlyArray<TargetKind>): Place {
  const kind = kinds.find((one) => one === target.kind);
  switch (kind) {
    case undefined:
      return { missing: `${target.kind} is no kind of target, only ${kinds.join('s and ')}s are`, ancestors: [] };
    case 'Gateway':
    case 'ListenerSet':
      return listenersPlace(scope, target, kind);
    case 'HTTPRoute':
    case 'GRPCRoute':
    case 'TLSRoute':
    case 'TCPRoute':
    case 'UDPRoute':
      return routePlace(scope, target, kind);
    case 'Service':
      return servicePlace(scope, target);
  }
}

/** A Gateway or ListenerSet that is not ours is left to whom it belongs to. */
function listenersPlace<S>(scope: PlaceScope<S>, target: PolicyTarget, kind: 'Gateway' | 'ListenerSet'): Place {
  const { look, listeners, routes } = scope;
  const at = nameOf(target);
  const ancestorRef = { group: GATEWAY_GROUP, kind, ...at };
  const object = find(look, kind, at);
  if (object === undefined) {
    return { missing: absence({ kind, ...at }), ancestors: lone(scope, ancestorRef) };
  }
  const managed = look.context.fetch(listeners.parents, target.object);
  if (managed === undefined) return { ancestors: [] };
  const { controllerName } = managed;
  const held = scope.enforcement.listenersOf?.(look, scope.policy, target) ?? [];
  const attached = held
    .flatMap((key) => look.context.fetch(routes.attached, key) ?? [])
    .filter((route) => scope.enforcement.reaches?.(look, scope.policy, route) !== false);
  const reached = new Set(attached.map(({ key }) => key)).size;
  const ancestors = [{ ancestorRef, controllerName, routes: reached, gateway: managed.gateway }];
  const names = object.spec.listeners.map((listener) => listener.name);
  if (target.section === '' || names.includes(target.section)) return { ancestors };
  const missing = `${kind} ${at.namespace}/${at.name} has no listener ${target.section}; it has ${names.join(', ')}`;
  return { missing, astray: true, ancestors };
}

/** The Gateways that take a route; one that none of ours takes is left to others. */
function routePlace<S>(scope: PlaceScope<S>, target: PolicyTarget, kind: RouteKind): Place {
  const { look, routes } = scope;
  const at = nameOf(target);
  const object = find(look, kind, at);
  if (object === undefined) {
    const missing = absence({ kind, ...at });
    return { missing, ancestors: lone(scope, { group: GATEWAY_GROUP, kind, ...at }) };
  }
  const taken = (look.context.fetch(routes.judged, target.object)?.parents ?? []).filter((one) => !one.refusal);
  const ancestors = taken.map(({ gateway, controllerName }) => {
    const [namespace, name] = gateway.split('/') as [string, string];
    return {
      ancestorRef: { group: GATEWAY_GROUP, kind: 'Gateway', namespace, name },
      controllerName,
      routes: 1,
      gateway,
    };
  });
  const names = (object.spec.rules ?? []).flatMap((rule) => rule.name ?? []);
  if (target.section === '' || names.includes(target.section)) return { ancestors };
  const there = names.join(', ') || 'none with a name';
  return {
    missing: `${kind} ${at.namespace}/${at.name} has no rule ${target.section}; it has ${there}`,
    astray: true,
    ancestors,
  };
}

/** The Gateways through which a Service is reached. */
function servicePlace<S>(scope: PlaceScope<S>, target: PolicyTarget): Place {
  const { look, routes } = scope;
  const { namespace, name } = nameOf(target);
  const leading = look.context.fetch(routes.ancestors, `${namespace}/${name}`) ?? [];
  const byGateway = Map.groupBy(leading, ({ gateway }) => `${gateway.namespace}/${gateway.name}`);
  const ancestors = Array.from(byGateway)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([gateway, all]) => ({
      gateway,
      ancestorRef: { group: GATEWAY_GROUP, kind: 'Gateway', ...all[0]!.gateway },
      controllerName: all[0]!.controllerName,
      routes: all.filter(({ uses }) => uses.some((use) => actsOn(scope, target, use))).length,
    }));
  const missing = whyAbsent(look, target);
  if (missing !== undefined) {
    const own = { group: '', kind: 'Service', namespace, name };
    const astray = find(look, 'Service', { namespace, name }) === undefined ? {} : { astray: true as const };
    return { missing, ...astray, ancestors: ancestors.length > 0 ? ancestors : lone(scope, own) };
  }
  const asked = scope.enforcement.whoeverAsks && look.context.fetch(scope.backends.byService, target.object);
  if (ancestors.length > 0 || (asked && asked.length > 0)) return { ancestors };
  return {
    ancestors,
    idle: `no route that is served leads to Service ${namespace}/${name}: the policy does nothing there`,
  };
}

/** Whether the policy is the one that counts for what a route uses of the Service. */
function actsOn<S>(
  { look, policy, policies, enforcement }: PlaceScope<S>,
  target: PolicyTarget,
  use: ServiceAncestor['uses'][number],
): boolean {
  if (enforcement.actsOn?.(policy, use) === false) return false;
  const section = sectionOf(look, target, use);
  if (target.section !== '') return section === target.section;
  const others = look.context.fetch(policies.byObject, target.object) ?? [];
  return section === '' || oldest(others, { object: target.object, section }) === undefined;
}

/** Name of the port of the Service that is used; '' where it has none. */
export function sectionOf(look: Lookup, target: PolicyTarget, use: ServiceAncestor['uses'][number]): string {
  const ports = find(look, 'Service', nameOf(target))?.spec.ports ?? [];
  const used = ports.find((one) => one.port === use.port && (one.protocol === 'UDP') === (use.protocol === 'udp'));
  return used?.name ?? '';
}

/** Why a Service or its port is not there. */
function whyAbsent(look: Lookup, target: PolicyTarget): string | undefined {
  const { namespace, name } = nameOf(target);
  const service = find(look, 'Service', { namespace, name });
  if (service === undefined) return absence({ kind: 'Service', namespace, name });
  const ports = (service.spec.ports ?? []).map((port) => port.name ?? '');
  if (target.section === '' || ports.includes(target.section)) return undefined;
  const there = ports.filter((port) => port !== '').join(', ') || 'none';
  return `Service ${namespace}/${name} has no port named ${target.section}; it has ${there}`;
}

/** Policies for one port, each of which counts there instead of a policy for the whole Service. */
export function portOverrides(
  look: Lookup,
  policy: AttachedPolicy<unknown>,
  { target, others }: { target: PolicyTarget; others: ReadonlyArray<AttachedPolicy<unknown>> },
): Array<{ section: string; by: string }> {
  if (target.kind !== 'Service' || target.section !== '') return [];
  return others.flatMap((other) =>
    other.targets
      .filter((one) => one.object === target.object && one.section !== '' && other.key !== policy.key)
      .filter((one) => whyAbsent(look, one) === undefined)
      .map(({ section }) => ({ section, by: other.key })),
  );
}

/** What is not there stands for itself, where the kind of policy is ours. */
function lone<S>({ look, ours }: PlaceScope<S>, ancestorRef: Ancestor['ancestorRef']): Ancestor[] {
  if (!ours) return [];
  return [{ ancestorRef, controllerName: look.options.controllerNames?.[0] ?? CONTROLLER_NAME, routes: 0 }];
}

function nameOf({ object }: PolicyTarget): { namespace: string; name: string } {
  const [, namespace, name] = object.split('/') as [string, string, string];
  return { namespace, name };
}
