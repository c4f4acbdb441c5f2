/** Where a policy that acts on requests does so, and what takes its place where it does not. */
import { type Index, index } from '../../graph/index.ts';
import { ownerKey } from '../gateway/declared.ts';
import type { ListenerView } from '../gateway/listener.ts';
import type { Lookup } from '../lookup.ts';
import type { RouteIdentity } from '../route/attachment.ts';
import { type Aim, type AttachedPolicy, named, type Policies, type PolicyTarget } from './attached-policy.ts';
import { hasDefaults, listenerLevels, nearestDefaults, type PoliciesAt, policiesAt } from './inheritance.ts';
import type { Effect, Enforcement, PolicySurroundings } from './policy-kind.ts';
import { sectionOf } from './policy-target.ts';

/** Routes and rules named in one remark; more are counted. */
const NAMED_AT_MOST = 4;

type RequestEffect<S> = Required<Pick<Enforcement<S>, 'effect' | 'listenersOf' | 'reaches'>>;

/** `joins`: of several for one target all act. `guards`: what gets past it is told. */
export function requestEffect<S extends object>(
  known: PolicySurroundings,
  policies: Policies<S>,
  { joins, guards }: { joins: boolean; guards: boolean },
): RequestEffect<S> {
  const byGateway = index('listeners by gateway', known.listeners.views, ({ gateway }) => [`Gateway/${gateway}`]);
  const scope = { known, policies, byGateway, joins, guards };
  return {
    effect: (look, policy, target) => effectAt({ ...scope, look }, policy, target),
    listenersOf: (look, policy, target) =>
      viewsBelow({ ...scope, look }, target)
        .filter((view) => holdsAt({ ...scope, look }, policy, view))
        .map(({ key }) => key),
    reaches: (look, policy, route) => {
      const taker = takerOn({ ...scope, look }, policy, route);
      return policy.overrides !== undefined || taker === undefined || !takesAll(policy, taker);
    },
  };
}

interface EffectScope<S> {
  known: PolicySurroundings;
  policies: Policies<S>;
  byGateway: Index<ListenerView>;
  joins: boolean;
  guards: boolean;
  look: Lookup;
}

function effectAt<S extends object>(scope: EffectScope<S>, policy: AttachedPolicy<S>, target: PolicyTarget): Effect {
  if (target.kind === 'Gateway' || target.kind === 'ListenerSet') {
    return { problems: [], remarks: listenerRemarks(scope, policy, target) };
  }
  if (target.kind !== 'Service') return { problems: [], remarks: ruleRemarks(scope, policy, target) };
  return { problems: [], remarks: [], warnings: scope.guards ? routesPast(scope, target) : [] };
}

function listenerRemarks<S extends object>(
  scope: EffectScope<S>,
  policy: AttachedPolicy<S>,
  target: PolicyTarget,
): string[] {
  const { look, known } = scope;
  const remarks: string[] = [];
  const routes = new Map<string, { route: RouteIdentity; by: AttachedPolicy<S> }>();
  for (const view of viewsBelow(scope, target)) {
    const { config } = view;
    if (config === undefined) continue;
    if (!isHttp(view)) {
      remarks.push(`not on listener ${view.spec.name}: no request is read on a ${config.protocol} listener`);
      continue;
    }
    if (!hasDefaults(policy)) continue;
    const nearest = nearestAt(scope, policy, view);
    if (nearest !== undefined && nearest !== policy) {
      remarks.push(`${taking(policy, nearest)} on listener ${view.spec.name} by ${named(nearest.key)}`);
      if (takesAll(policy, nearest)) continue;
    }
    for (const route of look.context.fetch(known.routes.attached, view.key) ?? []) {
      const by = takerOn(scope, policy, route);
      if (by !== undefined) routes.set(route.key, { route, by });
    }
  }
  const all = [...routes.values()].map(
    ({ route, by }) => `${taking(policy, by)} on ${named(route.key)} by ${named(by.key)}`,
  );
  return [...remarks, ...shortened(all, 'routes')];
}

