/** What came of the exchanges and edits of a soak. */
import { percentile } from '../../bench/statistics.ts';

export interface Count {
  done: number;
  failed: number;
  /** Milliseconds of each that was done. */
  times: number[];
}

export interface Failure {
  name: string;
  message: string;
  /** Seconds since the soak began. */
  at: number;
  /** What was edited last, and how many milliseconds before. */
  after: string;
}

/** Failures of a name that are told one by one; all are counted. */
const TOLD = 5;

export class Tally {
  readonly exchanges = new Map<string, Count>();
  readonly edits = new Map<string, Count>();
  readonly failures: Failure[] = [];
  failed = 0;
  readonly #began = performance.now();
  #edit = { name: 'no edit', at: this.#began };
  readonly #underWay = new Set<Promise<boolean>>();

  /** Counts what `work` comes to; false where it failed. */
  async exchange(name: string, work: () => Promise<void>): Promise<boolean> {
    return await this.#count(this.exchanges, name, work);
  }

  async edit(name: string, work: () => Promise<void>): Promise<void> {
    this.#edit = { name, at: performance.now() };
    await this.#count(this.edits, name, work);
  }

  /** Something that goes on while others do; `settled` waits for it. */
  meanwhile(name: string, work: () => Promise<void>): void {
    const counted = this.exchange(name, work);
    this.#underWay.add(counted);
    void counted.then(() => this.#underWay.delete(counted));
  }

  async settled(): Promise<void> {
    await Promise.all(this.#underWay);
  }

  /** Not of an exchange or an edit. */
  fail(name: string, message: string): void {
    const now = performance.now();
    this.failed++;
    if (this.failures.filter((one) => one.name === name).length >= TOLD) return;
    const after = `${this.#edit.name}, ${Math.round(now - this.#edit.at)} ms before`;
    this.failures.push({ name, message, at: (now - this.#began) / 1000, after });
  }

  async #count(counts: Map<string, Count>, name: string, work: () => Promise<void>): Promise<boolean> {
    let count = counts.get(name);
    if (count === undefined) counts.set(name, (count = { done: 0, failed: 0, times: [] }));
    const began = performance.now();
    try {
      await work();
      count.done++;
      count.times.push(performance.now() - began);
      return true;
    } catch (error) {
      count.failed++;
      this.fail(name, error instanceof Error ? error.message : String(error));
      return false;
    }
  }
}

/** The middle one, the 99th of a hundred, and the longest, in milliseconds. */
export function spreadOf({ times }: Count): string[] {
  if (times.length === 0) return ['', '', ''];
  const sorted = Float64Array.from(times);
  return [percentile(sorted, 0.5), percentile(sorted, 0.99), Math.max(...times)].map((ms) =>
    ms < 10 ? ms.toFixed(1) : String(Math.round(ms)),
  );
}
