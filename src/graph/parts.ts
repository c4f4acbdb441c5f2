import type { Change, Collection } from './collection.ts';
import { followedBy } from './followed-changes.ts';
import { Node, nodeOf } from './node.ts';

export interface PartsOptions<I, P, O> {
  of(value: I): ReadonlyArray<P>;
  /** What a part of `whole` gives, under a key that no part of another object gives. Of `whole` nothing else may count. */
  output(part: P, key: string, whole: I): readonly [string, O];
}

/**
 * What the parts of each object give. Of an object that changes only those parts are looked at that are not the very ones
 * of before: whoever hands out long lists that change a little keeps what has not changed.
 */
export function parts<I, P, O>(name: string, input: Collection<I>, options: PartsOptions<I, P, O>): Collection<O> {
  return new Parts(name, input, options);
}

class Parts<I, P, O> extends Node<O> {
  protected override readonly kind = 'derived';
  readonly #input: Collection<I>;
  readonly #options: PartsOptions<I, P, O>;
  #received: ReadonlyArray<Change<I>> = [];

  constructor(name: string, input: Collection<I>, options: PartsOptions<I, P, O>) {
    super(name);
    this.#input = input;
    this.#options = options;
    nodeOf(input).attach(this);
    this.#received = Array.from(input.entries(), ([key, after]) => ({ key, after }));
    this.work();
    this.forgetChanges();
  }

  receive(_from: Collection<unknown>, changes: ReadonlyArray<Change<unknown>>): void {
    this.#received = followedBy(this.#received, changes as ReadonlyArray<Change<I>>);
  }

  override sources(): Iterable<Node<unknown>> {
    return [nodeOf(this.#input) as Node<unknown>];
  }

  protected override inputs(): string[] {
    return [this.#input.name];
  }

  protected override work(): unknown[] {
    for (const change of this.#received) this.#change(change);
    this.#received = [];
    return [];
  }

  #change({ key, before, after }: Change<I>): void {
    const { of, output } = this.#options;
    const [were, are] = [before, after].map((whole) => (whole === undefined ? [] : of(whole))) as [P[], P[]];
    if (were === are) return;
    const old = new Set(were);
    const come = are.filter((part) => !old.delete(part));
    const gone = new Set(Array.from(old, (part) => output(part, key, before!)[0]));
    for (const part of come) {
      const [at, value] = output(part, key, after!);
      gone.delete(at);
      this.put(at, value);
    }
    for (const at of gone) this.put(at, undefined);
  }
}
