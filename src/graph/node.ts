import assert from 'node:assert/strict';
import type { Change, Collection } from './collection.ts';
import { equal } from './equal.ts';
import { type CollectionKind, type CollectionRead, type CollectionView, enlist } from './scope.ts';
import { enqueue, nextOrder, type Settling } from './settle.ts';

/** A node that reads another and is told what changed there. Of the groups of an index it is told the keys alone. */
export interface Dependent extends Settling {
  receive(from: Collection<unknown>, changes: ReadonlyArray<Change<unknown>>): void;
}

/** What all collections share: the objects held, who depends on them, and what changed in this batch. */
export abstract class Node<V> implements Collection<V>, Settling {
  readonly name: string;
  readonly order: number = nextOrder();
  readonly #held = new Map<string, V>();
  /** Values before this batch, by the keys touched in it. */
  readonly #before = new Map<string, V | undefined>();
  /** Of those, the keys that were put more than once: only they can be back at their old value. */
  readonly #again = new Set<string>();
  readonly #dependents = new Set<Dependent>();
  readonly #subscribers = new Set<(changes: ReadonlyArray<Change<V>>) => void>();
  #closed = false;

  constructor(name: string) {
    this.name = name;
    enlist(this);
  }

  get size(): number {
    return this.#held.size;
  }

  get(key: string): V | undefined {
    return this.#held.get(key);
  }

  values(): IterableIterator<V> {
    return this.#held.values();
  }

  entries(): IterableIterator<[string, V]> {
    return this.#held.entries();
  }

  subscribe(onBatch: (changes: ReadonlyArray<Change<V>>) => void): () => void {
    const own = (changes: ReadonlyArray<Change<V>>): void => onBatch(changes);
    this.#subscribers.add(own);
    return () => {
      this.#subscribers.delete(own);
    };
  }

  /** Changes of this node reach `dependent`, whose number must be higher. */
  attach(dependent: Dependent): void {
    assert(this.order < dependent.order, `${this.name} was made after a collection that reads it`);
    assert(!this.#closed, `${this.name} is closed`);
    this.#dependents.add(dependent);
  }

  detach(dependent: Dependent): void {
    this.#dependents.delete(dependent);
  }

  /** Follows no change any more, and lets go of what it holds. Nobody may read it then. */
  close(): void {
    if (this.#closed) return;
    assert(this.#dependents.size === 0, `${this.name} is read by another collection`);
    this.#closed = true;
    for (const node of this.sources()) node.detach(this as unknown as Dependent);
    this.#subscribers.clear();
    this.#held.clear();
    this.forgetChanges();
  }

  /** Every node that this one is attached to. */
  sources(): Iterable<Node<unknown>> {
    return [];
  }

  view(): CollectionView {
    return { name: this.name, kind: this.kind, size: this.size, inputs: this.inputs(), reads: this.reads() };
  }

  protected abstract readonly kind: CollectionKind;

  /** Names of the collections whose every change this one takes in. */
  protected inputs(): string[] {
    return [];
  }

  protected reads(): CollectionRead[] {
    return [];
  }

  settle(): ReadonlyArray<() => void> {
    if (this.#closed) return [];
    const failures = this.work().map((error) => () => raise(error));
    if (this.hasMore) {
      enqueue(this);
      return failures;
    }
    const changes = this.#takeChanges();
    if (changes.length > 0) {
      for (const dependent of this.#dependents) {
        dependent.receive(this, changes);
        enqueue(dependent);
      }
    }
    const told = changes.length === 0 || !this.isObserved ? [] : this.told(changes);
    const calls = told.length === 0 ? [] : Array.from(this.#subscribers, (call) => () => this.#call(call, told));
    return [...calls, ...failures];
  }

  /** The turn was over before all that was received had been taken in: there is more to do. */
  protected hasMore = false;

  /** Somebody subscribes to it. */
  protected get isObserved(): boolean {
    return this.#subscribers.size > 0;
  }

  /** Changes as subscribers are told of them. */
  protected told(changes: ReadonlyArray<Change<V>>): ReadonlyArray<Change<V>> {
    return changes;
  }

  /** Takes in what was received, with `put`; answers the errors of derivations. */
  protected work(): unknown[] {
    return [];
  }

  /** Sets or removes (undefined) one object; an equal object leaves the old one, and no change. */
  protected put(key: string, value: V | undefined): void {
    const held = this.#held.get(key);
    if (equal(held, value)) return;
    if (this.#before.has(key)) this.#again.add(key);
    else this.#before.set(key, held);
    if (value === undefined) this.#held.delete(key);
    else this.#held.set(key, value);
  }

  /** After the first fill nobody can have seen an earlier state. */
  protected forgetChanges(): void {
    this.#before.clear();
    this.#again.clear();
  }

  #takeChanges(): Array<Change<V>> {
    const changes: Array<Change<V>> = [];
    for (const [key, before] of this.#before) {
      const after = this.#held.get(key);
      if (!this.#again.has(key) || !equal(before, after)) changes.push({ key, before, after });
    }
    this.forgetChanges();
    return changes;
  }

  #call(subscriber: (changes: ReadonlyArray<Change<V>>) => void, changes: ReadonlyArray<Change<V>>): void {
    if (this.#subscribers.has(subscriber)) subscriber(changes);
  }
}

function raise(error: unknown): never {
  throw error;
}

/** The node behind a collection: all collections of this folder are nodes. */
export function nodeOf<V>(collection: Collection<V>): Node<V> {
  assert(collection instanceof Node, `${collection.name} is no collection of this graph`);
  return collection as Node<V>;
}
