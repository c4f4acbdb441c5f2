/**
 * The writer of statuses to a cluster. What is wanted is kept by object; an object is due when what is wanted or what
 * is there changes. One that cannot be written waits for itself alone.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Kind } from '../api/index.ts';
import type { Log } from '../observe/index.ts';
import {
  type ApiClient,
  ApiError,
  type LiveStatus,
  type NameBook,
  type ObjectPlace,
  Pace,
  type PauseSpan,
  tryLater,
} from '../sources/cluster/index.ts';
import { isNewer } from '../value/resource-version.ts';
import { DETAIL_TIMES, type DetailTimes, DetailWaits } from './detail-wait.ts';
import { NearNames } from './near-names.ts';
import { differInDetail } from './status-detail.ts';
import { type Rank, StatusQueue } from './status-queue.ts';
import {
  appliedStatus,
  type EntryList,
  type Json,
  mergedEntries,
  unlisted,
  type WantedStatus,
} from './status-shape.ts';
import { TAKEOVER_PATIENCE, takesBack } from './takeover.ts';
import { UndeclaredFields } from './undeclared-fields.ts';

export interface WrittenStatus {
  kind: Kind;
  before: Json;
  after: Json;
}

export interface StatusReconcilerOptions {
  client: ApiClient;
  controllerNames: readonly string[];
  /** The newest that the watch has seen; undefined: the object is not there. */
  live(key: string): LiveStatus | undefined;
  place(kind: Kind, metadata: { namespace?: string; name: string }): ObjectPlace | undefined;
  log: Log;
  /** Told of each write that succeeded, with the status as it was and as it is. */
  onWrite?(key: string, change: WrittenStatus): void;
  now?: () => Date;
  /** What may have been meant by names that are not there; absent: nothing is said of it. */
  names?: { book: NameBook; secondLook?: number | undefined };
  /** Times of what may wait; absent: as below. */
  detail?: DetailTimes;
  /** After failures; absent: as below. */
  pauses?: PauseSpan;
  /** Milliseconds from the beginning of a lead, in which nothing that was programmed is taken back for want of word. */
  patience?: number;
}

/** Fields that are applied are owned under this name. */
export const FIELD_MANAGER = 'daemun';
/** Writes at once. An API server does 30 to 120 a second. */
export const WRITES_AT_ONCE = 8;
/** Milliseconds: pauses after a failed write are drawn from a span that doubles from the first to the second. */
const PAUSES: PauseSpan = { first: 100, longest: 30_000 };

const APPLIED: readonly Kind[] = ['GatewayClass', 'Gateway', 'ListenerSet'];
const LISTS: Readonly<Partial<Record<Kind, EntryList>>> = {
  HTTPRoute: 'parents',
  GRPCRoute: 'parents',
  TLSRoute: 'parents',
  TCPRoute: 'parents',
  UDPRoute: 'parents',
};

interface Due {
  failures: number;
  /** Since when something is to be written and is not. */
  since: number;
  /** Where it waits after a failure. */
  endWait: (() => void) | undefined;
  /** The watch lags behind what was there: the object is read anew before the next try. */
  stale: boolean;
  /** When something else was wanted while it was being written. */
  again: number | undefined;
}

export class StatusReconciler {
  readonly #options: StatusReconcilerOptions;
  readonly #controllers: ReadonlySet<string>;
  readonly #wanted = new Map<string, WantedStatus>();
  /** Objects whose entries of ours are to go. */
  readonly #given = new Map<string, WantedStatus>();
  readonly #due = new Map<string, Due>();
  readonly #ready = new StatusQueue();
  readonly #writing = new Set<string>();
  /** What a watch has not shown yet of our own writes, by key: the version that was answered. */
  readonly #written = new Map<string, LiveStatus>();
  /** Thousands are compared at a change of the lead, and most of them are as they should be. */
  readonly #undeclared = new UndeclaredFields();
  readonly #pace = new Pace();
  /** Entries of ours that a status has no room for, by key. */
  readonly #unlisted = new Map<string, number>();
  readonly #waits: DetailWaits;
  readonly #names: NearNames | undefined;
  /** What a resync has not come to yet. */
  #round: IterableIterator<string> = [].values();
  #isAsking = false;
  #leading = false;
  /** Set while what was programmed is not taken back. */
  #patience: NodeJS.Timeout | undefined;
  #idle: Array<() => void> = [];

