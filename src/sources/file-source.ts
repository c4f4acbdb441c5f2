import { resolve } from 'node:path';
import type { AnyResource, Kind, ResourceByKind } from '../api/index.ts';
import { batch, SourceCollection } from '../graph/index.ts';
import { Debounce } from './debounce.ts';
import { type Diagnostic, diagnosticKey } from './diagnostic.ts';
import type { EndpointOption } from './endpoint-option.ts';
import { FileCache } from './file-cache.ts';
import { type Found, filesOf } from './file-tree.ts';
import { FolderWatch } from './folder-watch.ts';
import { foreignIn } from './foreign.ts';
import { Inventory, type InventoryFile, type Place } from './inventory.ts';
import type { LastGood } from './last-good.ts';
import type { JsonObject } from './schema/index.ts';
import { emptyCollections, type FilledCollections, type Source } from './source.ts';

export interface FileSourceOptions {
  /** Files and folders; `-` reads `stdin`. Of an object that is there twice, the one of the first path counts. */
  paths: readonly string[];
  /** Read once, to its end, where `-` is among the paths. */
  stdin?: AsyncIterable<Uint8Array | string>;
  /** Follow changes of the files. Without it, they are read once. */
  watch?: boolean;
  /** Endpoints that were given by hand. */
  endpoints?: readonly EndpointOption[];
  /** Told of every change of a credential. */
  lastGood?: LastGood;
}

/** What a reload came to. */
export interface Reload {
  /** Objects that were added, changed or removed. */
  changed: number;
  files: number;
  /** Documents that had to be parsed, because they were new. */
  parsed: number;
  milliseconds: number;
  /** The reload failed as a whole, and everything stays as it was. */
  error?: Error;
}

export interface Unreadable {
  path: string;
  error: string;
}

export interface FileSource extends Source {
  /** Calls back after each look at the files, the first one included. The answer ends that. */
  onReload(callback: (reload: Reload) => void): () => void;
  /** Looks at the files now. */
  reload(): void;
  /** Of the paths as given, those that the last look could not read. */
  readonly unreadable: ReadonlyArray<Unreadable>;
  /** Where the object with this key begins; undefined for an unknown one. */
  placeOf(key: string): Place | undefined;
  /** Objects of these groups that the last look found, as they were written, of kinds that are not read. */
  foreign(groups: readonly string[]): JsonObject[];
}

/** A reload waits until nothing was written for this long, in milliseconds ... */
export const QUIET_MS = 30;
/** ... but a burst of writes delays it no longer than this. */
export const PATIENCE_MS = 250;
/** Files are looked at this often even if nobody reports a change, as network file systems do not. */
export const RESCAN_MS = 10_000;
/** Files read at the same time. */
const PARALLEL_READS = 16;
const STDIN_NAME = 'stdin';

/**
 * Reads Kubernetes objects from YAML and JSON files and keeps them up to date. Faults in the input become
 * diagnostics and never errors: one bad file, document or object does not touch the others.
 */
export function fileSource(options: FileSourceOptions): FileSource {
  const source = new FilesAsSource(options);
  source.start();
  return source;
}

class FilesAsSource implements FileSource {
  readonly name = 'files';
  synced: Date | undefined;
  readonly collections: FilledCollections = emptyCollections();
  readonly diagnostics = new SourceCollection<Diagnostic>('diagnostics');
  readonly ready: Promise<void>;
  unreadable: ReadonlyArray<Unreadable> = [];
  readonly #options: FileSourceOptions;
  readonly #cache = new FileCache();
  readonly #inventory: Inventory;
  readonly #watch: FolderWatch | undefined;
  readonly #debounce: Debounce;
  readonly #callbacks = new Set<(reload: Reload) => void>();
  readonly #started = Promise.withResolvers<void>();
  #resources = new Map<string, AnyResource>();
  #files: readonly InventoryFile[] = [];
  #rescan: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;
  #again = false;
  #closed = false;

