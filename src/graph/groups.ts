import type { Change, Collection } from './collection.ts';
import { Grouping, type KeysOf } from './grouping.ts';
import { addKeys, dropKeys } from './sorted-keys.ts';

/** Objects of a collection under every key that `keysOf` gives them; a group's objects are in the order of their keys. */
export type Index<V> = Collection<ReadonlyArray<V>>;

/** An index is a collection of groups, so it can be fetched from, derived from and subscribed to like any other. */
export function index<V>(name: string, input: Collection<V>, keysOf: KeysOf<V>): Index<V> {
  return new Groups(name, input, keysOf);
}

/** Objects from which on a group's array is made when somebody reads it: no change copies a group that nobody asks for. */
export const LARGE_GROUP = 64;

/** One form of a large group, which no other one is equal to. */
class LargeGroup<V> {
  readonly #read: () => V[];
  #values: ReadonlyArray<V> | undefined;

  constructor(read: () => V[]) {
    this.#read = read;
  }

  /** What was read stays as it is when the group changes. */
  get values(): ReadonlyArray<V> {
    this.#values ??= this.#read();
    return this.#values;
  }
}

type Group<V> = ReadonlyArray<V>;

class Groups<V> extends Grouping<V, Group<V>> {
  /** Keys of each group's objects, sorted. */
  readonly #members = new Map<string, string[]>();

  constructor(name: string, input: Collection<V>, keysOf: KeysOf<V>) {
    super(name, input, keysOf);
    this.fill();
  }

  override get(key: string): Group<V> | undefined {
    return shown(super.get(key));
  }

  override *values(): IterableIterator<Group<V>> {
    for (const held of super.values()) yield shown(held)!;
  }

  override *entries(): IterableIterator<[string, Group<V>]> {
    for (const [key, held] of super.entries()) yield [key, shown(held)!];
  }

  override close(): void {
    super.close();
    this.#members.clear();
  }

  protected override told(changes: ReadonlyArray<Change<Group<V>>>): ReadonlyArray<Change<Group<V>>> {
    return changes.map(({ key, before, after }) => ({ key, before: shown(before), after: shown(after) }));
  }

  protected regroup(group: string, come: readonly string[], gone: readonly string[]): void {
    // Subscribers are told what was there before.
    if (this.isObserved) this.get(group);
    const members = addKeys(dropKeys(this.#members.get(group) ?? [], gone), come);
    if (members.length === 0) this.#members.delete(group);
    else this.#members.set(group, members);
    const read = (): V[] => members.map((key) => this.input.get(key)!);
    if (members.length === 0) this.put(group, undefined);
    else if (members.length < LARGE_GROUP) this.put(group, read());
    else this.put(group, new LargeGroup(read) as unknown as Group<V>);
  }
}

function shown<V>(held: Group<V> | undefined): Group<V> | undefined {
  return held instanceof LargeGroup ? (held as LargeGroup<V>).values : held;
}
