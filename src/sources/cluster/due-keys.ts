/** Keys that wait equally long, the first to be due first, with one timer for all of them. */

export class DueKeys {
  readonly #wait: number;
  readonly #onDue: () => void;
  readonly #due = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;
  #isTaking = false;

  /** `wait`: milliseconds. `onDue`: takes those that are due. */
  constructor(wait: number, onDue: () => void) {
    this.#wait = wait;
    this.#onDue = onDue;
  }

  /** One that waits goes on waiting. */
  add(key: string): void {
    if (!this.#due.has(key)) this.#due.set(key, performance.now() + this.#wait);
    this.#arm();
  }

  delete(key: string): void {
    this.#due.delete(key);
  }

  clear(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#due.clear();
  }

  /** Those that are due, each as it is taken; the taker may wait between two. `all`: whether they are due or not. */
  *taken(all = false): Generator<string> {
    const now = all ? Number.POSITIVE_INFINITY : performance.now();
    this.#isTaking = true;
    try {
      for (const [key, due] of this.#due) {
        if (due > now) break;
        this.#due.delete(key);
        yield key;
      }
    } finally {
      this.#isTaking = false;
      this.#arm();
    }
  }

  #arm(): void {
    const [first] = this.#due.values();
    if (first === undefined || this.#isTaking) return;
    this.#timer ??= setTimeout(
      () => {
        this.#timer = undefined;
        this.#onDue();
      },
      Math.max(0, first - performance.now()),
    ).unref();
  }
}
