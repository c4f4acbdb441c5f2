/** By the specification: what statuses say of a world, as far as traffic shows it. */
import type { Condition } from '../../src/api/index.ts';
import type { Report } from '../../src/control/index.ts';
import { leadsTo, nameOf } from './answer-model.ts';
import { isAttached, isAttachedBy, isSetOf, type Open, openListeners } from './listener-model.ts';
import type { ParentRef, Route, World } from './resource.ts';

/** A line for each fact, so that what is there and what is meant can be compared. */
export type Facts = Map<string, string>;

function listenerFacts(world: World, open: Open[]): Facts {
  return new Map(
    open.map((one) => {
      const count = world.routes.filter((route) => isAttached(route, one)).length;
      return [`${one.kind} ${nameOf(one.owner)} ${one.listener.name} attachedRoutes`, String(count)];
    }),
  );
}

/** Whether all listeners of the parent are served, so that nothing of a conflict is asked about. */
function isPlain(world: World, open: Open[], { kind = 'Gateway', namespace, name }: ParentRef): boolean {
  const written =
    kind === 'Gateway'
      ? world.gateways.find(({ metadata }) => metadata.name === name && metadata.namespace === namespace)
      : world.listenerSets.find(
          (set) =>
            set.metadata.name === name &&
            set.metadata.namespace === namespace &&
            world.gateways.some((gateway) => isSetOf(gateway, set)),
        );
  const served = open.filter(
    (one) => one.kind === kind && one.owner.name === name && one.owner.namespace === namespace,
  );
  return written !== undefined && written.spec.listeners.length === served.length;
}

function refsResolve(world: World, route: Route): boolean {
  const refs = route.spec.rules.flatMap(({ backendRefs = [], filters = [] }) => [
    ...backendRefs,
    ...filters.flatMap((filter) => (filter.type === 'RequestMirror' ? [filter.requestMirror.backendRef] : [])),
  ]);
  return refs.every((ref) => leadsTo(world, route, ref) !== 500);
}

export function meantFacts(world: World): Facts {
  const open = openListeners(world);
  const facts = listenerFacts(world, open);
  for (const route of world.routes) {
    for (const ref of route.spec.parentRefs.filter((one) => isPlain(world, open, one))) {
      const at = `${route.kind} ${nameOf(route.metadata)} at ${ref.kind ?? 'Gateway'} ${ref.namespace}/${ref.name}`;
      const accepted = open.some((one) => isAttachedBy(route, ref, one));
      facts.set(`${at} Accepted`, accepted ? 'True' : 'False');
      facts.set(`${at} ResolvedRefs`, refsResolve(world, route) ? 'True' : 'False');
    }
  }
  return facts;
}

interface Status {
  conditions?: Condition[];
  listeners?: Array<{ name: string; attachedRoutes: number }>;
  parents?: Array<{ parentRef: ParentRef; conditions: Condition[] }>;
}

export function toldFacts({ items }: Report): Facts {
  const facts: Facts = new Map();
  for (const { kind, metadata, status } of items) {
    const { listeners = [], parents = [] } = status as Status;
    const name = `${kind} ${metadata.namespace}/${metadata.name}`;
    for (const one of listeners) facts.set(`${name} ${one.name} attachedRoutes`, String(one.attachedRoutes));
    for (const { parentRef, conditions } of parents) {
      const at = `${name} at ${parentRef.kind ?? 'Gateway'} ${parentRef.namespace}/${parentRef.name}`;
      for (const { type, status } of conditions) facts.set(`${at} ${type}`, status);
    }
  }
  return facts;
}

/** What statuses say otherwise than meant. */
export function statusFaults(world: World, report: Report): string[] {
  const told = toldFacts(report);
  return [...meantFacts(world)]
    .filter(([fact, value]) => told.get(fact) !== value)
    .map(([fact, value]) => `${fact} is ${told.get(fact)}, not ${value}`);
}
