/** What leads past a guard, to what it guards. */
import { GATEWAY_GROUP } from '../../api/index.ts';
import type { RouteKind } from '../../config/index.ts';
import { ANY_HOST, intersection } from '../gateway/hostnames.ts';
import type { ListenerView } from '../gateway/listener.ts';
import { find } from '../lookup.ts';
import { named, type PolicyTarget } from './attached-policy.ts';
import { aimsOf, CONNECTIONS, countingIn, type EffectScope, viewsBelow } from './effect-scope.ts';
import { sectionOf } from './policy-target.ts';
import { isStream } from './stream-part.ts';

/** Routes named in one remark; more are counted. */
const NAMED_AT_MOST = 4;

/** Routes that lead connections to what is guarded: nobody reads requests there, so that nobody is asked. */
export function routesPast<S>({ look, known, policies, streams }: EffectScope<S>, target: PolicyTarget): string[] {
  const [, namespace, name] = target.object.split('/');
  // One of the kind that says something of those connections is what is wanted there.
  const isGuarded = (route: string): boolean =>
    streams && (look.context.fetch(policies.byObject, route) ?? []).length > 0;
  const leading = look.context.fetch(known.routes.ancestors, `${namespace}/${name}`) ?? [];
  const past = leading.filter(
    ({ from, uses }) =>
      CONNECTIONS.test(from) &&
      !isGuarded(from) &&
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
      `${told.join(', ')}; put HTTPRoutes or GRPCRoutes in their place where it is to hold${streams ? ', or attach a policy of this kind to them' : ''}`,
  ];
}

/** Listeners of the same Gateway that serve the same routes under the same hosts, and that nothing of this kind guards. */
export function listenersPast<S extends object>(scope: EffectScope<S>, target: PolicyTarget): string[] {
  const [own] = viewsBelow(scope, target);
  if (target.section === '' || own?.config === undefined || isStream(own)) return [];
  const counting = countingIn(scope);
  return waysBeside(scope, own, {
    isListener: (view) => aimsOf(view).some((aim) => counting(aim).length > 0),
    isRoute: (key) => counting({ object: key, section: '' }).length > 0,
  });
}

/** What is guarded in another way. */
interface Guarded {
  isListener(view: ListenerView): boolean;
  isRoute(key: string): boolean;
}

/** Of a listener that is guarded. */
export function waysBeside(
  { look, known, byGateway }: Pick<EffectScope<unknown>, 'look' | 'known' | 'byGateway'>,
  own: ListenerView,
  guarded: Guarded,
): string[] {
  const routes = new Set((look.context.fetch(known.routes.attached, own.key) ?? []).map(({ key }) => key));
  const others = (look.context.fetch(byGateway, `Gateway/${own.gateway}`) ?? []).filter(
    (view) => view.key !== own.key && view.config !== undefined && !isStream(view) && sharesHosts(view, own),
  );
  return others.flatMap((view) => {
    if (guarded.isListener(view)) return [];
    const shared = (look.context.fetch(known.routes.attached, view.key) ?? []).filter(
      ({ key }) => routes.has(key) && !guarded.isRoute(key),
    );
    const [first] = shared;
    if (first === undefined) return [];
    const many = shared.length === 1 ? '' : ` and ${shared.length - 1} more`;
    return [
      `${named(first.key)}${many} can be reached by listener ${view.spec.name}, too, where it does not hold; ` +
        'guard that listener as well, or attach the routes to the other alone (sectionName in their parentRefs)',
    ];
  });
}

function sharesHosts(one: ListenerView, other: ListenerView): boolean {
  const [a = ANY_HOST, b = ANY_HOST] = [one.config?.hostname, other.config?.hostname];
  return intersection(a, b) !== undefined;
}

/** Gateways of others that a route is attached to as well. */
export function gatewaysPast<S>({ look, known }: EffectScope<S>, target: PolicyTarget): string[] {
  const [kind, namespace = '', name = ''] = target.object.split('/') as [RouteKind, string, string];
  const parents = find(look, kind, { namespace, name })?.spec.parentRefs ?? [];
  const others = parents.flatMap(
    ({ group = GATEWAY_GROUP, kind: of = 'Gateway', namespace: where = namespace, name }) => {
      if (group !== GATEWAY_GROUP || of !== 'Gateway') return [];
      const gateway = find(look, 'Gateway', { namespace: where, name });
      const isOurs = look.context.fetch(known.listeners.parents, `Gateway/${where}/${name}`) !== undefined;
      return gateway === undefined || isOurs ? [] : [`${where}/${name} of class ${gateway.spec.gatewayClassName}`];
    },
  );
  if (others.length === 0) return [];
  return [
    `the route is attached to Gateway ${others.join(', ')} as well, which another controller serves: nothing of this holds there`,
  ];
}
