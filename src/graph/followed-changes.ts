import type { Change } from './collection.ts';

/** Changes and those that came after them as one batch: of each object from where it was first to where it is last. */
export function followedBy<V>(
  changes: ReadonlyArray<Change<V>>,
  later: ReadonlyArray<Change<V>>,
): ReadonlyArray<Change<V>> {
  if (changes.length === 0) return later;
  const merged = new Map(changes.map((change) => [change.key, change]));
  for (const change of later) {
    const first = merged.get(change.key);
    merged.set(change.key, first === undefined ? change : { ...change, before: first.before });
  }
  return Array.from(merged.values()).filter(({ before, after }) => before !== after);
}