  constructor(options: FileSourceOptions) {
    this.#options = options;
    this.#inventory = new Inventory(options.endpoints);
    this.#debounce = new Debounce({ quiet: QUIET_MS, patience: PATIENCE_MS, fire: () => this.#reload() });
    if (options.watch) this.#watch = new FolderWatch(() => this.#debounce.call());
    this.ready = this.#started.promise;
  }

  start(): void {
    if (this.#watch) this.#rescan = setInterval(() => this.#reload(), RESCAN_MS).unref();
    this.#reload();
  }

  onReload(callback: (reload: Reload) => void): () => void {
    this.#callbacks.add(callback);
    return () => this.#callbacks.delete(callback);
  }

  reload(): void {
    this.#reload();
  }

  placeOf(key: string): Place | undefined {
    return this.#inventory.placeOf(key);
  }

  foreign(groups: readonly string[]): JsonObject[] {
    return this.#files.flatMap(({ content }) => ('chunks' in content ? foreignIn(content.chunks, groups) : []));
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#rescan);
    this.#debounce.cancel();
    this.#watch?.close();
    // Standard input may stay open for ever.
    if (!this.#readingStdin) await this.#running;
  }

  /** One look at a time; what happens during one is seen by the next. */
  #reload(): void {
    if (this.#closed) return;
    this.#again = this.#running !== undefined;
    if (this.#again) return;
    this.#running = this.#look().then((reload) => {
      this.#running = undefined;
      for (const callback of this.#callbacks) callback(reload);
      this.#started.resolve();
      if (this.#again) this.#reload();
      else if (this.#cache.unsettled.size > 0 && !this.#closed) this.#debounce.call();
    });
  }

  async #look(): Promise<Reload> {
    const begin = performance.now();
    const parsedBefore = this.#cache.parses;
    const reload = { changed: 0, files: 0, parsed: 0, milliseconds: 0 };
    try {
      const { files, notes } = await this.#read();
      if (this.#closed) return reload;
      this.#files = files;
      this.unreadable = files.flatMap(({ path, named, content }) =>
        named && 'error' in content ? [{ path, error: content.error }] : [],
      );
      const { resources, diagnostics } = this.#inventory.take(files);
      reload.files = files.length;
      this.synced = new Date();
      reload.changed = this.#publish(resources, [...diagnostics, ...notes]);
    } catch (error) {
      // Faults of the input are diagnostics: this is one of ours, or of the machine. What is in use stays.
      return { ...reload, error: error instanceof Error ? error : new Error(String(error)) };
    }
    const milliseconds = performance.now() - begin;
    return { ...reload, parsed: this.#cache.parses - parsedBefore, milliseconds };
  }

  async #read(): Promise<{ files: InventoryFile[]; notes: Diagnostic[] }> {
    const notes = new Map<string, Diagnostic>();
    this.#watch?.begin();
    const found: Found[] = [];
    for (const path of this.#options.paths) {
      if (path === '-') found.push({ path: STDIN_NAME, named: true });
      else {
        const tree = await filesOf(path, (folder, name) => this.#follow(folder, name, notes));
        found.push(...tree.found);
        noteRepeated(tree.repeated, notes);
      }
    }
    this.#watch?.end();
    const unique = firstOfEach(found);
    const files: InventoryFile[] = [];
    for (let at = 0; at < unique.length; at += PARALLEL_READS) {
      const some = unique.slice(at, at + PARALLEL_READS).map(async ({ path, named, error }) => {
        const content = error === undefined ? await this.#readOne(path) : { error, missing: false };
        return { path, named, content };
      });
      files.push(...(await Promise.all(some)));
    }
    this.#cache.retain(new Set(unique.map(({ path }) => path)));
    return { files, notes: [...notes.values()] };
  }

  async #readOne(path: string): Promise<InventoryFile['content']> {
    return path === STDIN_NAME ? this.#readStdin() : this.#cache.read(path);
  }

  #stdin: Promise<InventoryFile['content']> | undefined;
  #readingStdin = false;

  /** The stream gives its content once; every look uses it. */
  #readStdin(): Promise<InventoryFile['content']> {
    this.#stdin ??= (async () => {
      const parts: Uint8Array[] = [];
      this.#readingStdin = true;
      for await (const part of this.#options.stdin ?? []) parts.push(Buffer.from(part));
      this.#readingStdin = false;
      return this.#cache.parse(STDIN_NAME, { bytes: Buffer.concat(parts) });
    })();
    return this.#stdin;
  }

  #follow(folder: string, name: string | undefined, notes: Map<string, Diagnostic>): void {
    const why = this.#watch?.want(folder, name);
    if (why === undefined) return;
    const message = `cannot be watched (${why}); changes are seen within ${RESCAN_MS / 1000} s`;
    notes.set(folder, { severity: 'warning', file: folder, line: 0, object: '', field: '', message });
  }

  /** Makes the collections say what the inventory says; answers how many objects differ. */
  #publish(resources: Map<string, AnyResource>, diagnostics: readonly Diagnostic[]): number {
    const changes = new Map<Kind, Array<{ key: string; value?: AnyResource }>>();
    let changed = 0;
    const change = (kind: Kind, key: string, value?: AnyResource): void => {
      changed++;
      const list = changes.get(kind);
      if (list) list.push({ key, value });
      else changes.set(kind, [{ key, value }]);
    };
    for (const [key, value] of resources) if (this.#resources.get(key) !== value) change(value.kind, key, value);
    for (const [key, value] of this.#resources) if (!resources.has(key)) change(value.kind, key);
    const before = this.#resources;
    this.#resources = resources;
    const now = new Map(diagnostics.map((diagnostic) => [diagnosticKey(diagnostic), diagnostic]));
    const gone = [...this.diagnostics.entries()].filter(([key]) => !now.has(key)).map(([key]) => ({ key }));
    batch(() => {
      for (const [kind, list] of changes) {
        for (const { key, value } of list) this.#noteCredential(before.get(key), value);
        applyTo(this.collections, kind, list);
      }
      this.diagnostics.apply([...gone, ...[...now].map(([key, value]) => ({ key, value }))]);
    });
    return changed;
  }

  #noteCredential(before: AnyResource | undefined, after: AnyResource | undefined): void {
    const { lastGood } = this.#options;
    const object = after ?? before;
    if (lastGood === undefined || (object?.kind !== 'Secret' && object?.kind !== 'ConfigMap')) return;
    // The keys of two forms are equal, and so are their kinds.
    lastGood.note(before as typeof object | undefined, after as typeof object | undefined);
  }
}

/** One note, however many they are: some package managers link hundreds of folders to one another. */
function noteRepeated(repeated: ReadonlyArray<{ path: string; first: string }>, notes: Map<string, Diagnostic>): void {
  const [one] = repeated;
  if (one === undefined) return;
  const more = repeated.length > 1 ? `; so it is with ${repeated.length - 1} more` : '';
  const message = `is the folder ${one.first} by another name, and is read once${more}`;
  notes.set(`again ${one.path}`, { severity: 'info', file: one.path, line: 0, object: '', field: '', message });
}

/** A file that several paths lead to is read once, for the first of them. */
function firstOfEach(found: readonly Found[]): Found[] {
  const files = new Map<string, Found>();
  for (const file of found) {
    const key = resolve(file.path);
    if (!files.has(key)) files.set(key, file);
  }
  return [...files.values()];
}

function applyTo<K extends Kind>(
  collections: FilledCollections,
  kind: K,
  changes: ReadonlyArray<{ key: string; value?: AnyResource }>,
): void {
  // The list was made of objects of this kind.
  collections[kind].apply(changes as ReadonlyArray<{ key: string; value?: ResourceByKind[K] }>);
}
