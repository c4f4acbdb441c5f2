/** What a status says that somebody must act on, and did not say before, and what it says no more. Pure. */
import { CONDITION, type Condition } from '../api/index.ts';
import type { Json } from './status-shape.ts';

export interface StatusFault {
  reason: string;
  message: string;
}

/** True is a fault. Names of certificates that overlap are none: browsers' shared connections are sent back to their own. */
const NEGATIVE: ReadonlySet<string> = new Set([CONDITION.Conflicted, CONDITION.PartiallyInvalid]);
const POSITIVE: ReadonlySet<string> = new Set([CONDITION.Accepted, CONDITION.ResolvedRefs, CONDITION.Programmed]);
/** These pass by themselves, or stand for what another condition says better. */
const PASSING: ReadonlySet<string> = new Set(['Pending', 'AddressNotAssigned']);

/** A fault, and of which condition of which part. */
interface PlacedFault extends StatusFault {
  place: string;
}

/** Faults of `after` that `before` has not; each once, however many listeners or parents have it. */
export function newFaults(before: Json, after: Json, controllerNames: ReadonlySet<string>): StatusFault[] {
  return differing(faultsOf(after, controllerNames), faultsOf(before, controllerNames));
}

/**
 * Faults of `before` in whose place `after` has none, each once: who was told of them learns that they are no more. Where
 * another has come instead, that is what there is to say.
 */
export function mendedFaults(before: Json, after: Json, controllerNames: ReadonlySet<string>): StatusFault[] {
  const left = faultsOf(after, controllerNames);
  const places = new Set(left.map(({ place }) => place));
  const gone = faultsOf(before, controllerNames).filter(({ place }) => !places.has(place));
  return differing(gone, left);
}

/** All that it has, each once. */
export function faultsIn(status: Json, controllerNames: ReadonlySet<string>): StatusFault[] {
  return differing(faultsOf(status, controllerNames), []);
}

/** Equal for faults that say the same. */
export function textOf({ reason, message }: StatusFault): string {
  return `${reason}\n${message}`;
}

function differing(faults: readonly PlacedFault[], others: readonly PlacedFault[]): StatusFault[] {
  const known = new Set(others.map(textOf));
  const fresh = new Map<string, StatusFault>();
  for (const fault of faults) {
    const { reason, message } = fault;
    if (!known.has(textOf(fault))) fresh.set(textOf(fault), { reason, message });
  }
  return [...fresh.values()];
}

function faultsOf(status: Json, controllerNames: ReadonlySet<string>): PlacedFault[] {
  const entries = [...listOf(status.parents), ...listOf(status.ancestors)].filter((entry) =>
    controllerNames.has(String(entry.controllerName)),
  );
  return [
    ...faults(status.conditions, ''),
    ...listOf(status.listeners).flatMap(({ name, conditions }) =>
      faults(conditions, `listener ${String(name)}`).map(({ message, ...rest }) => ({
        ...rest,
        message: `listener ${String(name)}: ${message}`,
      })),
    ),
    ...entries.flatMap(({ parentRef, ancestorRef, conditions }) =>
      faults(conditions, JSON.stringify(parentRef ?? ancestorRef)),
    ),
  ];
}

/** Where something is not accepted, that it is not programmed follows. */
function faults(conditions: unknown, part: string): PlacedFault[] {
  const bad = (listOf(conditions) as unknown as Condition[]).filter(
    ({ type, status, reason }) =>
      !PASSING.has(reason) && ((NEGATIVE.has(type) && status === 'True') || (POSITIVE.has(type) && status === 'False')),
  );
  const others = bad.filter(({ type }) => type !== CONDITION.Programmed);
  const told = others.length > 0 ? others : bad;
  return told.map(({ type, reason, message }) => ({ place: `${part} ${type}`, reason, message }));
}

function listOf(value: unknown): Json[] {
  return Array.isArray(value) ? (value as Json[]) : [];
}
