/**
 * Who has one of so many places, where some hold theirs for long: a tenant takes no more of them than he leaves free, and a
 * line of his a quarter of that, so that whoever comes finds one. Lines that held theirs long take no more than leaves some
 * to the others of their tenant. Of those that wait, who has had least of the places' time is next.
 */
import { FairTurns, type Waiter } from './fair-turns.ts';

/** Milliseconds: who held a place for longer the last time comes behind those of his tenant who did not. */
export const LONG_HOLD: number = 500;
/** Lines that are remembered for having held a place long; the first are forgotten. */
export const MAX_SLOW_LINES: number = 8_192;

interface Held {
  places: number;
  /** Of those, by lines that held theirs long. */
  slow: number;
  readonly byLine: Map<string, number>;
}

export interface FairPlacesOptions {
  all: number;
  /** Of one line, at most. */
  ofLine: number;
  /** Asked before each place that is given; when it may again, `go` is called. */
  mayBegin?: () => boolean;
  /** Most that wait: above it the last of those of whom most wait has no turn. */
  waiting?: number;
}

interface Asked {
  begin(): void;
  refuse(): void;
}

export class FairPlaces {
  readonly #options: FairPlacesOptions;
  readonly #turns = new FairTurns<Asked>();
  readonly #held = new Map<string, Held>();
  readonly #slow = new Set<string>();
  #taken = 0;

  constructor(options: FairPlacesOptions) {
    this.#options = options;
  }

  /** `begin` is called now or later, and `done` is owed for it; or `refuse`, where there are too many. */
  ask(waiter: Waiter, begin: () => void, refuse: () => void = () => {}): void {
    const { waiting = Infinity } = this.#options;
    this.#turns.add(waiter, { begin, refuse });
    this.go();
    if (this.#turns.size > waiting) this.#turns.shed()?.refuse();
  }

  /** After so many milliseconds. */
  done(waiter: Waiter, milliseconds: number): void {
    const { tenant, line } = waiter;
    this.#turns.spend(waiter, milliseconds);
    const held = this.#held.get(tenant)!;
    const name = nameOf(waiter);
    const [before, isSlow] = [held.byLine.get(line)!, milliseconds > LONG_HOLD];
    if (this.#slow.delete(name)) held.slow -= before;
    if (isSlow) {
      held.slow += before - 1;
      this.#slow.add(name);
      if (this.#slow.size > MAX_SLOW_LINES) this.#forget();
    }
    if (before > 1) held.byLine.set(line, before - 1);
    else held.byLine.delete(line);
    this.#taken--;
    if (--held.places === 0) this.#held.delete(tenant);
    this.go();
  }

  go(): void {
    while (this.#turns.size > 0 && this.#taken < this.#options.all) {
      if (this.#options.mayBegin?.() === false) return;
      const next = this.#turns.next(this);
      if (next === undefined) return;
      this.#take(next.waiter);
      next.one.begin();
    }
  }

  #take(waiter: Waiter): void {
    const { tenant, line } = waiter;
    let held = this.#held.get(tenant);
    if (held === undefined) this.#held.set(tenant, (held = { places: 0, slow: 0, byLine: new Map() }));
    held.places++;
    if (this.#slow.has(nameOf(waiter))) held.slow++;
    held.byLine.set(line, (held.byLine.get(line) ?? 0) + 1);
    this.#taken++;
  }

  /** One that holds no place: what is counted of places stays right. */
  #forget(): void {
    for (const name of this.#slow) {
      const [tenant, line] = JSON.parse(name) as [string, string];
      if (this.#held.get(tenant)?.byLine.has(line)) continue;
      this.#slow.delete(name);
      return;
    }
  }

  // ── asked by the turns

  mayTenant(tenant: string): boolean {
    return this.#roomOf(tenant) > 0;
  }

  mayLine(waiter: Waiter): boolean {
    const held = this.#held.get(waiter.tenant);
    if (held === undefined) return true;
    const places = held.byLine.get(waiter.line) ?? 0;
    const room = this.#roomOf(waiter.tenant);
    if (places >= this.#options.ofLine || 4 * places >= room) return false;
    return held.slow < 3 * room || !this.#slow.has(nameOf(waiter));
  }

  #roomOf(tenant: string): number {
    return this.#options.all - this.#taken - (this.#held.get(tenant)?.places ?? 0);
  }
}

function nameOf({ tenant, line }: Waiter): string {
  return JSON.stringify([tenant, line]);
}
