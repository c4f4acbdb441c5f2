/** Since when a mistake is there: what the conditions of its object say. */
import { isObject } from '../value/json-object.ts';
import type { ToldObject, ToldProblem } from './parts.ts';

interface Fault {
  message: string;
  since: string;
}

/** Conditions that are False, by `Kind/namespace/name`. */
export type Faults = ReadonlyMap<string, readonly Fault[]>;

export function faultsOf(items: readonly ToldObject[]): Faults {
  const faults = new Map<string, readonly Fault[]>();
  for (const { kind, metadata, status } of items) {
    const own = below(status);
    const { namespace = '', name } = metadata;
    if (own.length > 0) faults.set([kind, namespace, name].filter((part) => part !== '').join('/'), own);
  }
  return faults;
}

/** Undefined: no condition tells of it, as of what could not be read. */
export function sinceOf({ object, field, message }: ToldProblem, faults: Faults): string | undefined {
  const told = faults.get(object)?.filter((one) => one.message.includes(field === '' ? message : field));
  return told
    ?.map(({ since }) => since)
    .sort()
    .at(0);
}

/** Conditions stand on the object, its listeners, and its parents or ancestors. */
function below(value: unknown): Fault[] {
  if (Array.isArray(value)) return value.flatMap(below);
  if (!isObject(value)) return [];
  const { status, message, lastTransitionTime } = value;
  if (typeof lastTransitionTime === 'string') {
    return status === 'False' && typeof message === 'string' ? [{ message, since: lastTransitionTime }] : [];
  }
  return Object.values(value).flatMap(below);
}
