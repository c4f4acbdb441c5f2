/** How long numbers and words of statuses wait for more of them (`status-detail.ts`): longer where many objects' do. */

export interface DetailTimes {
  /** Milliseconds without a change after which numbers and words alone are written. */
  quiet: number;
  /** Milliseconds after which they are, however much changes. */
  most: number;
}

/** Routes come by the dozen to a listener, each of which changes a number: that is one write, and not a dozen. */
export const DETAIL_TIMES: DetailTimes = { quiet: 1000, most: 5000 };
/**
 * Objects whose details wait at once for the times above. Where twice as many do, each waits twice as long: an API server of
 * which much is asked answers late, so that the dozen comes slowly, and would be many writes at the worst time for them.
 */
export const DETAIL_CROWD = 4;
/** So many times as long do numbers and words of a status wait at most. */
export const MOST_CROWDED = 6;

interface Wait {
  readonly since: number;
  /** When it changed last. */
  changed: number;
  timer: NodeJS.Timeout | undefined;
  isOver: boolean;
}

export class DetailWaits {
  readonly #times: DetailTimes;
  readonly #onOver: (key: string) => void;
  readonly #waits = new Map<string, Wait>();

  /** `onOver`: told of each whose wait is over and has not been ended. */
  constructor(times: DetailTimes, onOver: (key: string) => void) {
    this.#times = times;
    this.#onOver = onOver;
  }

  /** A detail has changed and waits until nothing has for a moment; false: it has waited. */
  holds(key: string): boolean {
    const now = performance.now();
    let wait = this.#waits.get(key);
    if (wait === undefined)
      this.#waits.set(key, (wait = { since: now, changed: now, timer: undefined, isOver: false }));
    wait.changed = now;
    this.#goOn(key, wait);
    return !wait.isOver;
  }

  end(key: string): void {
    clearTimeout(this.#waits.get(key)?.timer);
    this.#waits.delete(key);
  }

  #goOn(key: string, wait: Wait): void {
    clearTimeout(wait.timer);
    const { quiet, most } = this.#times;
    const times = Math.min(Math.max(this.#waits.size / DETAIL_CROWD, 1), MOST_CROWDED);
    const left = Math.min(wait.changed + quiet * times, wait.since + most * times) - performance.now();
    wait.isOver ||= left <= 0;
    if (wait.isOver) return;
    // Others may have come to wait meanwhile, or none be left.
    const look = (): void => {
      this.#goOn(key, wait);
      if (wait.isOver) this.#onOver(key);
    };
    wait.timer = setTimeout(look, left).unref();
  }
}
