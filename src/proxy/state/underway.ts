/** How many requests are under way by key of a limit of them. A key that has none is not there. */
export interface Underway {
  /** One more, where there are fewer than `most`; false: there are as many. The two halves of the key's hash name it. */
  take(a: number, b: number, most: number): boolean;
  /** One less of those that were taken. */
  giveBack(a: number, b: number): void;
}

export class MemoryUnderway implements Underway {
  readonly #counts = new Map<number, number>();

  get size(): number {
    return this.#counts.size;
  }

  count(a: number, b: number): number {
    return this.#counts.get(keyOf(a, b)) ?? 0;
  }

  take(a: number, b: number, most: number): boolean {
    const key = keyOf(a, b);
    const count = this.#counts.get(key) ?? 0;
    if (count >= most) return false;
    this.#counts.set(key, count + 1);
    return true;
  }

  giveBack(a: number, b: number): void {
    const key = keyOf(a, b);
    const count = this.#counts.get(key) ?? 0;
    if (count <= 1) this.#counts.delete(key);
    else this.#counts.set(key, count - 1);
  }
}

/** As much of the hash as a number holds exactly: 53 bits. */
function keyOf(a: number, b: number): number {
  return (a & 0x1fffff) * 0x1_0000_0000 + b;
}
