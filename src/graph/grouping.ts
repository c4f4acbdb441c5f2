import type { Change, Collection } from './collection.ts';
import { followedBy } from './followed-changes.ts';
import { Node, nodeOf } from './node.ts';
import { isTurnOver } from './settle.ts';

/** The groups that an object is in. */
export type KeysOf<V> = (value: V, key: string) => Iterable<string>;

/** What all that group the objects of a collection share: which group changes, and by which objects. */
export abstract class Grouping<V, G> extends Node<G> {
  protected override readonly kind = 'index';
  protected readonly input: Collection<V>;
  readonly #keysOf: KeysOf<V>;
  /** What came since the round that is under way began. */
  #received: ReadonlyArray<Change<V>> = [];
  #round: Round<V> | undefined;

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
    do this.work();
    while (this.hasMore);
    this.forgetChanges();
  }

  protected override work(): unknown[] {
    this.#round ??= this.#begun();
    const isDone = this.#goOn(this.#round);
    if (isDone) this.#round = undefined;
    this.hasMore = !isDone || this.#received.length > 0;
    return [];
  }

  /** A group is touched once a round, however many of its objects change: what comes meanwhile is a round of its own. */
  #begun(): Round<V> {
    const changes = this.#received;
    this.#received = [];
    return { changes, at: 0, moves: new Map() };
  }

  /** False: the turn is over before all is done. */
  #goOn(round: Round<V>): boolean {
    const { changes, moves } = round;
    while (round.at < changes.length) {
      this.#look(changes[round.at++]!, moves);
      if (isTurnOver()) return false;
    }
    for (const [group, { come, gone }] of moves) {
      moves.delete(group);
      this.regroup(group, come, gone);
      if (isTurnOver()) break;
    }
    return moves.size === 0;
  }

  #look({ key, before, after }: Change<V>, moves: Map<string, Moves>): void {
    const old = before === undefined ? [] : Array.from(new Set(this.#keysOf(before, key)));
    const now = after === undefined ? [] : Array.from(new Set(this.#keysOf(after, key)));
    for (const group of old) if (!now.includes(group)) movesOf(moves, group).gone.push(key);
    for (const group of now) {
      const { come } = movesOf(moves, group);
      if (!old.includes(group)) come.push(key);
    }
  }

  /** Objects come and go, or some that stay have changed. */
  protected abstract regroup(group: string, come: readonly string[], gone: readonly string[]): void;
}

/** Changes that are taken in together. */
interface Round<V> {
  readonly changes: ReadonlyArray<Change<V>>;
  /** The next to be looked at. */
  at: number;
  /** By group, those that are still to be made. */
  readonly moves: Map<string, Moves>;
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
