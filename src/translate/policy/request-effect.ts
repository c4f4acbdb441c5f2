/** Where a policy that acts on requests does so, and what takes its place where it does not. */
import { type Index, index } from '../../graph/index.ts';
import { ownerKey } from '../gateway/declared.ts';
import type { ListenerView } from '../gateway/listener.ts';
import type { Lookup } from '../lookup.ts';
import type { RouteIdentity } from '../route/attachment.ts';
import { type Aim, type AttachedPolicy, named, oldest, type PolicyTarget } from './attached-policy.ts';
import { hasDefaults, listenerLevels, nearestDefault } from './inheritance.ts';
import type { Effect, Enforcement, Policies, PolicySurroundings } from './policy-kind.ts';

/** Routes and rules named in one remark; more are counted. */
const NAMED_AT_MOST = 4;

type RequestEffect<S> = Required<Pick<Enforcement<S>, 'effect' | 'listenersOf' | 'reaches'>>;

export function requestEffect<S extends object>(known: PolicySurroundings, policies: Policies<S>): RequestEffect<S> {
  const byGateway = index('listeners by gateway', known.listeners.views, ({ gateway }) => [`Gateway/${gateway}`]);
  const scope = { known, policies, byGateway };
  return {
    effect: (look, policy, target) => effectAt({ ...scope, look }, policy, target),
    listenersOf: (look, policy, target) =>
      viewsBelow({ ...scope, look }, target)
        .filter((view) => holdsAt({ ...scope, look }, policy, view))
        .map(({ key }) => key),
    reaches: (look, policy, route) =>
      policy.overrides !== undefined || takerOn({ ...scope, look }, policy, route) === undefined,
  };
}

interface EffectScope<S> {
  known: PolicySurroundings;
  policies: Policies<S>;
  byGateway: Index<ListenerView>;
  look: Lookup;
}

function effectAt<S extends object>(scope: EffectScope<S>, policy: AttachedPolicy<S>, target: PolicyTarget): Effect {
  if (target.kind === 'Gateway' || target.kind === 'ListenerSet') {
    return { problems: [], remarks: listenerRemarks(scope, policy, target) };
  }
  return { problems: [], remarks: target.kind === 'Service' ? [] : ruleRemarks(scope, policy, target) };
}

function listenerRemarks<S extends object>(
  scope: EffectScope<S>,
  policy: AttachedPolicy<S>,
  target: PolicyTarget,
): string[] {
  const { look, known } = scope;
  const remarks: string[] = [];
  const what = policy.overrides === undefined ? 'overridden' : 'its defaults are overridden';
  const routes = new Map<string, { route: RouteIdentity; by: string }>();
  for (const view of viewsBelow(scope, target)) {
    const { config } = view;
    if (config === undefined) continue;
    if (!isHttp(view)) {
      remarks.push(`not on listener ${view.spec.name}: no request is read on a ${config.protocol} listener`);
      continue;
    }
    if (!hasDefaults(policy)) continue;
    const nearest = nearestAt(scope, view);
    if (nearest !== undefined && nearest !== policy) {
      remarks.push(`${what} on listener ${view.spec.name} by ${named(nearest.key)}`);
      continue;
    }
    for (const route of look.context.fetch(known.routes.attached, view.key) ?? []) {
      const by = takerOn(scope, policy, route);
      if (by !== undefined) routes.set(route.key, { route, by: by.key });
    }
  }
  const taken = [...routes.values()].map(({ route, by }) => `${what} on ${named(route.key)} by ${named(by)}`);
  return [...remarks, ...shortened(taken, 'routes')];
}

function ruleRemarks<S>({ look, policies }: EffectScope<S>, policy: AttachedPolicy<S>, target: PolicyTarget): string[] {
  if (target.section !== '' || !hasDefaults(policy)) return [];
  const others = look.context.fetch(policies.byObject, target.object) ?? [];
  const remarks = others
    .filter((other) => other.key !== policy.key && hasDefaults(other))
    .flatMap((other) =>
      other.targets
        .filter((one) => one.object === target.object && one.section !== '' && oldest(others, one) === other)
        .map(({ section }) => `overridden on rule ${section} by ${named(other.key)}`),
    );
  return shortened(remarks, 'rules');
}

function shortened(remarks: readonly string[], what: string): string[] {
  if (remarks.length <= NAMED_AT_MOST) return [...remarks];
  return [...remarks.slice(0, NAMED_AT_MOST), `overridden on ${remarks.length - NAMED_AT_MOST} more ${what}`];
}

/** Whose defaults hold on a route in the place of this policy's. */
function takerOn<S>(
  { look, policies }: EffectScope<S>,
  policy: AttachedPolicy<S>,
  route: RouteIdentity,
): AttachedPolicy<S> | undefined {
  const aim = { object: route.key, section: '' };
  const own = (look.context.fetch(policies.byObject, route.key) ?? []).filter(hasDefaults);
  const taker = oldest(own, aim);
  return taker === policy ? undefined : taker;
}

/** Of a Gateway, with those of the ListenerSets that it takes. */
function viewsBelow<S>({ look, known, byGateway }: EffectScope<S>, { object, section }: PolicyTarget): ListenerView[] {
  const { viewsByOwner } = known.listeners;
  const views = section === '' && object.startsWith('Gateway/') ? byGateway : viewsByOwner;
  const found = look.context.fetch(views, object) ?? [];
  return section === '' ? [...found] : found.filter(({ spec }) => spec.name === section);
}

function isHttp({ config }: ListenerView): boolean {
  return config?.protocol === 'HTTP' || config?.protocol === 'HTTPS';
}

/** The policy has a say in what comes through this listener. */
function holdsAt<S extends object>(scope: EffectScope<S>, policy: AttachedPolicy<S>, view: ListenerView): boolean {
  if (!isHttp(view)) return false;
  return policy.overrides !== undefined || nearestAt(scope, view) === policy;
}

function nearestAt<S extends object>(
  { look, policies }: EffectScope<S>,
  view: ListenerView,
): AttachedPolicy<S> | undefined {
  return nearestDefault((object) => look.context.fetch(policies.byObject, object) ?? [], aimsOf(view), hasDefaults);
}

function aimsOf(view: ListenerView): Aim[] {
  return listenerLevels({ gateway: `Gateway/${view.gateway}`, owner: ownerKey(view.owner), name: view.spec.name });
}
