/**
 * What whoever has just begun to lead does not know yet: data planes look for it, and infrastructure is still being read.
 * What was programmed before is not said to be otherwise only for that.
 */
import { CONDITION, type Condition, GATEWAY_REASON } from '../api/index.ts';
import type { Json } from './status-shape.ts';

/** Milliseconds from the beginning of a lead; data planes need less to find a controller. */
export const TAKEOVER_PATIENCE = 30_000;

/** Reasons that say of a thing that it is not known, or not yet. */
const NOT_YET: readonly string[] = [GATEWAY_REASON.Pending, GATEWAY_REASON.AddressNotAssigned];

/** The status that is there says Programmed, and the wanted one of the same generation that it is not known to be. */
export function takesBack(live: Json, wanted: Json): boolean {
  if (pairTakesBack(live.conditions, wanted.conditions)) return true;
  const listeners = list(wanted.listeners).some((one) => {
    const before = list(live.listeners).find(({ name }) => name === one.name);
    return pairTakesBack(before?.conditions, one.conditions);
  });
  return listeners || [...list(wanted.parents), ...list(wanted.ancestors)].some((one) => entryTakesBack(live, one));
}

function entryTakesBack(live: Json, wanted: Json): boolean {
  return [...list(live.parents), ...list(live.ancestors)].some(
    (one) =>
      one.controllerName === wanted.controllerName &&
      sameParent((one.parentRef ?? one.ancestorRef) as Json, (wanted.parentRef ?? wanted.ancestorRef) as Json) &&
      pairTakesBack(one.conditions, wanted.conditions),
  );
}

/** Without the defaults that a server fills in. */
function sameParent(a: Json | undefined, b: Json | undefined): boolean {
  return ['name', 'namespace', 'sectionName', 'port'].every((field) => a?.[field] === b?.[field]);
}

function pairTakesBack(live: unknown, wanted: unknown): boolean {
  const [before, after] = [programmed(live), programmed(wanted)];
  return (
    before?.status === 'True' &&
    after !== undefined &&
    after.status !== 'True' &&
    NOT_YET.includes(after.reason) &&
    before.observedGeneration === after.observedGeneration
  );
}

function programmed(conditions: unknown): Condition | undefined {
  return Array.isArray(conditions)
    ? (conditions as Condition[]).find(({ type }) => type === CONDITION.Programmed)
    : undefined;
}

function list(value: unknown): Json[] {
  return Array.isArray(value) ? (value as Json[]) : [];
}
