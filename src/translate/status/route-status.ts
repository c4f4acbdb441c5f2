import { CONDITION, ROUTE_REASON, type RouteParentStatus, type RouteStatus } from '../../api/index.ts';
import type { ConfigRef, Listener, RefusedEndpoint } from '../../config/index.ts';
import type { Collection, Index } from '../../graph/index.ts';
import type { Lookup } from '../lookup.ts';
import type { ParentPlacement } from '../route/attachment.ts';
import type { JudgedRoute } from '../route/route.ts';
import { type SignedClaim, type SiteOf, shadowed, siteOf } from '../route/shadow.ts';
import { conditions, fails, holds, judged as judge, unknown, type Verdict } from '../verdict/conditions.ts';
import { type Diagnostic, describe, diagnosis, type Problem } from '../verdict/problem.ts';
import {
  combined,
  delivered,
  fleetOf,
  listenerProgress,
  type Progress,
  rejected,
  type SocketReport,
} from './programmed.ts';

/** What decides whether other routes take a route's requests. */
export interface ShadowScope {
  look: Lookup;
  claims: Index<SignedClaim>;
  served: Collection<Listener>;
}

export interface RouteStatusScope extends ShadowScope {
  sockets: Index<SocketReport>;
}

export function routeStatus(scope: RouteStatusScope, route: JudgedRoute): RouteStatus {
  return { parents: route.parents.map((parent) => parentStatus(scope, route, parent)) };
}

function sites({ look, served }: ShadowScope): SiteOf {
  return siteOf(look.options, (listener) => look.context.fetch(served, listener));
}

function parentStatus(scope: RouteStatusScope, route: JudgedRoute, parent: ParentPlacement): RouteParentStatus {
  const refusals = parent.refusal === undefined ? route.refusals : [parent.refusal];
  const message = ['accepted', ...route.remarks.map((remark) => describe([remark]))].join('; ');
  const accepted = { reason: ROUTE_REASON.Accepted, message };
  const verdicts: Verdict[] = [
    judge(CONDITION.Accepted, refusals, accepted),
    judge(CONDITION.ResolvedRefs, route.unresolved, {
      reason: ROUTE_REASON.ResolvedRefs,
      message: 'every reference resolves',
    }),
  ];
  if (refusals.length === 0 && route.partial.length > 0) {
    // The spec asks for these two words at the beginning.
    const message = `Dropped Rule: ${describe(route.partial)}`;
    verdicts.push(holds(CONDITION.PartiallyInvalid, ROUTE_REASON.UnsupportedValue, message));
  }
  verdicts.push(refusals.length === 0 ? programmed(scope, route, parent) : notProgrammed(refusals[0]!.reason));
  const listeners = new Set(parent.points.filter(({ served }) => served).map(({ listener }) => listener));
  const shadows = [
    ...(parent.shadows ?? []),
    ...shadowed(scope.look, scope.claims, { judged: route, site: sites(scope), listeners }),
  ];
  if (shadows.length > 0) verdicts.push(holds(CONDITION.Shadowed, 'EqualMatch', shadows.join('; ')));
  const { parentRef, controllerName } = parent;
  return { parentRef, controllerName, conditions: conditions(verdicts, route.route.generation) };
}

function notProgrammed(reason: string): Verdict {
  return fails(CONDITION.Programmed, reason, 'not accepted, so no data plane serves it');
}

