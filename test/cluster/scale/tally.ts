/** What was measured, what failed, and how both are shown. */

/** So many failures are shown of each kind. */
const SHOWN = 5;

export interface Figure {
  part: string;
  name: string;
  value: string;
  goal: string;
}

export class Tally {
  readonly #began = performance.now();
  readonly #figures: Figure[] = [];
  readonly #failures: string[] = [];

  get failed(): number {
    return this.#failures.length;
  }

  /** What goes on, for who waits. */
  progress(text: string): void {
    console.log(`${((performance.now() - this.#began) / 1000).toFixed(0).padStart(5)} s  ${text}`);
  }

  figure(part: string, name: string, value: string, goal = ''): void {
    this.#figures.push({ part, name, value, goal });
    this.progress(`${part}: ${name} ${value}`);
  }

  fail(what: string): void {
    this.#failures.push(what);
    if (this.#failures.length <= SHOWN) this.progress(`FAILED ${what}`);
  }

  /** A table as Markdown has it, and what failed. */
  report(): string {
    const rows = this.#figures.map(({ part, name, value, goal }) => `| ${part} | ${name} | ${value} | ${goal} |`);
    const failures = this.#failures.slice(0, SHOWN).map((what) => `failed: ${what}`);
    const more = this.failed - failures.length;
    return [
      '| part | what | figure | goal |',
      '|---|---|---|---|',
      ...rows,
      '',
      ...failures,
      ...(more > 0 ? [`and ${more} failures more`] : []),
    ].join('\n');
  }
}

/** The value that so large a share of the values does not exceed. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]!;
}
