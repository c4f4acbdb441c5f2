/** How much somebody may ask for in a while: so much at once, and so much again each second. */
export interface AllowanceSize {
  /** That it holds at most, and at the beginning. */
  most: number;
  perSecond: number;
}

export class Allowance {
  readonly #size: AllowanceSize;
  readonly #now: () => number;
  #left: number;
  #at: number;

  /** `now`: milliseconds. */
  constructor(size: AllowanceSize, now: () => number = () => performance.now()) {
    this.#size = size;
    this.#now = now;
    this.#left = size.most;
    this.#at = now();
  }

  get left(): number {
    const now = this.#now();
    const { most, perSecond } = this.#size;
    this.#left = Math.min(most, this.#left + ((now - this.#at) / 1000) * perSecond);
    this.#at = now;
    return this.#left;
  }

  /** False: there is not as much left, and none of it is taken. */
  take(count = 1): boolean {
    if (this.left < count) return false;
    this.#left -= count;
    return true;
  }

  give(count = 1): void {
    this.#left = Math.min(this.#size.most, this.left + count);
  }

  /** Nothing is left, and so much is missing. */
  owe(count: number): void {
    this.#left = Math.min(0, this.left) - count;
  }
}

/** Allowances by name, each made when it is first asked for; what was asked for longest ago is forgotten first. */
export class AllowanceBook {
  readonly #size: AllowanceSize;
  readonly #most: number;
  readonly #now: (() => number) | undefined;
  readonly #allowances = new Map<string, Allowance>();

  /** `most`: names that are remembered. `now`: milliseconds. */
  constructor(size: AllowanceSize, most: number, now?: () => number) {
    this.#size = size;
    this.#most = most;
    this.#now = now;
  }

  of(name: string): Allowance {
    const found = this.#allowances.get(name) ?? new Allowance(this.#size, this.#now);
    this.#allowances.delete(name);
    this.#allowances.set(name, found);
    if (this.#allowances.size > this.#most) this.#allowances.delete(this.#allowances.keys().next().value!);
    return found;
  }

  /** Undefined: it was not asked for, or is forgotten. */
  known(name: string): Allowance | undefined {
    return this.#allowances.get(name);
  }
}
