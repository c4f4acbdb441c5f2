/**
 * Whether what is there is what is wanted. The API server fills in defaults, and others add what is theirs: only fields
 * that are wanted are compared. What is wanted no longer shows in the digest that each object carries.
 */

import { isObject } from '../../value/json-object.ts';
import { bytesOf } from './quantity.ts';

/** Fields whose values are quantities, which the API server writes in a form of its own. */
const QUANTITIES: ReadonlySet<string> = new Set(['limits', 'requests', 'sizeLimit', 'averageValue']);
/** What items of lists are told apart by; the first that all of the wanted have. Others are compared in their order. */
const KEYS = ['name', 'mountPath', 'uid', 'containerPort', 'port', 'key', 'type'] as const;

export function stands(live: unknown, wanted: unknown, field = ''): boolean {
  // An empty object names no field; an empty list or text says that there is nothing.
  if (isEmpty(wanted)) return isObject(wanted) || isEmpty(live);
  if (Array.isArray(wanted)) return Array.isArray(live) && listStands(live, wanted, field);
  if (isObject(wanted)) {
    if (!isObject(live)) return false;
    const of = QUANTITIES.has(field) ? 'sizeLimit' : undefined;
    return Object.entries(wanted).every(([name, value]) => stands(live[name], value, of ?? name));
  }
  if (live === wanted) return true;
  if (!QUANTITIES.has(field)) return false;
  const [is, should] = [bytesOf(live), bytesOf(wanted)];
  return is !== undefined && is === should;
}

/** The same fields as `wanted` has, with the values that are there. */
export function shapeOf(live: unknown, wanted: unknown): unknown {
  if (Array.isArray(wanted)) return live;
  if (!isObject(wanted) || !isObject(live)) return live;
  return Object.fromEntries(Object.entries(wanted).map(([name, value]) => [name, shapeOf(live[name], value)]));
}

function listStands(live: readonly unknown[], wanted: readonly unknown[], field: string): boolean {
  const key = KEYS.find((one) => wanted.every((item) => isObject(item) && item[one] !== undefined));
  if (key === undefined) {
    return live.length === wanted.length && wanted.every((item, at) => stands(live[at], item, field));
  }
  return wanted.every((item) => {
    const same = live.filter((one) => isObject(one) && one[key] === (item as Json)[key]);
    return same.some((one) => stands(one, item, field));
  });
}

type Json = Record<string, unknown>;

/** An API server leaves out what holds nothing. */
function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null || value === '') return true;
  return Array.isArray(value) ? value.length === 0 : isObject(value) && Object.keys(value).length === 0;
}
