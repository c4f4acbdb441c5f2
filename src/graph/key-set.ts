/** A set of keys that mostly holds one: then it is that key, without a Set around it. */
export type KeySet = string | Set<string>;

/** Adds `key` to the set under `at`. */
export function addKey<A>(sets: Map<A, KeySet>, at: A, key: string): void {
  const held = sets.get(at);
  if (held === undefined) sets.set(at, key);
  else if (typeof held !== 'string') held.add(key);
  else if (held !== key) sets.set(at, new Set([held, key]));
}

/** Removes `key` from the set under `at`, and the set with its last key. Answers what is left. */
export function removeKey<A>(sets: Map<A, KeySet>, at: A, key: string): KeySet | undefined {
  const held = sets.get(at);
  if (typeof held === 'object') {
    held.delete(key);
    if (held.size > 1) return held;
    const [last] = held;
    if (last !== undefined) sets.set(at, last);
    return last;
  }
  if (held !== key) return held;
  sets.delete(at);
  return undefined;
}

export function keysOf(set: KeySet | undefined): Iterable<string> {
  if (set === undefined) return [];
  return typeof set === 'string' ? [set] : set;
}

export function sameSet(a: KeySet, b: KeySet | undefined): boolean {
  if (typeof a === 'string' || typeof b !== 'object') return a === b;
  return a.size === b.size && a.isSubsetOf(b);
}