/** Every rule must be served, and one listener of the parent at least. */
function programmed(scope: RouteStatusScope, route: JudgedRoute, parent: ParentPlacement): Verdict {
  const configs = parent.points
    .map(({ listener }) => scope.look.context.fetch(scope.served, listener))
    .filter((config) => config !== undefined);
  if (configs.length === 0) {
    return fails(CONDITION.Programmed, 'ListenersNotProgrammed', 'none of its listeners can be served');
  }
  if (parent.points.every(({ hosts }) => hosts.length === 0)) {
    return fails(CONDITION.Programmed, 'Shadowed', (parent.shadows ?? []).join('; '));
  }
  const fleet = fleetOf(scope.look.options, parent.gateway);
  const backends = route.uses.map(({ key }): ConfigRef => ({ kind: 'Backend', key }));
  const rules =
    rejected(scope.look, fleet, backends) ?? combined(route.rules.map((rule) => delivered(scope.look, fleet, rule)));
  if (rules.state === 'failed') return fails(CONDITION.Programmed, 'Invalid', `${rules.code}: ${rules.message}`);
  return withoutRefused(verdictOf(rules, best(configs, scope)), refusedOf(scope.look, route));
}

/** What data planes do not connect to among a route's endpoints, each once. */
function refusedOf(look: Lookup, { uses }: JudgedRoute): RefusedEndpoint[] {
  const found = new Map<string, RefusedEndpoint>();
  for (const { key } of uses) {
    for (const one of look.context.fetch(look.refusals, key) ?? []) found.set(`${one.key} ${one.endpoint}`, one);
  }
  return Array.from(found.values());
}

function refusal({ key, endpoint, message }: RefusedEndpoint): string {
  return `endpoint ${endpoint} of ${key} ${message}: no request goes there`;
}

function withoutRefused(verdict: Verdict, refused: ReadonlyArray<RefusedEndpoint>): Verdict {
  if (verdict.status !== 'True' || refused.length === 0) return verdict;
  const said = refused.map(refusal).join('; ');
  return refused.some(({ left }) => left === 0)
    ? fails(CONDITION.Programmed, 'Invalid', said)
    : holds(CONDITION.Programmed, 'Programmed', `${verdict.message}; ${said}`);
}

function best(configs: ReadonlyArray<Listener>, { look, sockets }: RouteStatusScope): Progress {
  const progresses = configs.map((config) => listenerProgress(look, sockets, config));
  return (
    progresses.find(({ state }) => state === 'serving') ??
    progresses.find(({ state }) => state === 'pending') ??
    progresses[0]!
  );
}

function verdictOf(rules: Progress, listener: Progress): Verdict {
  if (listener.state === 'failed') {
    return fails(CONDITION.Programmed, 'ListenersNotProgrammed', `${listener.code}: ${listener.message}`);
  }
  if (rules.state === 'pending' || listener.state === 'pending') {
    return unknown(CONDITION.Programmed, ROUTE_REASON.Pending, 'not every data plane has acknowledged it yet');
  }
  return holds(CONDITION.Programmed, 'Programmed', 'every data plane serves it');
}

/** Errors and warnings of a route, with the fields to mend. */
export function routeDiagnostics(scope: ShadowScope, route: JudgedRoute): Diagnostic[] {
  const object = route.route.key;
  const found = new Map<string, Diagnostic>();
  const tell = (severity: Diagnostic['severity'], problem: Omit<Problem, 'reason'>): void => {
    found.set(`${problem.field} ${problem.message}`, diagnosis(severity, object, problem));
  };
  const add = (severity: Diagnostic['severity'], field: string, message: string) => tell(severity, { field, message });
  for (const { refusal, field, shadows } of route.parents) {
    if (refusal) tell('error', refusal);
    for (const shadow of shadows ?? []) add('warning', field, shadow);
  }
  for (const one of [...route.unresolved, ...route.refusals, ...route.partial]) tell('error', one);
  for (const one of route.remarks) tell('warning', one);
  for (const sentence of shadowed(scope.look, scope.claims, { judged: route, site: sites(scope) })) {
    const space = sentence.indexOf(' ');
    add('warning', sentence.slice(0, space), sentence.slice(space + 1));
  }
  for (const one of refusedOf(scope.look, route)) add(one.left === 0 ? 'error' : 'warning', 'spec.rules', refusal(one));
  return Array.from(found.values());
}
