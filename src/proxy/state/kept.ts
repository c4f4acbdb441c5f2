/**
 * State that outlives a swap. What is built anew with the config (a balancer, a stage) holds its state by key; the
 * next form holds it before the last one lets go, so that an edit resets nothing and what nobody holds is forgotten.
 */
import assert from 'node:assert';

interface Held<T> {
  readonly value: T;
  holders: number;
}

export class Kept<T> {
  readonly #make: (key: string) => T;
  readonly #held = new Map<string, Held<T>>();

  constructor(make: (key: string) => T) {
    this.#make = make;
  }

  /** What is kept under this key, made now where nobody holds it. Each hold is let go of once. */
  hold(key: string): T {
    let held = this.#held.get(key);
    if (held === undefined) this.#held.set(key, (held = { value: this.#make(key), holders: 0 }));
    held.holders++;
    return held.value;
  }

  letGo(key: string): void {
    const held = this.#held.get(key);
    assert(held !== undefined);
    if (--held.holders === 0) this.#held.delete(key);
  }

  get size(): number {
    return this.#held.size;
  }

  *[Symbol.iterator](): IterableIterator<[string, T]> {
    for (const [key, { value }] of this.#held) yield [key, value];
  }
}
