import assert from 'node:assert/strict';
import type { Change, Collection } from './collection.ts';
import { addKey, type KeySet, keysOf, removeKey, sameSet } from './key-set.ts';
import { Node, nodeOf } from './node.ts';
import type { CollectionRead, CollectionView } from './scope.ts';
import { fail, isTurnOver } from './settle.ts';

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
 * last outputs of that input stay, and the batch throws at its end; so does a batch in which the collection is made.
 */
export function derive<I, O>(name: string, input: Collection<I>, derivation: Derivation<I, O>): Derived<O> {
  return new DerivedCollection(name, input, derivation);
}

/** Stands for "all keys" among the keys read; NUL is in no object's key. */
const EVERY_KEY = '\u0000';

/** Collections and the keys read of each, in turns: a Map for each input would weigh three times as much. */
type Reads = ReadonlyArray<Collection<unknown> | KeySet>;

interface Received {
  readonly from: Collection<unknown>;
  readonly changes: ReadonlyArray<Change<unknown>>;
  at: number;
}

type Outputs<O> = ReadonlyArray<readonly [string, O]>;

const NO_OUTPUTS: Outputs<never> = [];

class DerivedCollection<I, O> extends Node<O> implements Derived<O> {
  protected override readonly kind = 'derived';
  computed = 0;
  readonly #input: Collection<I>;
  readonly #derivation: Derivation<I, O>;
  readonly #context: Context = { fetch: this.#fetch.bind(this), fetchAll: this.#fetchAll.bind(this) };
  readonly #stale = new Set<string>();
  /** Changes of the input and of what is read, from the first that is not taken in. */
  readonly #received: Received[] = [];
  /** What each input gave. */
  readonly #given = new Map<string, Outputs<O>>();
  /** Inputs by the output keys that they give. */
  readonly #givers = new Map<string, KeySet>();
  /** Keys that each input read, by collection; and the other way round. */
  readonly #reads = new Map<string, Reads>();
  readonly #readers = new Map<Collection<unknown>, Map<string, KeySet>>();
  /** Reads of the derivation that runs; undefined while none does. */
  #current: Map<Collection<unknown>, KeySet> | undefined;

  constructor(name: string, input: Collection<I>, derivation: Derivation<I, O>) {
    super(name);
    this.#input = input;
    this.#derivation = derivation;
    nodeOf(input).attach(this);
    for (const [key] of input.entries()) this.#stale.add(key);
    const errors: unknown[] = [];
    do errors.push(...this.work());
    while (this.hasMore);
    this.forgetChanges();
    for (const error of errors) fail(error);
  }

  receive(from: Collection<unknown>, changes: ReadonlyArray<Change<unknown>>): void {
    this.#received.push({ from, changes, at: 0 });
  }

  /** Finds out who has read what changed. False: the turn is over before all is looked at. */
  #takeIn(): boolean {
    for (let first = this.#received[0]; first !== undefined; first = this.#received[0]) {
      const { from, changes } = first;
      const readers = this.#readers.get(from);
      while (first.at < changes.length) {
        const { key } = changes[first.at++]!;
        if (from === this.#input) this.#stale.add(key);
        for (const reader of keysOf(readers?.get(key))) this.#stale.add(reader);
        if (isTurnOver()) return false;
      }
      for (const reader of keysOf(readers?.get(EVERY_KEY))) this.#stale.add(reader);
      this.#received.shift();
    }
    return true;
  }

  override sources(): Iterable<Node<unknown>> {
    return new Set([this.#input, ...this.#readers.keys()].map((collection) => nodeOf(collection)));
  }

  override close(): void {
    super.close();
    for (const held of [this.#stale, this.#given, this.#givers, this.#reads, this.#readers]) held.clear();
  }

  override view(): CollectionView {
    return { ...super.view(), runs: this.computed };
  }

  protected override inputs(): string[] {
    return [this.#input.name];
  }

  protected override reads(): CollectionRead[] {
    return Array.from(this.#readers, ([{ name }, readers]) => ({
      collection: name,
      keys: readers.has(EVERY_KEY) ? ('all' as const) : readers.size,
    }));
  }

  protected override work(): unknown[] {
    const errors: unknown[] = [];
    this.hasMore = !this.#takeIn();
    if (this.hasMore) return errors;
    for (const key of this.#stale) {
      this.#stale.delete(key);
      try {
        this.#compute(key);
      } catch (error) {
        errors.push(error);
      }
      if (isTurnOver()) break;
    }
    this.hasMore = this.#stale.size > 0;
    return errors;
  }

  #compute(inputKey: string): void {
    const value = this.#input.get(inputKey);
    const reads = new Map<Collection<unknown>, KeySet>();
    let outputs: Outputs<O> = NO_OUTPUTS;
    this.#current = reads;
    try {
      if (value !== undefined) {
        this.computed++;
        outputs = distinct(this.#derivation(this.#context, value, inputKey));
      }
    } finally {
      this.#current = undefined;
      this.#remember(inputKey, reads);
    }
    this.#give(inputKey, outputs);
  }

  #fetch<V>(collection: Collection<V>, key: string): V | undefined {
    this.#note(collection, key);
    return collection.get(key);
  }

  #fetchAll<V>(collection: Collection<V>): V[] {
    this.#note(collection, EVERY_KEY);
    return Array.from(collection.entries())
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([, value]) => value);
  }

