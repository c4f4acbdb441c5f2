/** Maps that are never changed, and the next one of each, at the cost of what differs and not of all that is in it. */

/** Entries that differ from the map below before both are merged; maps that hold no more than this are copied whole. */
export const MAX_ABOVE = 128;

interface Entry<V> {
  /** Undefined: what is below is gone. */
  value: V | undefined;
  /** After all that is below, also where something is there under its key. */
  late: boolean;
}

type Above<V> = ReadonlyMap<string, Entry<V>>;

/** A map, and what is different in this one. Its order is that of a Map in which the same was done. */
class LayeredMap<V> implements ReadonlyMap<string, V> {
  readonly size: number;
  readonly below: ReadonlyMap<string, V>;
  readonly above: Above<V>;

  constructor(below: ReadonlyMap<string, V>, above: Above<V>, size: number) {
    this.below = below;
    this.above = above;
    this.size = size;
  }

  get(key: string): V | undefined {
    const entry = this.above.get(key);
    return entry === undefined ? this.below.get(key) : entry.value;
  }

  has(key: string): boolean {
    return this.get(key) !== undefined;
  }

  *entries(): MapIterator<[string, V]> {
    for (const pair of this.below) {
      const entry = this.above.get(pair[0]);
      if (entry === undefined) yield pair;
      else if (!entry.late && entry.value !== undefined) yield [pair[0], entry.value];
    }
    for (const [key, { value, late }] of this.above) if (late && value !== undefined) yield [key, value];
  }

  [Symbol.iterator](): MapIterator<[string, V]> {
    return this.entries();
  }

  *keys(): MapIterator<string> {
    for (const [key] of this.entries()) yield key;
  }

  *values(): MapIterator<V> {
    for (const [, value] of this.entries()) yield value;
  }

  forEach(call: (value: V, key: string, map: ReadonlyMap<string, V>) => void): void {
    for (const [key, value] of this.entries()) call(value, key, this);
  }
}

/** The next one of a map, as long as it may be changed. Values are never undefined. */
export class MapDraft<V> {
  /** All of it, where it is not in layers. */
  #whole: Map<string, V> | undefined;
  #below: ReadonlyMap<string, V>;
  #above = new Map<string, Entry<V>>();
  #size: number;

  constructor(from: ReadonlyMap<string, V>) {
    this.#below = from;
    this.#size = from.size;
    if (from.size <= MAX_ABOVE) this.#whole = new Map(from);
    else if (from instanceof LayeredMap) {
      this.#below = from.below;
      this.#above = new Map(from.above);
    }
  }

  set(key: string, value: V): void {
    if (this.#whole !== undefined) {
      this.#whole.set(key, value);
      return;
    }
    const entry = this.#above.get(key);
    const here = entry === undefined ? this.#below.has(key) : entry.value !== undefined;
    // As in a Map, what comes again after it was gone comes last.
    if (!here) this.#above.delete(key);
    this.#above.set(key, { value, late: here ? (entry?.late ?? false) : true });
    this.#size += here ? 0 : 1;
    this.#merge();
  }

  delete(key: string): void {
    if (this.#whole !== undefined) {
      this.#whole.delete(key);
      return;
    }
    const entry = this.#above.get(key);
    const below = this.#below.has(key);
    if (entry === undefined ? !below : entry.value === undefined) return;
    if (below) this.#above.set(key, { value: undefined, late: false });
    else this.#above.delete(key);
    this.#size--;
    this.#merge();
  }

  /** Not to be changed from here on. */
  finished(): ReadonlyMap<string, V> {
    return this.#whole ?? new LayeredMap(this.#below, this.#above, this.#size);
  }

  #merge(): void {
    if (this.#above.size <= MAX_ABOVE) return;
    this.#whole = new Map(new LayeredMap(this.#below, this.#above, this.#size));
  }
}
