import type { Collection } from './collection.ts';
import { Grouping, type KeysOf } from './grouping.ts';
import { addKeys, dropKeys } from './sorted-keys.ts';

export interface HeadsOptions<V> {
  keysOf: KeysOf<V>;
  /** Objects of a group that are shown. */
  most: number;
}

/** The first objects of each group of an index, for readers who need no more: one that comes later changes nothing for them. */
export function heads<V>(name: string, input: Collection<V>, options: HeadsOptions<V>): Collection<ReadonlyArray<V>> {
  return new Heads(name, input, options);
}

class Heads<V> extends Grouping<V, ReadonlyArray<V>> {
  readonly #most: number;
  /** Keys of each group's objects, sorted. */
  readonly #members = new Map<string, string[]>();

  constructor(name: string, input: Collection<V>, { keysOf, most }: HeadsOptions<V>) {
    super(name, input, keysOf);
    this.#most = most;
    this.fill();
  }

  override close(): void {
    super.close();
    this.#members.clear();
  }

  protected regroup(group: string, come: readonly string[], gone: readonly string[]): void {
    const members = addKeys(dropKeys(this.#members.get(group) ?? [], gone), come);
    if (members.length === 0) this.#members.delete(group);
    else this.#members.set(group, members);
    const shown = members.slice(0, this.#most).map((key) => this.input.get(key)!);
    this.put(group, shown.length === 0 ? undefined : shown);
  }
}

/** How many objects each group of an index has. */
export function counts<V>(name: string, input: Collection<V>, keysOf: KeysOf<V>): Collection<number> {
  return new Counts(name, input, keysOf);
}

class Counts<V> extends Grouping<V, number> {
  constructor(name: string, input: Collection<V>, keysOf: KeysOf<V>) {
    super(name, input, keysOf);
    this.fill();
  }

  protected regroup(group: string, come: readonly string[], gone: readonly string[]): void {
    this.put(group, (this.get(group) ?? 0) + come.length - gone.length || undefined);
  }
}
