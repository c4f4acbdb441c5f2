/** Objects that are read in full only while something refers to them: each again when its version changes. */
import type { AnyResource, ObjectMeta } from '../../api/index.ts';
import type { ApiClient } from './api-client.ts';
import { ApiError } from './api-error.ts';
import { type PauseSpan, tryLater } from './backoff.ts';

export interface FullReadEvents {
  /** Fulfilled when what follows of it is computed: thousands of others may refer to one. */
  put(key: string, value: AnyResource | undefined): Promise<void>;
  trouble(key: string, error: Error | undefined): void;
}

/** Reads at once; a burst of references must not flood the API server. */
const AT_ONCE = 8;
/** Milliseconds: pauses after a failed read are drawn from a span that doubles from the first to the second. */
const PAUSES: PauseSpan = { first: 500, longest: 30_000 };

interface Wanted {
  by: Set<string>;
  /** Version that is held in full; '' none. */
  held: string;
  failures: number;
}

type Labels = Readonly<Record<string, string>>;

export class FullReads {
  readonly #client: ApiClient;
  readonly #events: FullReadEvents;
  readonly #pauses: PauseSpan;
  /** Versions by key, as the metadata says. */
  readonly #versions = new Map<string, string>();
  /** Of Secrets that have any. */
  readonly #labels = new Map<string, Labels>();
  /** Who asks for whatever has these labels, each of a list for itself; by namespace. */
  readonly #selections = new Map<string, Map<string, readonly Labels[]>>();
  readonly #wanted = new Map<string, Wanted>();
  /** By namespace, the first of which is next: one with thousands of Secrets holds up nobody else's one. */
  readonly #due = new Map<string, Set<string>>();
  readonly #reading = new Set<string>();
  readonly #waiting: Array<() => void> = [];
  readonly #abort = new AbortController();

  constructor(client: ApiClient, events: FullReadEvents, pauses = PAUSES) {
    this.#client = client;
    this.#pauses = pauses;
    this.#events = events;
  }

  /** What there is now; undefined: it is gone. Fulfilled when what follows of that is computed; what is there is read later. */
  async seen(key: string, metadata: Pick<ObjectMeta, 'resourceVersion' | 'labels'> | undefined): Promise<void> {
    const version = metadata?.resourceVersion;
    this.#label(key, version === undefined ? undefined : metadata?.labels);
    if (version === undefined) {
      this.#versions.delete(key);
      const wanted = this.#wanted.get(key);
      if (wanted !== undefined) wanted.held = '';
      return this.#events.put(key, undefined);
    }
    this.#versions.set(key, version);
    this.#ask(key);
  }

