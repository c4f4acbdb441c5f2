import { isObject } from '../../value/json-object.ts';

/** Without what is undefined, and without objects that have nothing else. */
export function compact<T extends object>(value: T): T | undefined {
  const kept = Object.entries(value).flatMap(([name, one]): Array<[string, unknown]> => {
    const inner: unknown = isObject(one) ? compact(one) : one;
    return inner === undefined || (Array.isArray(inner) && inner.length === 0) ? [] : [[name, inner]];
  });
  return kept.length === 0 ? undefined : (Object.fromEntries(kept) as T);
}