  #note(collection: Collection<unknown>, key: string): void {
    assert(this.#current !== undefined, `${this.name} reads after its derivation has ended`);
    addKey(this.#current, collection, key);
  }

  #remember(inputKey: string, reads: Map<Collection<unknown>, KeySet>): void {
    const before = this.#reads.get(inputKey);
    if (before !== undefined && sameReads(before, reads)) return;
    for (const [collection, keys] of pairs(before)) {
      const readers = this.#readers.get(collection)!;
      for (const key of keysOf(keys)) removeKey(readers, key, inputKey);
    }
    if (reads.size === 0) this.#reads.delete(inputKey);
    else this.#reads.set(inputKey, Array.from(reads).flat());
    for (const [collection, keys] of reads) {
      const readers = this.#readersOf(collection);
      for (const key of keysOf(keys)) addKey(readers, key, inputKey);
    }
  }

  #readersOf(collection: Collection<unknown>): Map<string, KeySet> {
    let readers = this.#readers.get(collection);
    if (readers === undefined) {
      nodeOf(collection).attach(this);
      this.#readers.set(collection, (readers = new Map()));
    }
    return readers;
  }

  #give(inputKey: string, outputs: Outputs<O>): void {
    const old = this.#given.get(inputKey) ?? NO_OUTPUTS;
    if (outputs.length === 0) this.#given.delete(inputKey);
    else this.#given.set(inputKey, outputs);
    if (old.length > 0 && !sameKeys(old, outputs)) {
      const kept = new Set(outputs.map(([key]) => key));
      for (const [key] of old) if (!kept.has(key)) this.#settle(key, removeKey(this.#givers, key, inputKey));
    }
    for (const [key, output] of outputs) {
      addKey(this.#givers, key, inputKey);
      const givers = this.#givers.get(key);
      if (givers === inputKey) this.put(key, output);
      else this.#settle(key, givers);
    }
  }

  /** Shows what the first of the inputs that give `key` gives. */
  #settle(key: string, givers: KeySet | undefined): void {
    const winner = typeof givers === 'object' ? Array.from(givers).sort()[0]! : givers;
    const outputs = winner === undefined ? NO_OUTPUTS : this.#given.get(winner)!;
    this.put(key, outputs.length === 1 ? outputs[0]![1] : outputs.find(([one]) => one === key)?.[1]);
  }
}

function* pairs(reads: Reads = []): Iterable<[Collection<unknown>, KeySet]> {
  for (let at = 0; at < reads.length; at += 2) yield [reads[at] as Collection<unknown>, reads[at + 1] as KeySet];
}

function sameReads(a: Reads, b: Map<Collection<unknown>, KeySet>): boolean {
  if (a.length !== b.size * 2) return false;
  for (let at = 0; at < a.length; at += 2) {
    if (!sameSet(a[at + 1] as KeySet, b.get(a[at] as Collection<unknown>))) return false;
  }
  return true;
}

function sameKeys(a: Outputs<unknown>, b: Outputs<unknown>): boolean {
  return a.length === b.length && a.every(([key], at) => key === b[at]![0]);
}

/** More keys than this are compared with the help of a Map. */
const FEW = 8;

/** Of equal keys the last counts. */
function distinct<O>(outputs: Iterable<readonly [string, O]>): Outputs<O> {
  const list = Array.isArray(outputs) ? (outputs as Outputs<O>) : Array.from(outputs);
  if (list.length <= FEW && list.every(([key], at) => list.findIndex(([other]) => other === key) === at)) return list;
  return Array.from(new Map(list));
}
