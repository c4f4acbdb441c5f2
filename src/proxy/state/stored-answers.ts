/**
 * Answers of backends that are kept, by the user's policy that keeps them: in memory, a worker's own, each policy within
 * its own bound, and all of them within one. What was used least lately goes first.
 */
import type { CachePurge, CachePurged, PolicyPurge } from '../../config/index.ts';
import type { MetricsSnapshot } from '../../observe/index.ts';
import type { AnswerDisk } from '../disk/index.ts';
import { atOnce, inSlices } from '../ground/slice.ts';
import type { StoredAnswer } from './stored-answer.ts';

/** Bytes of all kept answers of a worker; above it the policy that has most gives up some. */
export const MAX_STORED_BYTES: number = 256 * 1024 * 1024;
/** Answers to one URL that differ by what Vary names; the oldest goes for the next. */
export const MAX_VARIANTS = 16;
/** URLs of one policy of which it is remembered that their answers are not to be kept. */
export const MAX_PASSES = 10_000;
/** What an answer costs besides its lines and body. */
const OVERHEAD = 512;

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

/**
 * Why one that waits for another's answer goes on: that is here, or is not to be kept; who asked `left` before, and somebody is to ask
 * in its place; or it takes `long`, and it is to ask as well. True: it asks now.
 */
export type GoOn = (why: 'answer' | 'left' | 'long') => boolean;

/** Who asks the backend on behalf of all that want the same, and who waits for that. */
export interface Fetch {
  /** One more asks. */
  asks(): void;
  wait(goOn: GoOn): void;
  /** One asks no more; `left`: it has no answer. True: those that wait are to be told. */
  ends(left: boolean): boolean;
  tell(why: 'answer' | 'left'): void;
}

/** An answer on its way from the backend, to be kept when it is here. */
export interface ComingAnswer extends StoredPlace {
  readonly key: string;
  /** What it is an answer to was purged meanwhile: it is not kept. */
  void: boolean;
}

