/**
 * Whether a worker still answers. One that is in an endless loop, or stopped, takes connections that nobody serves: it is
 * told of, and replaced. Only its own time counts: in which it was ready and had no processor, waited for a disk, or in
 * which its parent itself stood still, it could not have answered, and is not ended for it.
 */
import { readdirSync, readFileSync } from 'node:fs';

/** Milliseconds between two questions to a worker. */
export const WATCH_INTERVAL = 1_000;
/** Milliseconds of its own time without an answer after which it is told of, and counts as not ready. */
export const SILENT_AFTER = 5_000;
/** And after which it is ended, and started anew. */
export const FROZEN_AFTER = 20_000;

const NANOSECONDS_OF_MILLISECOND = 1e6;

/** Undefined: the system does not tell. */
export type ReadWait = () => { waited: number; blocked: boolean } | undefined;

export interface WatchEvents {
  ask(): void;
  /** It has not answered for so many milliseconds. */
  onSilent(milliseconds: number): void;
  /** It answers again. */
  onAgain(): void;
  onFrozen(milliseconds: number): void;
}

export interface WatchTimes {
  interval?: number;
  silent?: number;
  frozen?: number;
  /** What the clock says at its beginning. */
  now?: number;
}

export class WorkerWatch {
  isSilent = false;
  readonly #events: WatchEvents;
  readonly #wait: ReadWait;
  readonly #times: Required<Omit<WatchTimes, 'now'>>;
  readonly #timer: NodeJS.Timeout;
  #asked = false;
  #silence = 0;
  #at: number;
  #waited = 0;
  /** As often as the system told how long it waited, up to now. */
  #isMeasured = false;

  constructor(events: WatchEvents, wait: ReadWait, times: WatchTimes = {}) {
    const { interval = WATCH_INTERVAL, silent = SILENT_AFTER, frozen = FROZEN_AFTER, now = performance.now() } = times;
    this.#events = events;
    this.#wait = wait;
    this.#times = { interval, silent, frozen };
    this.#at = now;
    this.#timer = setInterval(() => this.look(performance.now()), interval);
    this.#timer.unref();
  }

  /** Anything came from it. */
  heard(): void {
    this.#asked = false;
    this.#silence = 0;
    if (!this.isSilent) return;
    this.isSilent = false;
    this.#events.onAgain();
  }

  look(now: number): void {
    const own = this.#ownSince(now);
    if (!this.#asked) {
      this.#asked = true;
      return this.#events.ask();
    }
    this.#silence = Math.max(0, this.#silence + own);
    const { silent, frozen } = this.#times;
    if (this.#silence >= silent && !this.isSilent) {
      this.isSilent = true;
      this.#events.onSilent(this.#silence);
    }
    // Where nobody says how long it waited, it may be the machine.
    if (this.#silence < frozen || !this.#isMeasured) return;
    this.stop();
    this.#events.onFrozen(this.#silence);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /**
   * A parent that comes late counts no more than two looks: it may have stood still together with its workers. Below 0 where
   * it is known only now how long it waited: the system says so when the wait is over.
   */
  #ownSince(now: number): number {
    const elapsed = Math.min(now - this.#at, 2 * this.#times.interval);
    this.#at = now;
    const wait = this.#wait();
    this.#isMeasured = wait !== undefined;
    if (wait === undefined) return elapsed;
    const waited = wait.waited - this.#waited;
    this.#waited = wait.waited;
    return wait.blocked ? 0 : elapsed - Math.max(0, waited);
  }
}

/** Of all threads of a process: how long they were ready without a processor, and whether the first waits for a disk. */
export function waitOf(pid: number): ReturnType<ReadWait> {
  try {
    let [ran, waited] = [0, 0];
    for (const task of readdirSync(`/proc/${pid}/task`)) {
      const [own = '', late = ''] = readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ');
      ran += Number(own);
      waited += Number(late);
    }
    if (!(ran > 0)) return undefined;
    // Behind the name, which may hold anything.
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const state = stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3);
    return { waited: waited / NANOSECONDS_OF_MILLISECOND, blocked: state === 'D' };
  } catch {
    return undefined;
  }
}
