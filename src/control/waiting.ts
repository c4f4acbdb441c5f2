/** Those who wait until something holds, or until their patience is over. */
interface Waiter {
  holds(): boolean;
  done(): void;
}

export class Waiting {
  readonly #waiters = new Set<Waiter>();

  /** `patience`: in milliseconds. */
  async until(holds: () => boolean, patience: number): Promise<void> {
    if (holds()) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, patience);
    const waiter: Waiter = { holds, done: resolve };
    this.#waiters.add(waiter);
    await promise;
    clearTimeout(timer);
    this.#waiters.delete(waiter);
  }

  /** Something has changed. */
  look(): void {
    for (const { holds, done } of this.#waiters) if (holds()) done();
  }
}
