import type { Change, Collection } from './collection.ts';
import { followedBy } from './followed-changes.ts';
import { Node, nodeOf } from './node.ts';

/** The groups that an object is in. */
export type KeysOf<V> = (value: V, key: string) => Iterable<string>;

/** What all that group the objects of a collection share: which group changes, and by which objects. */
export abstract class Grouping<V, G> extends Node<G> {
  protected override readonly kind = 'index';
  protected readonly input: Collection<V>;
  readonly #keysOf: KeysOf<V>;
  #received: ReadonlyArray<Change<V>> = [];

  constructor(name: string, input: Collection<V>, keysOf: KeysOf<V>) {
    super(name);
    this.#keysOf = keysOf;
    this.input = input;
    nodeOf(input).attach(this);
  }

  receive(_from: Collection<unknown>, changes: ReadonlyArray<Change<unknown>>): void {
    this.#received = followedBy(this.#received, changes as ReadonlyArray<Change<V>>);
  }

  override sources(): Iterable<Node<unknown>> {
    return [nodeOf(this.input) as Node<unknown>];
  }

  protected override inputs(): string[] {
    return [this.input.name];
  }

  /** Takes in all that is there; to be called by who extends this, once it is whole. */
  protected fill(): void {
    this.#received = Array.from(this.input.entries(), ([key, after]) => ({ key, after }));
    this.work();
    this.forgetChanges();
  }

  protected override work(): unknown[] {
    const moves = new Map<string, Moves>();
    for (const { key, before, after } of this.#received) {
      const old = before === undefined ? [] : Array.from(new Set(this.#keysOf(before, key)));
      const now = after === undefined ? [] : Array.from(new Set(this.#keysOf(after, key)));
      for (const group of old) if (!now.includes(group)) movesOf(moves, group).gone.push(key);
      for (const group of now) {
        const { come } = movesOf(moves, group);
        if (!old.includes(group)) come.push(key);
      }
    }
    this.#received = [];
    for (const [group, { come, gone }] of moves) this.regroup(group, come, gone);
    return [];
  }

  /** Objects come and go, or some that stay have changed. */
  protected abstract regroup(group: string, come: readonly string[], gone: readonly string[]): void;
}

interface Moves {
  come: string[];
  gone: string[];
}

function movesOf(moves: Map<string, Moves>, group: string): Moves {
  let found = moves.get(group);
  if (found === undefined) moves.set(group, (found = { come: [], gone: [] }));
  return found;
}
