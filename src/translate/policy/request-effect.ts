/** Where a policy that acts on requests does so, and what takes its place where it does not. */
import { POLICY_REASON } from '../../api/index.ts';
import { index } from '../../graph/index.ts';
import type { ListenerView } from '../gateway/listener.ts';
import type { Lookup } from '../lookup.ts';
import type { RouteIdentity } from '../route/attachment.ts';
import { problem } from '../verdict/problem.ts';
import { type AttachedPolicy, named, type Policies, type PolicyTarget } from './attached-policy.ts';
import { aimsOf, CONNECTIONS, countingIn, type EffectOfKind, type EffectScope, viewsBelow } from './effect-scope.ts';
import { gatewaysPast, listenersPast, routesPast } from './guard-passed.ts';
import { hasDefaults, nearestDefaults, policiesAt } from './inheritance.ts';
import type { Effect, Enforcement, PolicySurroundings } from './policy-kind.ts';
import { askedOfRequests, isStream, isStreamRoute, isStreamType, streamPartOf } from './stream-part.ts';

/** Routes and rules named in one remark; more are counted. */
const NAMED_AT_MOST = 4;

type RequestEffect<S> = Required<Pick<Enforcement<S>, 'effect' | 'listenersOf' | 'reaches'>>;

export function requestEffect<S extends object>(
  known: PolicySurroundings,
  policies: Policies<S>,
  kind: EffectOfKind,
): RequestEffect<S> {
  const byGateway = index('listeners by gateway', known.listeners.views, ({ gateway }) => [`Gateway/${gateway}`]);
  const scope = { known, policies, byGateway, ...kind };
  return {
    effect: (look, policy, target) => {
      const effect = effectAt({ ...scope, look }, policy, target);
      const plain = notAsked(look, policy, known);
      return plain.length === 0 ? effect : { ...effect, warnings: [...(effect.warnings ?? []), ...plain] };
    },
    listenersOf: (look, policy, target) =>
      viewsBelow({ ...scope, look }, target)
        .filter((view) => holdsAt({ ...scope, look }, policy, view))
        .map(({ key }) => key),
    reaches: (look, policy, route) => {
      const taker = takerOn({ ...scope, look }, policy, route);
      return policy.overrides !== undefined || taker === undefined || !takesAll(policy, taker, isStreamRoute(route));
    },
  };
}

/** Services that it asks over TLS, as their ports say, and of which nothing says how they are verified. */
function notAsked(
  { context }: Lookup,
  { uses = [] }: AttachedPolicy<object>,
  { backends }: PolicySurroundings,
): string[] {
  return uses
    .filter(({ key, needsTls }) => needsTls === true && context.fetch(backends.byKey, key) === undefined)
    .map(
      ({ service: { namespace, name, port } }) =>
        `asks Service ${namespace}/${name} port ${port}, whose appProtocol asks for TLS: add a BackendTLSPolicy that says how it is verified; until then it is not asked`,
    );
}

function effectAt<S extends object>(scope: EffectScope<S>, policy: AttachedPolicy<S>, target: PolicyTarget): Effect {
  if (target.kind === 'Gateway' || target.kind === 'ListenerSet') {
    const effect: ListenerEffect = { problems: [], remarks: [], warnings: [] };
    const remarks = listenerRemarks(scope, policy, { target, effect });
    if (scope.keepsOut) effect.warnings.push(...listenersPast(scope, target));
    return { ...effect, remarks: [...effect.remarks, ...remarks] };
  }
  if (target.kind !== 'Service') {
    const what = `on ${named(target.object)}`;
    const problems = CONNECTIONS.test(target.object) ? unasked(policy, what, true).problems : [];
    const warnings = scope.keepsOut ? gatewaysPast(scope, target) : [];
    return { problems, remarks: ruleRemarks(scope, policy, target), warnings };
  }
  return { problems: [], remarks: [], warnings: scope.guards ? routesPast(scope, target) : [] };
}

type ListenerEffect = Required<Effect>;

