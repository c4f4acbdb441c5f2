/**
 * Which status is written next: one that much waits for before thousands of others, and what is only cleared away last. Among
 * equals namespaces take turns, so that a tenant's thousands hold up nobody else's one.
 */

/** The lower goes first; equals of one namespace go in the order in which they came. */
export type Rank = 0 | 1 | 2;

export class StatusQueue {
  /** Of each rank, by namespace: the first is next. A Set keeps the order in which keys came. */
  readonly #ranks: ReadonlyArray<Map<string, Set<string>>> = [new Map(), new Map(), new Map()];

  add(key: string, rank: Rank): void {
    const turns = this.#ranks[rank]!;
    const namespace = namespaceIn(key);
    if (turns.get(namespace)?.has(key)) return;
    this.delete(key);
    const keys = turns.get(namespace);
    if (keys === undefined) turns.set(namespace, new Set([key]));
    else keys.add(key);
  }

  has(key: string): boolean {
    const namespace = namespaceIn(key);
    return this.#ranks.some((turns) => turns.get(namespace)?.has(key));
  }

  delete(key: string): void {
    const namespace = namespaceIn(key);
    for (const turns of this.#ranks) if (removed(turns, namespace, key)) return;
  }

  /** Takes the next out that is not busy, and puts its namespace behind all others. */
  take(isBusy: (key: string) => boolean): string | undefined {
    for (const turns of this.#ranks) {
      for (const [namespace, keys] of turns) {
        for (const key of keys) {
          if (isBusy(key)) continue;
          keys.delete(key);
          turns.delete(namespace);
          if (keys.size > 0) turns.set(namespace, keys);
          return key;
        }
      }
    }
    return undefined;
  }
}

function removed(turns: Map<string, Set<string>>, namespace: string, key: string): boolean {
  const keys = turns.get(namespace);
  if (keys === undefined || !keys.delete(key)) return false;
  if (keys.size === 0) turns.delete(namespace);
  return true;
}

/** Of `Kind/namespace/name`. */
function namespaceIn(key: string): string {
  return key.slice(key.indexOf('/') + 1, key.lastIndexOf('/'));
}
