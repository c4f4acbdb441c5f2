/**
 * One resource of an API server, followed for ever: listed in pages, then watched from there. Whatever fails is tried
 * again; what is held is never emptied because of a failure.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { Resource } from '../../api/index.ts';
import { isObject } from '../../value/json-object.ts';
import { isNewer } from '../../value/resource-version.ts';
import type { ApiClient, Query } from './api-client.ts';
import { ApiError } from './api-error.ts';
import { pauseAfter } from './backoff.ts';

export interface ListWatchOptions {
  client: ApiClient;
  /** Of the collection, such as `/apis/gateway.networking.k8s.io/v1/httproutes`. */
  path: string;
  /** Only metadata is asked for and delivered. */
  metadataOnly?: boolean;
  labelSelector?: string;
  events: ListWatchEvents;
  /** For tests; default: as below. */
  times?: Partial<ListWatchTimes>;
}

export interface ListWatchEvents {
  /** All objects that there are, after a list. Nothing else is told until they are taken. */
  replace(objects: Resource[]): Promise<void> | void;
  /** What changed since, in order, as it came in one piece. */
  change(changes: ReadonlyArray<{ object: Resource; gone: boolean }>): Promise<void> | void;
  /** What is wrong now; undefined: nothing any more. */
  trouble(error: Error | undefined): void;
}

export interface ListWatchTimes {
  /** Milliseconds without a byte after which a watch is dead. An API server sends a bookmark about once a minute. */
  idle: number;
  /** Least and most seconds that a watch is asked to last; by chance, so that not all end at once. */
  lasts: readonly [number, number];
  /** Milliseconds: the first pause after a failure may be up to this; it doubles ... */
  firstPause: number;
  /** ... up to this. The pause is drawn from all of that span, so that clients do not come back together. */
  longestPause: number;
}

export const LIST_WATCH_TIMES: ListWatchTimes = {
  idle: 90_000,
  lasts: [300, 600],
  firstPause: 500,
  longestPause: 30_000,
};

/** Milliseconds within which all are asked for again that nobody answered, once somebody does. */
export const BACK_SPREAD = 500;

/** Milliseconds; a watch that ends before them and said nothing counts as a failure. */
const SHORTEST_WATCH = 1000;

/** Objects a page. */
export const PAGE_OBJECTS = 500;

const LIST_METADATA = 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json';
const WATCH_METADATA = 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json';

export class ListWatch {
  /** Fulfilled after the first list. */
  readonly synced: Promise<void>;
  readonly #options: ListWatchOptions;
  readonly #times: ListWatchTimes;
  readonly #abort = new AbortController();
  readonly #ended: Promise<void>;
  #settle!: () => void;
  /** Where the next watch goes on; '': nowhere, list anew. */
  #version = '';
  /** Where the watch of now began. */
  #from = '';
  #failures = 0;

  constructor(options: ListWatchOptions) {
    this.#options = options;
    this.#times = { ...LIST_WATCH_TIMES, ...options.times };
    this.synced = new Promise((resolve) => {
      this.#settle = resolve;
    });
    this.#ended = this.#run();
  }

  async close(): Promise<void> {
    this.#abort.abort();
    await this.#ended;
  }

  async #run(): Promise<void> {
    while (!this.#closed) {
      try {
        if (this.#version === '') await this.#list();
        await this.#watch();
      } catch (error) {
        if (this.#closed) return;
        await this.#recover(error instanceof Error ? error : new Error(String(error)));
      }
    }
  }

  get #closed(): boolean {
    return this.#abort.signal.aborted;
  }

