/** A change of one object in a collection. `before` is absent for an addition, `after` for a removal. */
export interface Change<V> {
  key: string;
  before?: V;
  after?: V;
}

/** A named set of objects by key that tells its listeners what changed, a batch at a time. */
export interface Collection<V> {
  readonly name: string;
  get(key: string): V | undefined;
  values(): IterableIterator<V>;
  entries(): IterableIterator<[string, V]>;
  readonly size: number;
  /** Calls back after each batch; the answer ends the subscription. */
  subscribe(onBatch: (changes: ReadonlyArray<Change<V>>) => void): () => void;
}
