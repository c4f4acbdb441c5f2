/** One request that asks a backend for all that want the same, and those that wait for its answer. */
import type { Fetch, GoOn } from '../../state/index.ts';

/** Milliseconds that others wait for an answer; then one of them asks as well, as that one may hang. */
export const COLLAPSE_TIMEOUT = 5_000;
/** Milliseconds after which twice as many ask, as long as there is none. */
export const COLLAPSE_STEP = 500;
/** But no more than these in a step: a backend that is slow is not to have all of them at once. */
export const MAX_COLLAPSE_STEP = 32;
/** Milliseconds in all after which one that still waits asks the backend itself, as it would do without a cache. */
export const MAX_COLLAPSE_WAIT = 30_000;

export class CollapsedFetch implements Fetch {
  #waiting: GoOn[] = [];
  #asking = 0;
  #step = 0;
  #timer: NodeJS.Timeout | undefined;

  asks(): void {
    this.#asking++;
  }

  wait(goOn: GoOn): void {
    this.#waiting.push(goOn);
    this.#timer ??= setTimeout(() => this.#goSome(), this.#step === 0 ? COLLAPSE_TIMEOUT : COLLAPSE_STEP);
  }

  #goSome(): void {
    this.#timer = undefined;
    this.#step = Math.min(MAX_COLLAPSE_STEP, this.#step * 2 || 1);
    const waiting = this.#waiting;
    let at = 0;
    for (let left = this.#step; left > 0 && at < waiting.length; ) if (waiting[at++]!('long')) left--;
    this.#waiting = waiting.slice(at);
    if (this.#waiting.length > 0) this.#timer = setTimeout(() => this.#goSome(), COLLAPSE_STEP);
  }

  /** Others that ask may still have an answer. */
  ends(left: boolean): boolean {
    this.#asking--;
    return !left || this.#asking === 0;
  }

  tell(why: 'answer' | 'left'): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const goOn of waiting) goOn(why);
  }
}