function listenerRemarks<S extends object>(
  scope: EffectScope<S>,
  policy: AttachedPolicy<S>,
  { target, effect }: { target: PolicyTarget; effect: ListenerEffect },
): string[] {
  const remarks: string[] = [];
  const streaming: string[] = [];
  const routes = new Map<string, { route: RouteIdentity; by: AttachedPolicy<S> }>();
  for (const view of viewsBelow(scope, target)) {
    const { config } = view;
    if (config === undefined) continue;
    const streams = isStream(view);
    if (streams && !scope.streams) {
      remarks.push(`not on listener ${view.spec.name}: no request is read on a ${config.protocol} listener`);
      continue;
    }
    const nearest = hasDefaults(policy) ? nearestAt(scope, policy, view) : policy;
    const isTaken = nearest !== undefined && nearest !== policy && takesAll(policy, nearest, streams);
    if (streams && (!isTaken || policy.overrides !== undefined))
      streaming.push(`${view.spec.name} (${config.protocol})`);
    if (nearest !== undefined && nearest !== policy) {
      remarks.push(`${taking(policy, nearest, streams)} on listener ${view.spec.name} by ${named(nearest.key)}`);
    }
    if (isTaken || !hasDefaults(policy)) continue;
    for (const route of scope.look.context.fetch(scope.known.routes.attached, view.key) ?? []) {
      const by = takerOn(scope, policy, route);
      if (by !== undefined) routes.set(route.key, { route, by });
    }
  }
  const all = [...routes.values()].map(
    ({ route, by }) => `${taking(policy, by, isStreamRoute(route))} on ${named(route.key)} by ${named(by.key)}`,
  );
  const { problems, warnings, remarks: left } = unaskedOn(policy, streaming, target.section !== '');
  effect.problems.push(...problems);
  effect.warnings.push(...warnings);
  return [...left, ...remarks, ...shortened(all, 'routes')];
}

function unaskedOn<S extends object>(
  policy: AttachedPolicy<S>,
  listeners: readonly string[],
  direct: boolean,
): ListenerEffect {
  if (listeners.length === 0) return { problems: [], warnings: [], remarks: [] };
  const which = listeners.length === 1 ? 'listener' : 'listeners';
  return unasked(policy, `on ${which} ${listed(listeners, NAMED_AT_MOST)}`, direct);
}

const OF_CLIENTS = 'addresses, countries and times';
/** What can be said of connections, by kind. */
const WAYS_OUT: Readonly<Record<string, string>> = {
  AccessPolicy: OF_CLIENTS,
  RateLimitPolicy: 'maxConnections, or requests, with the keys ClientAddress, Route and Gateway',
};

/** What of a policy asks for a request, on listeners (or a route) where none is read. `direct`: it is for those connections alone. */
function unasked<S extends object>(policy: AttachedPolicy<S>, where: string, direct: boolean): ListenerEffect {
  const { unknown, ofRequests } = askedOfRequests(policy, direct);
  const remarks = ofRequests.length === 0 ? [] : [`not ${where}: ${listed(ofRequests)}, which is about requests`];
  const effect: ListenerEffect = { problems: [], warnings: [], remarks };
  if (unknown.length === 0) return effect;
  const refused = isShadow(policy) ? 'would be refused' : 'is refused';
  const kind = policy.key.slice(0, policy.key.indexOf('/'));
  const message =
    `asks what no connection has, so that each ${where} ${refused}; attach it to HTTP listeners (sectionName) or HTTPRoutes, ` +
    `and say of connections ${WAYS_OUT[kind] ?? OF_CLIENTS}`;
  if (direct) effect.problems.push(problem(POLICY_REASON.Invalid, listed(unknown), message));
  else effect.warnings.push(`${listed(unknown)} ${message}`);
  return effect;
}

function listed(all: readonly string[], most = 1): string {
  return all.length > most ? `${all.slice(0, most).join(', ')} (and ${all.length - most} more)` : all.join(', ');
}

