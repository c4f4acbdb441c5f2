/**
 * Fires once after a burst of calls: when it has been quiet for `quiet` milliseconds, or `patience` milliseconds
 * after the first call of the burst, whichever comes first.
 */
export class Debounce {
  readonly #quiet: number;
  readonly #patience: number;
  readonly #fire: () => void;
  #timer: NodeJS.Timeout | undefined;
  #deadline = 0;

  constructor({ quiet, patience, fire }: { quiet: number; patience: number; fire: () => void }) {
    this.#quiet = quiet;
    this.#patience = patience;
    this.#fire = fire;
  }

  call(): void {
    const now = performance.now();
    if (this.#timer === undefined) this.#deadline = now + this.#patience;
    clearTimeout(this.#timer);
    const wait = Math.max(0, Math.min(this.#quiet, this.#deadline - now));
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#fire();
    }, wait);
  }

  cancel(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