  /** Secrets of a namespace with all labels of one of these are wanted, those that are to come as well. */
  select(namespace: string, by: string, selections: readonly Labels[]): void {
    const asking = this.#selections.get(namespace) ?? new Map<string, readonly Labels[]>();
    if (selections.length === 0 && !asking.has(by)) return;
    if (selections.length === 0) asking.delete(by);
    else asking.set(by, selections);
    if (asking.size === 0) this.#selections.delete(namespace);
    else this.#selections.set(namespace, asking);
    const within = `Secret/${namespace}/`;
    for (const [key, labels] of this.#labels) if (key.startsWith(within)) this.#match(key, labels, by, selections);
  }

  /** What there is, wanted or not. */
  *namesOf(kind: string, namespace: string): Iterable<string> {
    const within = `${kind}/${namespace}/`;
    for (const key of this.#versions.keys()) if (key.startsWith(within)) yield key.slice(within.length);
  }

  want(key: string, by: string): void {
    const wanted = this.#wanted.get(key) ?? { by: new Set(), held: '', failures: 0 };
    wanted.by.add(by);
    this.#wanted.set(key, wanted);
    this.#ask(key);
  }

  unwant(key: string, by: string): void {
    const wanted = this.#wanted.get(key);
    wanted?.by.delete(by);
    if (wanted === undefined || wanted.by.size > 0) return;
    this.#wanted.delete(key);
    this.#events.trouble(key, undefined);
    this.#events.put(key, undefined).catch((error: Error) => this.#events.trouble(key, error));
  }

  /** Fulfilled once everything that was due has been read or has failed once. */
  settled(): Promise<void> {
    if (this.#due.size === 0 && this.#reading.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  close(): void {
    this.#abort.abort();
    this.#due.clear();
  }

  #label(key: string, labels: Labels | undefined): void {
    if (!key.startsWith('Secret/')) return;
    const before = this.#labels.get(key);
    if (labels === undefined) this.#labels.delete(key);
    else this.#labels.set(key, labels);
    if (before === undefined && labels === undefined) return;
    for (const [by, selections] of this.#selections.get(namespaceIn(key)) ?? [])
      this.#match(key, labels, by, selections);
  }

  /** Apart from what the same object names: who refers and selects, and then only refers, still wants it. */
  #match(key: string, labels: Labels | undefined, ...[by, selections]: [string, readonly Labels[]]): void {
    const selected = labels !== undefined && selections.some((wanted) => hasAll(labels, wanted));
    if (selected) this.want(key, `${by} selects`);
    else this.unwant(key, `${by} selects`);
  }

  #ask(key: string): void {
    const wanted = this.#wanted.get(key);
    const version = this.#versions.get(key);
    if (wanted === undefined || version === undefined || wanted.held === version) return;
    const namespace = namespaceIn(key);
    const own = this.#due.get(namespace);
    if (own === undefined) this.#due.set(namespace, new Set([key]));
    else own.add(key);
    this.#next();
  }

  #next(): void {
    while (this.#reading.size < AT_ONCE) {
      const key = this.#taken();
      if (key === undefined) break;
      this.#reading.add(key);
      void this.#read(key);
    }
    if (this.#due.size > 0 || this.#reading.size > 0) return;
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  /** The next one that is not being read already. */
  #taken(): string | undefined {
    for (const [namespace, keys] of this.#due) {
      for (const key of keys) {
        if (this.#reading.has(key)) continue;
        keys.delete(key);
        this.#due.delete(namespace);
        if (keys.size > 0) this.#due.set(namespace, keys);
        return key;
      }
    }
    return undefined;
  }

  async #read(key: string): Promise<void> {
    try {
      const object = await this.#client.call<AnyResource>({ path: pathOf(key), signal: this.#abort.signal });
      const wanted = this.#wanted.get(key);
      if (wanted !== undefined && this.#versions.has(key)) {
        wanted.held = object.metadata.resourceVersion ?? '';
        wanted.failures = 0;
        await this.#events.put(key, object);
        this.#events.trouble(key, undefined);
      }
    } catch (error) {
      this.#failed(key, error instanceof Error ? error : new Error(String(error)));
    } finally {
      this.#reading.delete(key);
      // It may have changed while it was read.
      if (!this.#abort.signal.aborted) this.#next();
    }
  }

  #failed(key: string, error: Error): void {
    const wanted = this.#wanted.get(key);
    // Gone meanwhile: the watch of its metadata says so, too.
    if (wanted === undefined || this.#abort.signal.aborted) return;
    if (error instanceof ApiError && error.status === 404) return;
    // Also where what follows of it failed: it is put once more.
    wanted.held = '';
    this.#events.trouble(key, error);
    const failed = { client: this.#client, error, failures: wanted.failures++, pauses: this.#pauses };
    tryLater(failed, (isBack) => {
      if (isBack) wanted.failures = 0;
      this.#ask(key);
    });
  }
}

function hasAll(labels: Labels, wanted: Labels): boolean {
  return Object.entries(wanted).every(([name, value]) => labels[name] === value);
}

function namespaceIn(key: string): string {
  return key.slice(key.indexOf('/') + 1, key.lastIndexOf('/'));
}

/** `Kind/namespace/name`, of the two kinds that are read this way. */
function pathOf(key: string): string {
  const [kind, namespace, name] = key.split('/');
  return `/api/v1/namespaces/${namespace}/${kind === 'Secret' ? 'secrets' : 'configmaps'}/${name}`;
}
