import type { Change, Collection } from './collection.ts';
import { Node, nodeOf } from './node.ts';

/** What a derivation reads besides its input; each read is remembered as a dependency. */
export interface Context {
  fetch<V>(collection: Collection<V>, key: string): V | undefined;
  /** All objects in the order of their keys; any change in the collection computes the reader again. */
  fetchAll<V>(collection: Collection<V>): V[];
}

/** Outputs by key. Pure: the same input and reads give the same outputs. */
export type Derivation<I, O> = (context: Context, value: I, key: string) => Iterable<readonly [string, O]>;

/** A derived collection, and how often its derivation ran since it was made. */
export interface Derived<O> extends Collection<O> {
  readonly computed: number;
}

/**
 * The outputs of `derivation` over every object of `input`. Only what read a changed object is computed again.
 * Where two inputs give the same output key, the one with the lower input key wins. Where a derivation throws, the
 * last outputs of that input stay, and the batch throws at its end.
 */
export function derive<I, O>(name: string, input: Collection<I>, derivation: Derivation<I, O>): Derived<O> {
  return new DerivedCollection(name, input, derivation);
}

type Reads = Map<Collection<unknown>, Set<string>>;

/** Stands for "all keys" among the keys read; NUL is in no object's key. */
const EVERY_KEY = '\u0000';

class DerivedCollection<I, O> extends Node<O> implements Derived<O> {
  computed = 0;
  readonly #input: Collection<I>;
  readonly #derivation: Derivation<I, O>;
  readonly #stale = new Set<string>();
  /** Output keys of each input. */
  readonly #given = new Map<string, Map<string, O>>();
  /** Output keys that several inputs give, and those inputs. */
  readonly #givers = new Map<string, Set<string>>();
  readonly #reads = new Map<string, Reads>();
  readonly #readers = new Map<Collection<unknown>, Map<string, Set<string>>>();

  constructor(name: string, input: Collection<I>, derivation: Derivation<I, O>) {
    super(name);
    this.#input = input;
    this.#derivation = derivation;
    nodeOf(input).attach(this);
    for (const [key] of input.entries()) this.#stale.add(key);
    const [error] = this.work();
    this.forgetChanges();
    if (error !== undefined) throw error;
  }

  receive(from: Collection<unknown>, changes: ReadonlyArray<Change<unknown>>): void {
    if (from === this.#input) for (const { key } of changes) this.#stale.add(key);
    const readers = this.#readers.get(from);
    if (readers === undefined) return;
    for (const { key } of changes) for (const reader of readers.get(key) ?? []) this.#stale.add(reader);
    for (const reader of readers.get(EVERY_KEY) ?? []) this.#stale.add(reader);
  }

  protected override work(): unknown[] {
    const errors: unknown[] = [];
    for (const key of this.#stale) {
      try {
        this.#compute(key);
      } catch (error) {
        errors.push(error);
      }
    }
    this.#stale.clear();
    return errors;
  }

  #compute(inputKey: string): void {
    const value = this.#input.get(inputKey);
    const reads: Reads = new Map();
    const outputs = new Map<string, O>();
    try {
      if (value !== undefined) {
        this.computed++;
        for (const [key, output] of this.#derivation(this.#context(reads), value, inputKey)) outputs.set(key, output);
      }
    } finally {
      this.#remember(inputKey, reads);
    }
    this.#give(inputKey, outputs);
  }

  #context(reads: Reads): Context {
    const note = (collection: Collection<unknown>, key: string): void => {
      const keys = reads.get(collection);
      if (keys === undefined) reads.set(collection, new Set([key]));
      else keys.add(key);
    };
    return {
      fetch: (collection, key) => {
        note(collection, key);
        return collection.get(key);
      },
      fetchAll: (collection) => {
        note(collection, EVERY_KEY);
        return Array.from(collection.entries())
          .sort(([a], [b]) => (a < b ? -1 : 1))
          .map(([, value]) => value);
      },
    };
  }

  #remember(inputKey: string, reads: Reads): void {
    for (const [collection, keys] of this.#reads.get(inputKey) ?? []) {
      const readers = this.#readers.get(collection)!;
      for (const key of keys) {
        const set = readers.get(key)!;
        set.delete(inputKey);
        if (set.size === 0) readers.delete(key);
      }
    }
    if (reads.size === 0) this.#reads.delete(inputKey);
    else this.#reads.set(inputKey, reads);
    for (const [collection, keys] of reads) for (const key of keys) this.#readersOf(collection, key).add(inputKey);
  }

  #readersOf(collection: Collection<unknown>, key: string): Set<string> {
    let readers = this.#readers.get(collection);
    if (readers === undefined) {
      nodeOf(collection).attach(this);
      this.#readers.set(collection, (readers = new Map()));
    }
    let set = readers.get(key);
    if (set === undefined) readers.set(key, (set = new Set()));
    return set;
  }

  #give(inputKey: string, outputs: Map<string, O>): void {
    const old = this.#given.get(inputKey);
    if (outputs.size === 0) this.#given.delete(inputKey);
    else this.#given.set(inputKey, outputs);
    for (const key of old?.keys() ?? []) if (!outputs.has(key)) this.#withdraw(inputKey, key);
    for (const [key, output] of outputs) {
      let givers = this.#givers.get(key);
      if (givers === undefined) this.#givers.set(key, (givers = new Set()));
      givers.add(inputKey);
      if (givers.size === 1) this.put(key, output);
      else this.#contest(key, givers);
    }
  }

  #withdraw(inputKey: string, key: string): void {
    const givers = this.#givers.get(key)!;
    givers.delete(inputKey);
    if (givers.size > 0) {
      this.#contest(key, givers);
    } else {
      this.#givers.delete(key);
      this.put(key, undefined);
    }
  }

  #contest(key: string, givers: Set<string>): void {
    const winner = Array.from(givers).sort()[0]!;
    this.put(key, this.#given.get(winner)!.get(key));
  }
}