export class AnswerStore {
  bytes = 0;
  evicted = 0;
  /** By key: who fetches it now. */
  readonly fetches: Map<string, Fetch> = new Map();
  readonly #entries = new Map<string, Entry>();
  /** Keys of entries by host and target: one for each route, scheme and header that is part of a key. */
  readonly #places = new Map<string, Set<string>>();
  readonly #underway = new Map<string, Set<ComingAnswer>>();
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
  put({ key, host, target }: ComingAnswer, answer: StoredAnswer, most: number): void {
    const entry = this.#entries.get(key) ?? { host, target, variants: [], bytes: 0 };
    const others = entry.variants.filter((one) => !sameVariant(one, answer));
    this.remove(key);
    const variants = [...others, answer].slice(-MAX_VARIANTS);
    const bytes = variants.reduce((sum, one) => sum + sizeOf(one), key.length);
    if (bytes > most) return;
    this.#entries.set(key, { host, target, variants, bytes });
    addTo(this.#places, nameOf({ host, target }), key);
    this.bytes += bytes;
    this.#passes.delete(key);
    while (this.bytes > most) this.dropOldest();
  }

  remove(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#entries.delete(key);
    takeFrom(this.#places, nameOf(entry), key);
    this.bytes -= entry.bytes;
  }

  /** Where it is still this one that is kept. */
  drop(key: string, answer: StoredAnswer): void {
    const entry = this.#entries.get(key);
    if (entry?.variants.length === 1 && entry.variants[0] === answer) this.remove(key);
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

  /** Somebody asks the backend for it. */
  begin(underway: ComingAnswer): void {
    addTo(this.#underway, nameOf(underway), underway);
  }

  /** It was put, or will not be. */
  end(underway: ComingAnswer): void {
    takeFrom(this.#underway, nameOf(underway), underway);
  }

  /** In small steps: there may be very many. */
  *purge(purge: CachePurge): Generator<void, CachePurged, void> {
    // Who comes from now on does not wait for what was asked before.
    if (!purge.dryRun) this.#void(purge);
    const purged = { urls: 0, bytes: 0 };
    for (const place of placesFor(purge, this.#places)) {
      if (isMeant(purge, place)) this.#purgePlace(place, purge, purged);
      yield;
    }
    return purged;
  }

  #purgePlace(place: string, { dryRun }: CachePurge, purged: CachePurged): void {
    purged.urls++;
    for (const key of this.#places.get(place) ?? NOTHING) {
      purged.bytes += this.#entries.get(key)!.bytes;
      if (!dryRun) this.remove(key);
    }
  }

  #void(purge: CachePurge): void {
    for (const place of placesFor(purge, this.#underway)) {
      if (!isMeant(purge, place)) continue;
      for (const underway of this.#underway.get(place) ?? NOTHING) {
        underway.void = true;
        this.fetches.delete(underway.key);
      }
    }
  }
}

/** Names of places among which those are that it is about; none that come meanwhile. */
function* placesFor({ host, target, prefix }: CachePurge, places: ReadonlyMap<string, unknown>): Generator<string> {
  if (host !== undefined && target !== undefined && !prefix) {
    const name = nameOf({ host, target });
    if (places.has(name)) yield name;
    return;
  }
  let left = places.size;
  for (const name of places.keys()) {
    if (left-- === 0) return;
    yield name;
  }
}

function isMeant({ host, target, prefix }: CachePurge, place: string): boolean {
  if (host === undefined) return true;
  if (target === undefined) return place.startsWith(`${host} `);
  const wanted = nameOf({ host, target });
  return prefix ? place.startsWith(wanted) : place === wanted;
}

const NOTHING: ReadonlySet<never> = new Set();
const NONE: readonly StoredAnswer[] = [];

export class AnswerStores {
  readonly #stores = new Map<string, AnswerStore>();
  /** By policy: ids of the purges that stand on it and are done. */
  readonly #done = new Map<string, ReadonlySet<string>>();
  /** Where more of them are, for all workers; null: nowhere. */
  readonly disk: AnswerDisk | null;
  /** Told of what other workers must forget, too. */
  onInvalidate: ((purge: CachePurge) => void) | null = null;
  #purged = 0;
  #invalidated = 0;

  constructor(disk: AnswerDisk | null = null) {
    this.disk = disk;
  }

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

  /**
   * Does what stands on a policy and is not done yet. A process that starts has nothing in memory; what was asked of the one before
   * it is known by the disk.
   */
  *obey(policy: string, purges: readonly PolicyPurge[]): Generator<void, void, void> {
    const done = this.#done.get(policy);
    const isAsked = (id: string): boolean => done?.has(id) === true;
    for (const { id, ...place } of purges) if (!isAsked(id)) yield* this.#purgeMemory({ policy, ...place });
    this.disk?.obey(policy, purges, isAsked);
    this.#done.set(policy, new Set(purges.map(({ id }) => id)));
  }

  keepOnly(isServed: (source: string) => boolean): void {
    for (const source of this.#done.keys()) if (!isServed(source)) this.#done.delete(source);
    for (const source of this.#stores.keys()) {
      if (isServed(source)) continue;
      this.#stores.delete(source);
      void this.disk?.purge({ policy: source }).catch(() => {});
    }
  }

  async purge(purge: CachePurge): Promise<CachePurged> {
    const purged = await inSlices(this.#purgeMemory(purge));
    return this.disk === null ? purged : { ...purged, disk: await this.disk.purge(purge) };
  }

  *#purgeMemory(purge: CachePurge): Generator<void, CachePurged, void> {
    const sum = { urls: 0, bytes: 0 };
    for (const [source, store] of this.#stores) {
      if (purge.policy !== undefined && purge.policy !== source) continue;
      const { urls, bytes } = yield* store.purge(purge);
      sum.urls += urls;
      sum.bytes += bytes;
    }
    if (purge.byRequest) this.#invalidated += sum.urls;
    else if (!purge.dryRun) this.#purged += sum.urls;
    return sum;
  }

  /** What a request changed is no more what it was, here and for other workers. */
  invalidate(policy: string, { host, target }: StoredPlace): void {
    const purge: CachePurge = { policy, host, target, byRequest: true };
    atOnce(this.#purgeMemory(purge));
    void this.disk?.purge(purge).catch(() => {});
    this.onInvalidate?.(purge);
  }

  metrics(): MetricsSnapshot {
    const series = (read: (store: AnswerStore) => number) =>
      Array.from(this.#stores, ([policy, store]) => ({ labels: { policy }, value: read(store) }));
    return [
      ...(this.disk?.metrics() ?? []),
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
      {
        name: 'daemun_cache_purged_total',
        help: 'URLs that were forgotten before their time, of all workers: by purge, as the admin API was asked, or by a request that changed them',
        type: 'counter',
        series: [
          { labels: { by: 'purge' }, value: this.#purged },
          { labels: { by: 'request' }, value: this.#invalidated },
        ],
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

/** No host has a space. */
function nameOf({ host, target }: StoredPlace): string {
  return `${host} ${target}`;
}

function addTo<T>(sets: Map<string, Set<T>>, name: string, one: T): void {
  const set = sets.get(name);
  if (set === undefined) sets.set(name, new Set([one]));
  else set.add(one);
}

function takeFrom<T>(sets: Map<string, Set<T>>, name: string, one: T): void {
  const set = sets.get(name);
  set?.delete(one);
  if (set?.size === 0) sets.delete(name);
}