  async #recover(error: Error): Promise<void> {
    if (error instanceof ApiError && error.expired) {
      // Expected after a long silence: the list is due, and nothing is wrong.
      this.#version = '';
    } else if (error instanceof ApiError || this.#failures > 0) {
      // A connection that breaks once is an ordinary thing: API servers and what is before them are replaced.
      this.#options.events.trouble(error);
    }
    const { firstPause: first, longestPause: longest } = this.#times;
    const length = pauseAfter(error, this.#failures++, { first, longest });
    const rested = new AbortController();
    const signal = AbortSignal.any([this.#abort.signal, rested.signal]);
    const pauses: Array<Promise<void>> = [pause(length, undefined, { signal })];
    // Whoever was told to wait waits. Where nobody answered, all come back together, but not at the same moment.
    if (!(error instanceof ApiError)) pauses.push(this.#options.client.back.then(() => this.#comeBack(signal)));
    await Promise.race(pauses).catch(() => {});
    rested.abort();
  }

  /** A connection that was kept may be found dead now: that is one failure, and no long series. */
  async #comeBack(signal: AbortSignal): Promise<void> {
    await pause(Math.random() * BACK_SPREAD, undefined, { signal });
    this.#failures = 1;
  }

  #recovered(): void {
    if (this.#failures > 0) this.#options.events.trouble(undefined);
    this.#failures = 0;
  }

  async #list(): Promise<void> {
    const objects: Resource[] = [];
    let next: string | undefined;
    let version = '';
    do {
      const { client, path, metadataOnly } = this.#options;
      const page = await client.call<ListPage>({
        path,
        query: { limit: PAGE_OBJECTS, continue: next, ...this.#selection() },
        signal: this.#abort.signal,
        ...(metadataOnly ? { accept: LIST_METADATA } : {}),
      });
      // An API server writes an empty list of metadata as null.
      if (page.items !== null && !Array.isArray(page.items)) throw new Error(`${path} answered with no list`);
      for (const item of page.items ?? []) objects.push(slim(item));
      version = page.metadata?.resourceVersion ?? '';
      next = page.metadata?.continue || undefined;
    } while (next !== undefined);
    await this.#options.events.replace(objects);
    this.#version = version;
    this.#recovered();
    this.#settle();
  }

  async #watch(): Promise<void> {
    const { client, path, metadataOnly } = this.#options;
    const [least, most] = this.#times.lasts;
    const query = {
      watch: true,
      allowWatchBookmarks: true,
      resourceVersion: this.#version,
      timeoutSeconds: Math.round(least + Math.random() * (most - least)),
      ...this.#selection(),
    };
    const call = { path, query, signal: this.#abort.signal, ...(metadataOnly ? { accept: WATCH_METADATA } : {}) };
    this.#from = this.#version;
    const began = performance.now();
    let said = false;
    await client.lines(call, this.#times.idle, (lines) => {
      said = true;
      return this.#take(lines);
    });
    // Something between us and the server ends every watch at once: asked again without a pause, it would be a flood.
    if (!said && performance.now() - began < SHORTEST_WATCH) throw new Error('the watch ended as soon as it began');
  }

  async #take(lines: string[]): Promise<void> {
    const changes: Array<{ object: Resource; gone: boolean }> = [];
    try {
      for (const line of lines) this.#read(line, changes);
    } finally {
      // What came before a fault has been counted into the version.
      if (changes.length > 0) await this.#options.events.change(changes);
    }
    this.#recovered();
  }

  #read(line: string, into: Array<{ object: Resource; gone: boolean }>): void {
    const { type, object } = JSON.parse(line) as { type: string; object: Resource };
    switch (type) {
      case 'ADDED':
      case 'MODIFIED':
        into.push({ object: slim(object), gone: false });
        break;
      case 'DELETED':
        into.push({ object: slim(object), gone: true });
        break;
      case 'BOOKMARK':
        break;
      case 'ERROR':
        throw ApiError.of(Number(isObject(object) ? (object as { code?: unknown }).code : 0) || 500, object);
      default:
        throw new Error(`a watch event of type ${type}`);
    }
    const { resourceVersion } = object.metadata;
    if (type !== 'DELETED' && this.#isBefore(resourceVersion)) throw new ApiError(410, RESTORED);
    this.#version = resourceVersion ?? this.#version;
  }

  /** A cluster that was restored from a backup begins to count again where that was made, and tells of no step back. */
  #isBefore(version: string | undefined): boolean {
    // From '0' a watch begins with what there is, in no order.
    return this.#from !== '0' && isNewer(this.#from, version);
  }

  #selection(): Query {
    const { labelSelector } = this.#options;
    return labelSelector === undefined ? {} : { labelSelector };
  }
}

const RESTORED = { reason: 'Expired', message: 'the watch goes on before it began: what there is has been restored' };

interface ListPage {
  metadata?: { resourceVersion?: string; continue?: string };
  items?: Resource[] | null;
}

const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';

/** Without what nobody here reads: it is a quarter of the memory of a store of routes. */
function slim(object: Resource): Resource {
  // Made anew: what has had something deleted weighs twice as much.
  const { managedFields: _managedFields, ...metadata } = object.metadata as Slimmed;
  object.metadata = metadata;
  const { annotations } = metadata;
  if (annotations !== undefined && LAST_APPLIED in annotations) {
    const { [LAST_APPLIED]: _lastApplied, ...others } = annotations;
    metadata.annotations = others;
  }
  return object;
}

type Slimmed = Resource['metadata'] & { managedFields?: unknown };
