/** What is said of listeners over a connection: all of them once, and from then on what has changed. */
import { isDeepStrictEqual } from 'node:util';
import type { Ack, ListenerState } from '../../config/index.ts';
import type { StreamAck } from './message.ts';
import { sizeOfListener } from './remembered.ts';

/** Listeners of one data plane that are remembered: one that speaks of more is not what it seems. */
export const MAX_LISTENERS = 100_000;

type Told = Pick<StreamAck, 'listeners' | 'changed' | 'gone'>;

export class ListenerBook {
  readonly #states = new Map<string, ListenerState>();
  #all: Ack['listeners'] = [];
  #size = 0;

  /** Characters, about. */
  get size(): number {
    return this.#size;
  }

  /** The same list, and in the next one the same states, for as long as nothing changes. */
  get all(): Ack['listeners'] {
    return this.#all;
  }

  /** Takes in what the other side says. */
  take({ listeners, changed = [], gone = [] }: Told): void {
    if (listeners !== undefined) this.note(listeners);
    if (changed.length === 0 && gone.length === 0) return;
    // One that is said anew keeps its place in the list.
    for (const one of changed) {
      this.#size += sizeOfListener(one) - this.#sizeOf(one.key);
      this.#states.set(one.key, one);
    }
    for (const key of gone) {
      this.#size -= this.#sizeOf(key);
      this.#states.delete(key);
    }
    if (this.#states.size > MAX_LISTENERS) throw new RangeError(`it speaks of more than ${MAX_LISTENERS} listeners`);
    this.#all = [...this.#states.values()];
  }

  #sizeOf(key: string): number {
    const known = this.#states.get(key);
    return known === undefined ? 0 : sizeOfListener(known);
  }

  /** Takes in all that there are now; what of it is to be said to one that knows what there was. */
  note(listeners: Ack['listeners']): Told {
    if (listeners === this.#all) return {};
    const keys = new Set(listeners.map(({ key }) => key));
    const gone = [...this.#states.keys()].filter((key) => !keys.has(key));
    const changed = listeners.filter((one) => !isDeepStrictEqual(this.#states.get(one.key), one));
    this.take({ changed, gone });
    return { ...(changed.length > 0 && { changed }), ...(gone.length > 0 && { gone }) };
  }
}
