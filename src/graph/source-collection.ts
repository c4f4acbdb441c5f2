import { Node } from './node.ts';
import { batch, enqueue } from './settle.ts';

/** A collection that is filled from outside: where changes enter the graph. */
export class SourceCollection<V> extends Node<V> {
  protected override readonly kind = 'source';

  /**
   * Sets (or, without a value, removes) objects as one batch; returns when all that depends on them is computed and
   * subscribers were called. Inside `batch` it waits for the end of that. An equal object changes nothing.
   */
  apply(changes: Iterable<{ key: string; value?: V }>): void {
    batch(() => {
      for (const { key, value } of changes) this.put(key, value);
      enqueue(this);
    });
  }
}
