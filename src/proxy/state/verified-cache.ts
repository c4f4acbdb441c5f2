/**
 * What has been found sound once, so that it need not be found again: as much as there is room for. What was not asked for
 * during two generations is forgotten.
 */

/** Most bytes of keys that are kept, for all policies of a worker. */
export const VERIFIED_BYTES: number = 16 * 1024 * 1024;
/** What stands around a key: entry, value, and what the value holds of its own is charged to whoever adds it. */
const OVERHEAD = 256;

export class VerifiedCache<T> {
  readonly #most: number;
  #young = new Map<string, T>();
  #old: ReadonlyMap<string, T> = new Map();
  #bytes = 0;

  constructor(most: number = VERIFIED_BYTES) {
    this.#most = most / 2;
  }

  get(key: string): T | undefined {
    const found = this.#young.get(key);
    if (found !== undefined) return found;
    const kept = this.#old.get(key);
    if (kept !== undefined) this.set(key, kept);
    return kept;
  }

  set(key: string, value: T): void {
    this.#bytes += key.length * 2 + OVERHEAD;
    if (this.#bytes > this.#most) {
      this.#old = this.#young;
      this.#young = new Map();
      this.#bytes = key.length * 2 + OVERHEAD;
    }
    this.#young.set(key, value);
  }

  get size(): number {
    return this.#young.size + this.#old.size;
  }
}