  constructor(options: StatusReconcilerOptions) {
    this.#options = options;
    this.#controllers = new Set(options.controllerNames);
    this.#waits = new DetailWaits(options.detail ?? DETAIL_TIMES, (key) => this.#ask(key));
    const { names } = options;
    this.#names = names && new NearNames({ ...names, again: (key) => this.#ask(key) });
  }

  /** Only a leader writes. Losing the lead stops what has not been sent at once. */
  lead(leading: boolean): void {
    this.#leading = leading;
    clearTimeout(this.#patience);
    this.#patience = undefined;
    if (leading) {
      const over = (): void => {
        this.#patience = undefined;
        this.resync();
      };
      this.#patience = setTimeout(over, this.#options.patience ?? TAKEOVER_PATIENCE).unref();
      this.resync();
    } else for (const key of [...this.#due.keys()]) this.#drop(key);
  }

  write(changes: ReadonlyArray<{ key: string; after?: WantedStatus | undefined }>): void {
    for (const { key, after } of changes) {
      if (after !== undefined) this.#wanted.set(key, after);
      else {
        const before = this.#wanted.get(key);
        this.#wanted.delete(key);
        this.#names?.forget(key);
        if (before !== undefined && LISTS[before.kind] !== undefined) this.#given.set(key, before);
      }
      const due = this.#writing.has(key) ? this.#due.get(key) : undefined;
      if (due !== undefined) due.again ??= performance.now();
      this.#ask(key);
    }
  }

  /** What is there has changed, by us or by others. */
  seen(key: string): void {
    const written = this.#written.get(key);
    const live = this.#options.live(key);
    if (live === undefined || (written && !isNewer(written.resourceVersion, live.resourceVersion)))
      this.#written.delete(key);
    if (this.#wanted.has(key) || this.#given.has(key)) this.#ask(key);
  }

  /** Everything again: what was lost, whoever lost it, is found. */
  resync(): void {
    this.#undeclared.forget();
    this.#round = [...this.#wanted.keys(), ...this.#given.keys()].values();
    if (!this.#isAsking) void this.#askRound();
  }

  /** Thousands of them, in turns. */
  async #askRound(): Promise<void> {
    this.#isAsking = true;
    for (let next = this.#round.next(); !next.done; next = this.#round.next()) {
      this.#ask(next.value);
      if (this.#pace.isOver()) await this.#pace.next();
    }
    this.#isAsking = false;
    this.#rested();
  }

  /** Seconds that the oldest status which is not written yet has been due; 0: none. */
  get staleness(): number {
    let oldest = Number.POSITIVE_INFINITY;
    for (const { since } of this.#due.values()) oldest = Math.min(oldest, since);
    return this.#due.size === 0 ? 0 : (performance.now() - oldest) / 1000;
  }

  /** Fulfilled when nothing is due. */
  settled(): Promise<void> {
    return this.#isIdle ? Promise.resolve() : new Promise((resolve) => this.#idle.push(resolve));
  }

  get #isIdle(): boolean {
    return this.#due.size === 0 && !this.#isAsking;
  }

  #rested(): void {
    if (this.#isIdle) for (const resolve of this.#idle.splice(0)) resolve();
  }

  close(): void {
    this.#names?.close();
    this.lead(false);
  }

  #ask(key: string): void {
    if (!this.#leading) return;
    const known = this.#due.get(key);
    if (known === undefined) {
      const begun = { failures: 0, endWait: undefined, stale: false, again: undefined };
      this.#due.set(key, { ...begun, since: performance.now() });
    }
    // One that waits after a failure goes on waiting: a change of what is wanted does not make the server well.
    else if (known.endWait !== undefined) return;
    this.#ready.add(key, this.#rankOf(key));
    this.#next();
  }

  /** People and load balancers wait for a Gateway; for what is no longer ours nobody does. */
  #rankOf(key: string): Rank {
    const wanted = this.#wanted.get(key);
    if (wanted === undefined) return 2;
    return APPLIED.includes(wanted.kind) ? 0 : 1;
  }

  #next(): void {
    while (this.#writing.size < WRITES_AT_ONCE) {
      const key = this.#ready.take((one) => this.#writing.has(one));
      if (key === undefined) return;
      this.#writing.add(key);
      void this.#reconcile(key);
    }
  }

  async #reconcile(key: string): Promise<void> {
    try {
      const outcome = await this.#write(key);
      const due = this.#due.get(key);
      if (outcome === 'later' || due === undefined) return;
      this.#waits.end(key);
      if (!this.#ready.has(key)) return this.#drop(key);
      // What was wanted before has been written.
      due.since = due.again ?? performance.now();
      due.again = undefined;
    } catch (error) {
      this.#failed(key, error instanceof Error ? error : new Error(String(error)));
    } finally {
      this.#writing.delete(key);
      this.#next();
    }
  }

  async #write(key: string): Promise<'later' | undefined> {
    await this.#pace.breathe();
    const wanted = this.#worded(key) ?? this.#given.get(key);
    const place = wanted && this.#options.place(wanted.kind, wanted.metadata);
    if (wanted === undefined || place === undefined) return undefined;
    const live = await this.#newest(key, place);
    if (live === undefined) {
      this.#given.delete(key);
      return undefined;
    }
    // What comes to be known is asked again as it comes, and all that is left when the patience is over.
    if (this.#patience !== undefined && takesBack(live.status, wanted.status as Json)) return undefined;
    // The lead was lost meanwhile.
    if (!this.#due.has(key)) return undefined;
    const status = this.#statusOf(key, wanted, live);
    if (status !== undefined && differInDetail(live.status, status) && this.#waits.holds(key)) return 'later';
    const answer = status && (await this.#sent(key, wanted, { live, place, status }));
    if (!this.#wanted.has(key)) this.#given.delete(key);
    if (answer !== undefined) this.#note(key, wanted, { live, answer });
    return undefined;
  }

  #worded(key: string): WantedStatus | undefined {
    const wanted = this.#wanted.get(key);
    return wanted && this.#names ? { ...wanted, status: this.#names.completed(key, wanted) } : wanted;
  }

  #note(key: string, { kind }: WantedStatus, { live, answer }: { live: LiveStatus; answer: Answer }): void {
    const written = liveOf(answer);
    // A watch that was faster will not say it once more: nothing would end what is remembered.
    if (isNewer(written.resourceVersion, this.#options.live(key)?.resourceVersion)) this.#written.set(key, written);
    else this.#written.delete(key);
    this.#options.onWrite?.(key, { kind, before: live.status, after: written.status });
  }

  /** The watch's, or what our last write was answered with where the watch has not come to it yet. */
  async #newest(key: string, { path }: ObjectPlace): Promise<LiveStatus | undefined> {
    const due = this.#due.get(key);
    if (due?.stale) {
      due.stale = false;
      this.#written.set(key, liveOf(await this.#options.client.call<Answer>({ path })));
    }
    const live = this.#options.live(key);
    const written = this.#written.get(key);
    // A watch may be faster than an answer, and it may tell two changes as one.
    return live && written && isNewer(written.resourceVersion, live.resourceVersion) ? written : live;
  }

  /** What is to be written; undefined: it is there. */
  #statusOf(key: string, wanted: WantedStatus, live: LiveStatus): Json | undefined {
    const now = (this.#options.now?.() ?? new Date()).toISOString().replace(/\.\d+Z$/, 'Z');
    if (APPLIED.includes(wanted.kind))
      return appliedStatus(live.status, this.#undeclared.without(wanted.kind, wanted.status as Json), now);
    const list = LISTS[wanted.kind] ?? 'ancestors';
    const entries = this.#wanted.has(key) ? ((wanted.status as Json)[list] as []) : [];
    const before = (live.status[list] as []) ?? [];
    const wish = { list, entries, controllerNames: this.#controllers };
    this.#tellUnlisted(key, unlisted(before, wish));
    const merged = mergedEntries(before, { ...wish, now });
    return merged && { ...live.status, [list]: merged };
  }

  /** Once until it changes: where others fill the status, nothing of ours is there to say it. */
  #tellUnlisted(key: string, count: number): void {
    if (count === (this.#unlisted.get(key) ?? 0)) return;
    if (count === 0) return void this.#unlisted.delete(key);
    this.#unlisted.set(key, count);
    this.#options.log.warn({ object: key }, `its status has no room for ${count} of our entries: those of others stay`);
  }

  /** Once more without what the cluster's CRDs do not have, where that is why it was refused. */
  async #sent(key: string, wanted: WantedStatus, writing: Writing): Promise<Answer | undefined> {
    try {
      return await this.#send(wanted, writing);
    } catch (error) {
      if (!(error instanceof ApiError) || !this.#undeclared.learn(wanted.kind, error.message)) throw error;
      const status = this.#statusOf(key, wanted, writing.live);
      if (isDeepStrictEqual(status, writing.status)) throw error;
      return status && this.#sent(key, wanted, { ...writing, status });
    }
  }

  #send({ kind, metadata }: WantedStatus, { live, place, status }: Writing): Promise<Answer> {
    const { apiVersion } = place;
    const path = `${place.path}/status`;
    if (APPLIED.includes(kind)) {
      const query = { fieldManager: FIELD_MANAGER, force: true };
      const contentType = 'application/apply-patch+yaml';
      const body = { apiVersion, kind, metadata, status };
      return this.#options.client.call<Answer>({ method: 'PATCH', path, query, contentType, body });
    }
    const { resourceVersion } = live;
    const body = { apiVersion, kind, metadata: { ...metadata, resourceVersion }, status };
    return this.#options.client.call<Answer>({ method: 'PUT', path, query: { fieldManager: FIELD_MANAGER }, body });
  }

  #failed(key: string, error: Error): void {
    const due = this.#due.get(key);
    // The lead was lost meanwhile.
    if (due === undefined) return;
    this.#written.delete(key);
    if (error instanceof ApiError && error.status === 404) return this.#drop(key);
    // A conflict is the watch that lags; all others are worth a word, once for each series of failures.
    const conflict = error instanceof ApiError && error.status === 409;
    due.stale = conflict;
    if (!conflict && due.failures === 0) {
      this.#options.log.warn({ object: key }, `its status cannot be written: ${error.message}; tried again`);
    }
    const { client, pauses = PAUSES } = this.#options;
    due.endWait = tryLater({ client, error, failures: due.failures++, pauses }, (isBack) => {
      due.endWait = undefined;
      // What fails now is the first of a new series, of which a word was said.
      if (isBack) due.failures = 1;
      if (this.#due.get(key) === due) this.#ask(key);
    });
  }

  #drop(key: string): void {
    const due = this.#due.get(key);
    due?.endWait?.();
    this.#waits.end(key);
    this.#due.delete(key);
    this.#ready.delete(key);
    this.#rested();
  }
}

interface Writing {
  live: LiveStatus;
  place: ObjectPlace;
  status: Json;
}

interface Answer {
  metadata: { resourceVersion: string };
  status?: Json;
}

function liveOf({ metadata, status = {} }: Answer): LiveStatus {
  return { resourceVersion: metadata.resourceVersion, status };
}
