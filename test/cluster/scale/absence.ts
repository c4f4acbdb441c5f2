/** How long a process that measures was itself away: it did not run, or was at something else, so that what it saw late was not late. */
import { readFileSync } from 'node:fs';

/** Milliseconds between looks at the clock. */
const EVERY = 20;
/** Milliseconds by which a look is late that count: less is how timers are. */
const LATE = 50;

/** The part of the time for an answer for which who asks may have been away, and none that was seen is a failure. */
const AWAY = 0.1;

/** Milliseconds in which it could not look, and of those in which it was ready and had no processor. */
export interface Away {
  away: number;
  waited: number;
}

/** Nobody knows whether an answer would have come in time. */
export function mayHaveMissed({ away }: Away, timeout: number): boolean {
  return away >= timeout * AWAY;
}

export class Absence {
  readonly #timer: NodeJS.Timeout;
  #last = performance.now();
  #away = 0;
  #longest = 0;

  constructor() {
    this.#timer = setInterval(() => this.#look(), EVERY).unref();
  }

  /** Until now: what is under way counts, too. */
  get now(): Away {
    return { away: this.#away + this.#lateness(), waited: processorWait() };
  }

  get longest(): number {
    return Math.max(this.#longest, this.#lateness());
  }

  since(then: Away): Away {
    const { away, waited } = this.now;
    return { away: away - then.away, waited: waited - then.waited };
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    const late = this.#lateness();
    this.#away += late;
    this.#longest = Math.max(this.#longest, late);
    this.#last = performance.now();
  }

  #lateness(): number {
    const late = performance.now() - this.#last - EVERY;
    return late < LATE ? 0 : late;
  }
}

/** Of the thread that asks, where the machine says so; else 0. */
function processorWait(): number {
  try {
    return Number(readFileSync('/proc/thread-self/schedstat', 'utf8').split(' ')[1]) / 1e6;
  } catch {
    return 0;
  }
}