function isShadow<S extends object>({ settings, overrides }: AttachedPolicy<S>): boolean {
  return [settings, overrides].every((half) => {
    const part = streamPartOf(half);
    return part === undefined || part.unknown.length === 0 || ('shadow' in part.settings && part.settings.shadow);
  });
}

function ruleRemarks<S extends object>(
  { look, policies, joins }: EffectScope<S>,
  policy: AttachedPolicy<S>,
  target: PolicyTarget,
): string[] {
  if (target.section !== '' || !hasDefaults(policy)) return [];
  const others = look.context.fetch(policies.byObject, target.object) ?? [];
  const streams = CONNECTIONS.test(target.object);
  const remarks = others
    .filter((other) => other.key !== policy.key && hasDefaults(other) && takes(policy, other, streams))
    .flatMap((other) =>
      other.targets
        .filter(
          (one) =>
            one.object === target.object && one.section !== '' && policiesAt(() => others, joins)(one).includes(other),
        )
        .map(({ section }) => `${taking(policy, other, streams)} on rule ${section} by ${named(other.key)}`),
    );
  return shortened(remarks, 'rules');
}

function shortened(remarks: readonly string[], what: string): string[] {
  if (remarks.length <= NAMED_AT_MOST) return [...remarks];
  return [...remarks.slice(0, NAMED_AT_MOST), `overridden on ${remarks.length - NAMED_AT_MOST} more ${what}`];
}

/** Whose defaults hold on a route in the place of this policy's. */
function takerOn<S extends object>(
  scope: EffectScope<S>,
  policy: AttachedPolicy<S>,
  route: RouteIdentity,
): AttachedPolicy<S> | undefined {
  const takers = countingIn(scope)({ object: route.key, section: '' });
  return takers.find((taker) => hasDefaults(taker) && takes(policy, taker, isStreamRoute(route)));
}

/** Settings of requests, or of connections. */
function settingsOf<S extends object>({ settings }: AttachedPolicy<S>, streams: boolean): string[] {
  return Object.keys(settings ?? {}).filter((name) => isStreamType(name) === streams);
}

/** Settings that another policy has, too, so that they are its where it is nearer. One that is broken has them all. */
function taken<S extends object>(policy: AttachedPolicy<S>, other: AttachedPolicy<S>, streams: boolean): string[] {
  const own = settingsOf(policy, streams);
  return other.settings === undefined ? own : own.filter((name) => Object.hasOwn(other.settings!, name));
}

function takes<S extends object>(policy: AttachedPolicy<S>, other: AttachedPolicy<S>, streams: boolean): boolean {
  return policy.settings === undefined || taken(policy, other, streams).length > 0;
}

function takesAll<S extends object>(policy: AttachedPolicy<S>, other: AttachedPolicy<S>, streams: boolean): boolean {
  return taken(policy, other, streams).length === settingsOf(policy, streams).length;
}

function taking<S extends object>(policy: AttachedPolicy<S>, other: AttachedPolicy<S>, streams: boolean): string {
  if (!takesAll(policy, other, streams)) return 'some of its settings are overridden';
  return policy.overrides === undefined ? 'overridden' : 'its defaults are overridden';
}

/** The policy has a say in what comes through this listener. */
function holdsAt<S extends object>(scope: EffectScope<S>, policy: AttachedPolicy<S>, view: ListenerView): boolean {
  const streams = isStream(view);
  if (view.config === undefined || (streams && !scope.streams)) return false;
  const nearest = nearestAt(scope, policy, view);
  if (policy.overrides !== undefined || nearest === policy) return true;
  return nearest !== undefined && !takesAll(policy, nearest, streams);
}

function nearestAt<S extends object>(
  scope: EffectScope<S>,
  policy: AttachedPolicy<S>,
  view: ListenerView,
): AttachedPolicy<S> | undefined {
  const nearest = nearestDefaults(
    countingIn(scope),
    aimsOf(view),
    (other) => hasDefaults(other) && (other === policy || takes(policy, other, isStream(view))),
  );
  return nearest.includes(policy) ? policy : nearest[0];
}
