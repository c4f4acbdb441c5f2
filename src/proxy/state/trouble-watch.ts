/**
 * What goes wrong at endpoints while requests come in, told to control: when it begins, once a minute while it goes on,
 * and when it is over. Nothing here is touched by what goes well.
 */
import type { Trouble } from '../../config/index.ts';

/** Milliseconds from the first failure until it is told: many come at once. */
export const TROUBLE_DELAY = 1_000;
/** Milliseconds until the same is told again, with how often it was. */
export const TROUBLE_INTERVAL = 60_000;
/** Most that are told at once; the next are told after another TROUBLE_DELAY. */
export const MAX_TROUBLES = 100;

interface Entry {
  readonly about: Pick<Trouble, 'key' | 'endpoint'>;
  what: Trouble['what'];
  detail: string | undefined;
  /** Since it was told last. */
  count: number;
  /** Undefined: never. */
  toldAt: number | undefined;
  /** It went well since, which is told once. */
  over: boolean;
  toldOver: boolean;
}

export class TroubleWatch {
  readonly #entries = new Map<string, Entry>();
  readonly #tell: (troubles: Trouble[]) => void;
  #timer: NodeJS.Timeout | undefined;
  #dueAt = Number.POSITIVE_INFINITY;

  constructor(tell: (troubles: Trouble[]) => void) {
    this.#tell = tell;
  }

  failed(about: Pick<Trouble, 'key' | 'endpoint'>, what: Trouble['what'], detail?: string): void {
    const id = `${about.key} ${about.endpoint}`;
    let entry = this.#entries.get(id);
    if (entry === undefined) {
      entry = { about, what, detail, count: 0, toldAt: undefined, over: false, toldOver: false };
      this.#entries.set(id, entry);
    }
    entry.what = what;
    entry.detail = detail;
    entry.count++;
    entry.over = entry.toldOver = false;
    this.#wake(dueAt(entry, performance.now()));
  }

  /** What failed goes well again. */
  over({ key, endpoint }: Pick<Trouble, 'key' | 'endpoint'>): void {
    const entry = this.#entries.get(`${key} ${endpoint}`);
    if (entry === undefined || entry.over) return;
    entry.over = true;
    this.#wake(performance.now() + TROUBLE_DELAY);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#entries.clear();
  }

  #wake(at: number): void {
    if (at >= this.#dueAt) return;
    this.#dueAt = at;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#look(), Math.max(TROUBLE_DELAY, at - performance.now()));
    this.#timer.unref();
  }

  #look(): void {
    const now = performance.now();
    const told: Trouble[] = [];
    let next = Number.POSITIVE_INFINITY;
    for (const [id, entry] of this.#entries) {
      if (told.length < MAX_TROUBLES) {
        const trouble = this.#taken(entry, now);
        if (trouble !== undefined) told.push(trouble);
        else if (isForgotten(entry, now)) this.#entries.delete(id);
      }
      next = Math.min(next, dueAt(entry, now));
    }
    this.#dueAt = Number.POSITIVE_INFINITY;
    if (this.#entries.size > 0) this.#wake(next);
    if (told.length > 0) this.#tell(told);
  }

  /** What is to be told of it now, if anything. */
  #taken(entry: Entry, now: number): Trouble | undefined {
    const { about, what, detail, count } = entry;
    if (count > 0 && isDue(entry, now)) {
      entry.count = 0;
      entry.toldAt = now;
      return { ...about, what, ...(detail === undefined ? {} : { detail }), count };
    }
    const isQuiet = count === 0 && isDue(entry, now);
    if (entry.toldAt === undefined || entry.toldOver || !(entry.over || isQuiet)) return undefined;
    entry.toldOver = true;
    return { ...about, what, count: 0 };
  }
}

function isDue({ toldAt }: Entry, now: number): boolean {
  return toldAt === undefined || now - toldAt >= TROUBLE_INTERVAL;
}

/** Nothing happened for as long as anything is told once. */
function isForgotten(entry: Entry, now: number): boolean {
  return entry.count === 0 && entry.toldOver && isDue(entry, now);
}

function dueAt({ toldAt, over, toldOver }: Entry, now: number): number {
  if (toldAt === undefined || (over && !toldOver)) return now + TROUBLE_DELAY;
  return Math.max(now + TROUBLE_DELAY, toldAt + TROUBLE_INTERVAL);
}
