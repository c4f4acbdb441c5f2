/** Which status is written next: one that much waits for before thousands of others, and what is only cleared away last. */

/** The lower goes first; equals go in the order in which they came. */
export type Rank = 0 | 1 | 2;

export class StatusQueue {
  readonly #ranks: ReadonlyArray<Set<string>> = [new Set(), new Set(), new Set()];

  add(key: string, rank: Rank): void {
    if (this.#ranks[rank]!.has(key)) return;
    this.delete(key);
    this.#ranks[rank]!.add(key);
  }

  has(key: string): boolean {
    return this.#ranks.some((keys) => keys.has(key));
  }

  delete(key: string): void {
    for (const keys of this.#ranks) keys.delete(key);
  }

  *[Symbol.iterator](): IterableIterator<string> {
    for (const keys of this.#ranks) yield* keys;
  }
}
