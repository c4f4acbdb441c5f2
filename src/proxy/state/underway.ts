/** How many requests are under way by key of a limit of them. A key that has none is not there. */
export interface Underway {
  /** One more, where there are fewer than `most`; false: there are as many. */
  take(key: UnderwayKey, most: number): boolean;
  /** One less of those that were taken. */
  giveBack(key: UnderwayKey): void;
}

/** The two halves of its hash name it. */
export interface UnderwayKey {
  readonly a: number;
  readonly b: number;
  /** Whose limit counts it. */
  readonly owner: number;
}

export class MemoryUnderway implements Underway {
  readonly #counts = new Map<number, number>();

  get size(): number {
    return this.#counts.size;
  }

  count(of: UnderwayKey): number {
    return this.#counts.get(keyOf(of)) ?? 0;
  }

  take(of: UnderwayKey, most: number): boolean {
    const key = keyOf(of);
    const count = this.#counts.get(key) ?? 0;
    if (count >= most) return false;
    this.#counts.set(key, count + 1);
    return true;
  }

  giveBack(of: UnderwayKey): void {
    const key = keyOf(of);
    const count = this.#counts.get(key) ?? 0;
    if (count <= 1) this.#counts.delete(key);
    else this.#counts.set(key, count - 1);
  }
}

/** As much of the hash as a number holds exactly: 53 bits. */
function keyOf({ a, b }: UnderwayKey): number {
  return (a & 0x1fffff) * 0x1_0000_0000 + b;
}