function ruleRemarks<S extends object>(
  { look, policies, joins }: EffectScope<S>,
  policy: AttachedPolicy<S>,
  target: PolicyTarget,
): string[] {
  if (target.section !== '' || !hasDefaults(policy)) return [];
  const others = look.context.fetch(policies.byObject, target.object) ?? [];
  const remarks = others
    .filter((other) => other.key !== policy.key && hasDefaults(other) && takes(policy, other))
    .flatMap((other) =>
      other.targets
        .filter(
          (one) =>
            one.object === target.object && one.section !== '' && policiesAt(() => others, joins)(one).includes(other),
        )
        .map(({ section }) => `${taking(policy, other)} on rule ${section} by ${named(other.key)}`),
    );
  return shortened(remarks, 'rules');
}

const CONNECTIONS = /^(?:TCP|TLS|UDP)Route\//;

/** Routes that lead connections to what is guarded: nobody reads requests there, so that nobody is asked. */
function routesPast<S>({ look, known }: EffectScope<S>, target: PolicyTarget): string[] {
  const [, namespace, name] = target.object.split('/');
  const leading = look.context.fetch(known.routes.ancestors, `${namespace}/${name}`) ?? [];
  const past = leading.filter(
    ({ from, uses }) =>
      CONNECTIONS.test(from) &&
      uses.some((use) => target.section === '' || sectionOf(look, target, use) === target.section),
  );
  const keys = [...new Set(past.map(({ from }) => from))].sort();
  if (keys.length === 0) return [];
  const port = target.section === '' ? '' : `port ${target.section} of `;
  const told = keys.slice(0, NAMED_AT_MOST).map(named);
  if (keys.length > told.length) told.push(`${keys.length - told.length} more`);
  const many = keys.length === 1 ? '1 route leads' : `${keys.length} routes lead`;
  return [
    `${many} connections to ${port}${named(target.object)} past it, since no request is read on them: ` +
      `${told.join(', ')}; put HTTPRoutes or GRPCRoutes in their place where it is to hold`,
  ];
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
  return takers.find((taker) => hasDefaults(taker) && takes(policy, taker));
}

function countingIn<S>({ look, policies, joins }: EffectScope<S>): PoliciesAt<S> {
  return policiesAt((object) => look.context.fetch(policies.byObject, object) ?? [], joins);
}

/** Settings that another policy has, too, so that they are its where it is nearer. One that is broken has them all. */
function taken<S extends object>(policy: AttachedPolicy<S>, other: AttachedPolicy<S>): string[] {
  const own = Object.keys(policy.settings ?? {});
  return other.settings === undefined ? own : own.filter((name) => Object.hasOwn(other.settings!, name));
}

function takes<S extends object>(policy: AttachedPolicy<S>, other: AttachedPolicy<S>): boolean {
  return policy.settings === undefined || taken(policy, other).length > 0;
}

function takesAll<S extends object>(policy: AttachedPolicy<S>, other: AttachedPolicy<S>): boolean {
  return taken(policy, other).length === Object.keys(policy.settings ?? {}).length;
}

function taking<S extends object>(policy: AttachedPolicy<S>, other: AttachedPolicy<S>): string {
  if (!takesAll(policy, other)) return 'some of its settings are overridden';
  return policy.overrides === undefined ? 'overridden' : 'its defaults are overridden';
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
  const nearest = nearestAt(scope, policy, view);
  return policy.overrides !== undefined || nearest === policy || (nearest !== undefined && !takesAll(policy, nearest));
}

function nearestAt<S extends object>(
  scope: EffectScope<S>,
  policy: AttachedPolicy<S>,
  view: ListenerView,
): AttachedPolicy<S> | undefined {
  const nearest = nearestDefaults(
    countingIn(scope),
    aimsOf(view),
    (other) => hasDefaults(other) && (other === policy || takes(policy, other)),
  );
  return nearest.includes(policy) ? policy : nearest[0];
}

function aimsOf(view: ListenerView): Aim[] {
  return listenerLevels({ gateway: `Gateway/${view.gateway}`, owner: ownerKey(view.owner), name: view.spec.name });
}
