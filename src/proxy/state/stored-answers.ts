/**
 * Answers of backends that are kept, by the user's policy that keeps them: in memory, a worker's own, each policy within
 * its own bound, and all of them within one. What was used least lately goes first.
 */
import type { MetricsSnapshot } from '../../observe/index.ts';

/** Bytes of all kept answers of a worker; above it the policy that has most gives up some. */
export const MAX_STORED_BYTES: number = 256 * 1024 * 1024;
/** Answers to one URL that differ by what Vary names; the oldest goes for the next. */
export const MAX_VARIANTS = 16;
/** URLs of one policy of which it is remembered that their answers are not to be kept. */
export const MAX_PASSES = 10_000;
/** What an answer costs besides its lines and body. */
const OVERHEAD = 512;

export interface StoredAnswer {
  readonly status: number;
  /** It may be given to those of whom it is known who they are, too (RFC 9111 3.5). */
  readonly shared: boolean;
  /** Each with CRLF; without Content-Length and Age. */
  readonly lines: string;
  readonly body: Buffer;
  /** Names that Vary has, lower case, and what the request said: '' for nothing. */
  readonly vary: ReadonlyArray<readonly [name: string, value: string]>;
  readonly etag: string | undefined;
  readonly lastModified: string | undefined;
  /** Seconds that it was old when it came, and when that was. */
  readonly age: number;
  readonly storedAt: number;
  /** Milliseconds of the same clock. */
  readonly freshUntil: number;
  readonly whileRevalidatedUntil: number;
  readonly ifErrorUntil: number;
  /** Header lines of the request and the answer that it came by, for when it is asked about again. */
  readonly origin: { readonly request: Record<string, string>; readonly response: Record<string, string> };
}

/** Where an answer belongs, as purges name it. */
export interface StoredPlace {
  /** Lower case, with a port that is not the scheme's. */
  readonly host: string;
  /** Path and query. */
  readonly target: string;
}

interface Entry extends StoredPlace {
  variants: StoredAnswer[];
  bytes: number;
}

/** Who asks the backend on behalf of all that want the same. */
export interface Fetch {
  readonly waiting: Array<() => void>;
}

export interface Purge {
  /** `ResponsePolicy/namespace/name`; absent: of all. */
  readonly policy?: string | undefined;
  readonly host?: string | undefined;
  /** The path and query, or with `prefix` how the path begins. */
  readonly target?: string | undefined;
  readonly prefix?: boolean | undefined;
}

export class AnswerStore {
  bytes = 0;
  evicted = 0;
  /** By key: who fetches it now. */
  readonly fetches: Map<string, Fetch> = new Map();
  readonly #entries = new Map<string, Entry>();
  /** Until when answers to a URL are not waited for: they are not to be kept. */
  readonly #passes = new Map<string, number>();

  get size(): number {
    return this.#entries.size;
  }

  /** What is kept under this key, as what was used last. */
  variants(key: string): readonly StoredAnswer[] {
    const entry = this.#entries.get(key);
    if (entry === undefined) return NONE;
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    return entry.variants;
  }

  /** `most`: bytes that this policy may hold. */
  put(key: string, answer: StoredAnswer, { place, most }: { place: StoredPlace; most: number }): void {
    const entry = this.#entries.get(key) ?? { ...place, variants: [], bytes: 0 };
    const others = entry.variants.filter((one) => !sameVariant(one, answer));
    this.remove(key);
    const variants = [...others, answer].slice(-MAX_VARIANTS);
    const bytes = variants.reduce((sum, one) => sum + sizeOf(one), key.length);
    if (bytes > most) return;
    this.#entries.set(key, { ...place, variants, bytes });
    this.bytes += bytes;
    this.#passes.delete(key);
    while (this.bytes > most) this.dropOldest();
  }

  remove(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#entries.delete(key);
    this.bytes -= entry.bytes;
  }

  dropOldest(): void {
    const [key] = this.#entries.keys();
    if (key === undefined) return;
    this.remove(key);
    this.evicted++;
  }

  isPassed(key: string, now: number): boolean {
    return (this.#passes.get(key) ?? 0) > now;
  }

  pass(key: string, until: number): void {
    if (this.#passes.size >= MAX_PASSES) this.#passes.clear();
    this.#passes.set(key, until);
  }

  /** How many URLs it forgot. */
  purge(purge: Purge): number {
    let count = 0;
    for (const [key, entry] of this.#entries) {
      if (!isPurged(entry, purge)) continue;
      this.remove(key);
      count++;
    }
    return count;
  }
}

const NONE: readonly StoredAnswer[] = [];

export class AnswerStores {
  readonly #stores = new Map<string, AnswerStore>();

  /** Of a user's policy: what it keeps outlives edits. */
  of(source: string): AnswerStore {
    let store = this.#stores.get(source);
    if (store === undefined) this.#stores.set(source, (store = new AnswerStore()));
    return store;
  }

  /** Called after something was put. */
  bound(): void {
    for (let total = this.#total(); total > MAX_STORED_BYTES; total = this.#total()) {
      const largest = [...this.#stores.values()].reduce((one, other) => (other.bytes > one.bytes ? other : one));
      largest.dropOldest();
    }
  }

  keepOnly(isServed: (source: string) => boolean): void {
    for (const source of this.#stores.keys()) if (!isServed(source)) this.#stores.delete(source);
  }

  /** How many URLs were forgotten. */
  purge(purge: Purge): number {
    let count = 0;
    for (const [source, store] of this.#stores) {
      if (purge.policy === undefined || purge.policy === source) count += store.purge(purge);
    }
    return count;
  }

  metrics(): MetricsSnapshot {
    const series = (read: (store: AnswerStore) => number) =>
      Array.from(this.#stores, ([policy, store]) => ({ labels: { policy }, value: read(store) }));
    return [
      {
        name: 'daemun_cache_bytes',
        help: 'Bytes of answers of backends that are kept, of all workers',
        type: 'gauge',
        series: series(({ bytes }) => bytes),
      },
      {
        name: 'daemun_cache_urls',
        help: 'URLs whose answers are kept, of all workers',
        type: 'gauge',
        series: series(({ size }) => size),
      },
      {
        name: 'daemun_cache_evictions_total',
        help: 'URLs whose answers made room for others',
        type: 'counter',
        series: series(({ evicted }) => evicted),
      },
    ];
  }

  #total(): number {
    let total = 0;
    for (const { bytes } of this.#stores.values()) total += bytes;
    return total;
  }
}

function sizeOf({ lines, body, origin }: StoredAnswer): number {
  return lines.length * 2 + body.length + JSON.stringify(origin).length + OVERHEAD;
}

function sameVariant({ vary: one }: StoredAnswer, { vary: other }: StoredAnswer): boolean {
  return (
    one.length === other.length && one.every(([name, value], at) => other[at]![0] === name && other[at]![1] === value)
  );
}

function isPurged({ host, target }: StoredPlace, purge: Purge): boolean {
  if (purge.host !== undefined && purge.host !== host) return false;
  if (purge.target === undefined) return true;
  if (!purge.prefix) return target === purge.target;
  return target.startsWith(purge.target);
}
