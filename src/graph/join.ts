import type { Change, Collection } from './collection.ts';
import { Node, nodeOf } from './node.ts';
import { isTurnOver } from './settle.ts';

/** Several collections as one. Where they share a key, the earlier collection's object is the one to be seen. */
export function join<V>(name: string, inputs: ReadonlyArray<Collection<V>>): Collection<V> {
  return new Joined(name, inputs);
}

class Joined<V> extends Node<V> {
  protected override readonly kind = 'join';
  readonly #inputs: ReadonlyArray<Collection<V>>;
  readonly #stale = new Set<string>();

  constructor(name: string, inputs: ReadonlyArray<Collection<V>>) {
    super(name);
    this.#inputs = inputs;
    for (const input of inputs) {
      nodeOf(input).attach(this);
      for (const [key] of input.entries()) this.#stale.add(key);
    }
    do this.work();
    while (this.hasMore);
    this.forgetChanges();
  }

  receive(_from: Collection<unknown>, changes: ReadonlyArray<Change<unknown>>): void {
    for (const { key } of changes) this.#stale.add(key);
  }

  override sources(): Iterable<Node<unknown>> {
    return this.#inputs.map((input) => nodeOf(input) as Node<unknown>);
  }

  protected override inputs(): string[] {
    return this.#inputs.map(({ name }) => name);
  }

  protected override work(): unknown[] {
    for (const key of this.#stale) {
      this.#stale.delete(key);
      this.put(key, this.#winner(key));
      if (isTurnOver()) break;
    }
    this.hasMore = this.#stale.size > 0;
    return [];
  }

  #winner(key: string): V | undefined {
    for (const input of this.#inputs) {
      const value = input.get(key);
      if (value !== undefined) return value;
    }
    return undefined;
  }
}
