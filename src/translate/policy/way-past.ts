/**
 * Routes of connections that lead past guards: to a Service that requests reach by a route that is guarded, or that Kong's
 * plugins guard. What is attached to the Service itself says so in its own status (request-effect.ts).
 */
import type { Collection, Context } from '../../graph/index.ts';
import { ownerKey } from '../gateway/declared.ts';
import type { JudgedRoute, ServiceAncestor } from '../route/route.ts';
import type { Graph } from '../stage.ts';
import { type Diagnostic, diagnosis, nameOfKey } from '../verdict/problem.ts';
import { type AttachedPolicy, named, type Policies } from './attached-policy.ts';
import type { PolicySurroundings } from './policy-kind.ts';
import { isStreamRoute } from './stream-part.ts';

/** Kinds that say who may ask, and how often. */
const GUARDS = ['AuthenticationPolicy', 'AccessPolicy', 'RateLimitPolicy'] as const;

/** Policies of these kinds, whatever their settings. */
export type GuardsByKind = Readonly<Record<(typeof GUARDS)[number], Policies<object>>>;

interface Scope extends PolicySurroundings {
  context: Context;
  policies: GuardsByKind;
}

/** One at most for each route of connections: the first guard that it leads past. */
export function waysPast(graph: Graph, policies: GuardsByKind, known: PolicySurroundings): Collection<Diagnostic> {
  return graph.derive('ways past guards', known.routes.judged, (context, judged, key) => {
    if (!isStreamRoute(judged.route) || judged.rules.length === 0) return [];
    const scope = { ...known, context, policies };
    const own = guardsOf(scope, judged);
    // Who says who may connect has thought of it.
    if (own.some((guard) => guard.key.startsWith('AccessPolicy/'))) return [];
    const passed = passedBy(scope, judged, new Set(own.map((guard) => guard.key)));
    if (passed === undefined) return [];
    const { service, guard } = passed;
    const message =
      `leads connections to Service ${service} past ${guard}: no request is read on them, so that nobody is asked; ` +
      'remove it, or attach an AccessPolicy to it that says who may connect';
    return [[key, diagnosis('warning', key, { field: 'spec.rules', message })] as const];
  });
}

function passedBy(
  scope: Scope,
  { uses }: JudgedRoute,
  own: ReadonlySet<string>,
): { service: string; guard: string } | undefined {
  for (const { service, fault } of uses) {
    if (fault !== undefined || service.kind !== undefined) continue;
    const name = `${service.namespace}/${service.name}`;
    if (besidesAt(scope, `Service/${name}`).length > 0)
      return { service: name, guard: 'the plugins of its annotations' };
    for (const leading of scope.context.fetch(scope.routes.ancestors, name) ?? []) {
      const guard = leads(leading, service.port) ? guardAt(scope, leading, own) : undefined;
      if (guard !== undefined) return { service: name, guard };
    }
  }
  return undefined;
}

/** Requests, to this port. */
function leads({ from, uses }: ServiceAncestor, port: number): boolean {
  return /^(?:HTTP|GRPC)Route\//.test(from) && uses.some((use) => use.port === port);
}

function guardAt(scope: Scope, { from }: ServiceAncestor, own: ReadonlySet<string>): string | undefined {
  const judged = scope.context.fetch(scope.routes.judged, from);
  if (judged === undefined) return undefined;
  const guard = guardsOf(scope, judged).find(({ key }) => !own.has(key));
  if (guard !== undefined) {
    const what = guard.beside === undefined ? named(guard.key) : `the plugins of ${nameOfKey(guard.beside)}`;
    return `${what}, which guards ${named(from)}`;
  }
  const asks = judged.rules.some(({ filters }) => filters.some(({ type }) => type === 'ExternalAuth'));
  return asks ? `the filter ExternalAuth of ${named(from)}` : undefined;
}

/** Those that are attached to a route, or to what it comes in by. */
function guardsOf(scope: Scope, { route, parents }: JudgedRoute): AttachedPolicy<object>[] {
  const names = new Map<string, Set<string>>();
  const add = (object: string, section?: string): void => {
    const sections = names.get(object) ?? new Set(['']);
    if (section !== undefined) sections.add(section);
    names.set(object, sections);
  };
  for (const { points, gateway, refusal } of parents) {
    if (refusal !== undefined) continue;
    add(`Gateway/${gateway}`);
    for (const { listener } of points) {
      const view = scope.context.fetch(scope.listeners.views, listener);
      if (view !== undefined) add(ownerKey(view.owner), view.spec.name);
    }
  }
  const found = Array.from(names, ([object, sections]) =>
    policiesAt(scope, object).filter(({ targets }) =>
      targets.some((target) => target.object === object && sections.has(target.section)),
    ),
  );
  return [...policiesAt(scope, route.key), ...found.flat()];
}

function policiesAt({ context, policies }: Scope, object: string): AttachedPolicy<object>[] {
  return GUARDS.flatMap((kind) => [...(context.fetch(policies[kind].byObject, object) ?? [])]);
}

function besidesAt(scope: Scope, object: string): AttachedPolicy<object>[] {
  return policiesAt(scope, object).filter(({ beside }) => beside !== undefined);
}
