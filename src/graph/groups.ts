import type { Change, Collection } from './collection.ts';
import { Node, nodeOf } from './node.ts';

/** Objects of a collection under every key that `keysOf` gives them; a group's objects are in the order of their keys. */
export type Index<V> = Collection<ReadonlyArray<V>>;

/** An index is a collection of groups, so it can be fetched from, derived from and subscribed to like any other. */
export function index<V>(
  name: string,
  input: Collection<V>,
  keysOf: (value: V, key: string) => Iterable<string>,
): Index<V> {
  return new Groups(name, input, keysOf);
}

class Groups<V> extends Node<ReadonlyArray<V>> {
  protected override readonly kind = 'index';
  readonly #input: Collection<V>;
  readonly #keysOf: (value: V, key: string) => Iterable<string>;
  /** Member keys of each group, sorted, beside the values that `get` answers. */
  readonly #members = new Map<string, string[]>();
  #received: ReadonlyArray<Change<V>> = [];

  constructor(name: string, input: Collection<V>, keysOf: (value: V, key: string) => Iterable<string>) {
    super(name);
    this.#keysOf = keysOf;
    this.#input = input;
    nodeOf(input).attach(this);
    this.#received = Array.from(input.entries(), ([key, after]) => ({ key, after }));
    this.work();
    this.forgetChanges();
  }

  receive(_from: Collection<unknown>, changes: ReadonlyArray<Change<unknown>>): void {
    this.#received = changes as ReadonlyArray<Change<V>>;
  }

  override sources(): Iterable<Node<unknown>> {
    return [nodeOf(this.#input) as Node<unknown>];
  }

  override close(): void {
    super.close();
    this.#members.clear();
  }

  protected override inputs(): string[] {
    return [this.#input.name];
  }

  protected override work(): unknown[] {
    /** Groups touched by this batch, copied once: a group that was handed out never changes. */
    const touched = new Map<string, V[]>();
    for (const { key, before, after } of this.#received) {
      const old = before === undefined ? new Set<string>() : new Set(this.#keysOf(before, key));
      const now = after === undefined ? new Set<string>() : new Set(this.#keysOf(after, key));
      for (const group of old) if (!now.has(group)) this.#drop(touched, group, key);
      for (const group of now) this.#set(touched, group, { key, value: after as V });
    }
    this.#received = [];
    for (const [group, values] of touched) {
      if (values.length === 0) this.#members.delete(group);
      this.put(group, values.length === 0 ? undefined : trimmed(values));
    }
    return [];
  }

  #touch(touched: Map<string, V[]>, group: string): V[] {
    let values = touched.get(group);
    if (values === undefined) touched.set(group, (values = Array.from(this.get(group) ?? [])));
    return values;
  }

  #set(touched: Map<string, V[]>, group: string, member: { key: string; value: V }): void {
    const values = this.#touch(touched, group);
    const keys = this.#members.get(group);
    if (keys === undefined) {
      this.#members.set(group, [member.key]);
      values.push(member.value);
      return;
    }
    const at = place(keys, member.key);
    const present = keys[at] === member.key;
    if (!present) keys.splice(at, 0, member.key);
    values.splice(at, present ? 1 : 0, member.value);
  }

  #drop(touched: Map<string, V[]>, group: string, key: string): void {
    const values = this.#touch(touched, group);
    const keys = this.#members.get(group)!;
    const at = place(keys, key);
    keys.splice(at, 1);
    values.splice(at, 1);
  }
}

/** An array that grew has room for 16 more, which is most of what a small group weighs. */
function trimmed<V>(values: V[]): V[] {
  return values.length <= SMALL ? values.slice() : values;
}

/** Members up to which a group is copied once more, to its size. */
const SMALL = 8;

/** Where `key` is in the sorted `keys`, or belongs. */
function place(keys: readonly string[], key: string): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (keys[middle]! < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
