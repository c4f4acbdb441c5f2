/** What a status says that somebody must act on, and did not say before. Pure. */
import { CONDITION, type Condition } from '../api/index.ts';
import type { Json } from './status-shape.ts';

export interface StatusFault {
  reason: string;
  message: string;
}

/** True is a fault. */
const NEGATIVE: ReadonlySet<string> = new Set([
  CONDITION.Conflicted,
  CONDITION.PartiallyInvalid,
  CONDITION.OverlappingTLSConfig,
]);
const POSITIVE: ReadonlySet<string> = new Set([CONDITION.Accepted, CONDITION.ResolvedRefs, CONDITION.Programmed]);
/** These pass by themselves, or stand for what another condition says better. */
const PASSING: ReadonlySet<string> = new Set(['Pending', 'AddressNotAssigned']);

/** Faults of `after` that `before` has not; each once, however many listeners or parents have it. */
export function newFaults(before: Json, after: Json, controllerNames: ReadonlySet<string>): StatusFault[] {
  const known = new Set(faultsOf(before, controllerNames).map(textOf));
  const fresh = new Map<string, StatusFault>();
  for (const fault of faultsOf(after, controllerNames)) if (!known.has(textOf(fault))) fresh.set(textOf(fault), fault);
  return [...fresh.values()];
}

function textOf({ reason, message }: StatusFault): string {
  return `${reason}\n${message}`;
}

function faultsOf(status: Json, controllerNames: ReadonlySet<string>): StatusFault[] {
  const entries = [...listOf(status.parents), ...listOf(status.ancestors)].filter((entry) =>
    controllerNames.has(String(entry.controllerName)),
  );
  return [
    ...faults(status.conditions),
    ...listOf(status.listeners).flatMap(({ name, conditions }) =>
      faults(conditions).map(({ reason, message }) => ({ reason, message: `listener ${String(name)}: ${message}` })),
    ),
    ...entries.flatMap(({ conditions }) => faults(conditions)),
  ];
}

/** Where something is not accepted, that it is not programmed follows. */
function faults(conditions: unknown): StatusFault[] {
  const bad = (listOf(conditions) as unknown as Condition[]).filter(
    ({ type, status, reason }) =>
      !PASSING.has(reason) && ((NEGATIVE.has(type) && status === 'True') || (POSITIVE.has(type) && status === 'False')),
  );
  const others = bad.filter(({ type }) => type !== CONDITION.Programmed);
  return (others.length > 0 ? others : bad).map(({ reason, message }) => ({ reason, message }));
}

function listOf(value: unknown): Json[] {
  return Array.isArray(value) ? (value as Json[]) : [];
}
