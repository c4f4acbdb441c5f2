/**
 * The folder of answers: `policy/two digits of the place/place-key`, all of digests. Each worker has a share of the two
 * digits, of which it knows all files and removes those that are too many; what it writes into the share of another it tells
 * that one by a note beside. Until the note is read it counts as the writer's, so that together they keep within the bound.
 */
import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { mkdir, open, readdir, rename, rm, stat, unlink } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { FILE_OVERHEAD, FileIndex, type IndexedFile, type RemovedFile } from './file-index.ts';
import { type IoGate, isAbsent } from './io-gate.ts';
import { ShareWalks } from './share-walks.ts';

export interface DiskPlace {
  /** The operator's. */
  readonly path: string;
  readonly maxBytes: number;
  /** Which of so many workers this one is. */
  readonly index: number;
  readonly workers: number;
}

/** Milliseconds between looks for notes of other workers. */
export const NOTE_INTERVAL: number = 1_000;
/** The part of all bytes for which a worker knows the files; the rest is for what is written and not told yet. */
const KNOWN_PART = 0.8;
const TOLD_PART = 0.1;
/** Milliseconds after which a file that was begun is nobody's any more. */
const ABANDONED_AFTER = 60_000;

const DIGITS = Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, '0'));
const POLICY = /^[0-9a-f]{40}$/;
const NAME = /^[0-9a-f]{40}-[0-9a-f]{40}$/;

/** The beginning of a file. */
export interface FileStart {
  readonly bytes: Buffer;
  readonly size: number;
}

export interface ShareSearch {
  readonly dryRun: boolean;
  /** Absent: all of them. */
  readonly matches?: ((start: FileStart) => boolean) | undefined;
}

export interface DiskPurged {
  files: number;
  bytes: number;
}

/** `stays`: files that are meant, and could not be removed. */
export interface FolderPurged extends DiskPurged {
  stays: number;
}

export class DiskFolder {
  readonly #place: DiskPlace;
  readonly #gate: IoGate;
  readonly #readStart: (path: string) => Promise<FileStart>;
  readonly #index = new FileIndex();
  /** Purges of URLs, by the folder that their files are in: each request that changes something makes one. */
  readonly #places: ShareWalks<PlaceSearch, FolderPurged>;
  /** Notes that others have not read yet, with what they are about. */
  readonly #untold = new Map<string, number>();
  #untoldBytes = 0;
  #timer: NodeJS.Timeout | undefined;
  #looks = false;
  #begun = false;

  constructor(
    place: DiskPlace,
    { gate, readStart }: { gate: IoGate; readStart: (path: string) => Promise<FileStart> },
  ) {
    this.#place = place;
    this.#gate = gate;
    this.#readStart = readStart;
    this.#places = new ShareWalks((folder, searches) => this.#purgePlaces(folder, searches));
  }

  /** What is there is known, and what comes is written. */
  get begun(): boolean {
    return this.#begun;
  }

  get bytes(): number {
    return this.#index.bytes;
  }

  get files(): number {
    return this.#index.size;
  }

  pathOf({ policy, name }: IndexedFile): string {
    return join(this.#place.path, policy, name.slice(0, 2), name);
  }

  /** Nothing is written before it knows what is there. */
  async start(): Promise<void> {
    const { path, workers } = this.#place;
    await mkdir(join(path, 'notes', this.#own), { recursive: true, mode: 0o700 });
    await mkdir(join(path, 'begun'), { recursive: true, mode: 0o700 });
    await this.#clean();
    await this.#eachOfShare(undefined, async (file, at) => {
      this.#index.add(file, (await this.#gate.run('purge', () => stat(at))).size);
    });
    for (const gone of this.#index.makeRoom('', 0, { most: this.#share(), mostOfPolicy: Number.POSITIVE_INFINITY }))
      await this.#unlink(gone);
    this.#begun = true;
    if (workers === 1) return;
    this.#timer = setInterval(() => void this.#lookAgain(), NOTE_INTERVAL);
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  get #own(): string {
    return String(this.#place.index);
  }

  #share(): number {
    const { maxBytes, workers } = this.#place;
    return workers === 1 ? maxBytes : (maxBytes * KNOWN_PART) / workers;
  }

  #ownerOf(name: string): number {
    return Number.parseInt(name.slice(0, 2), 16) % this.#place.workers;
  }

  used(file: IndexedFile): void {
    this.#index.touch(file);
  }

  /** Makes room; false: there is none. `most`: bytes of the policy. */
  reserve(file: IndexedFile, length: number, most: number): boolean {
    if (!this.#begun || !this.#gate.usable) return false;
    const { maxBytes, workers, index } = this.#place;
    if (this.#ownerOf(file.name) !== index) return this.#untoldBytes + length <= (maxBytes * TOLD_PART) / workers;
    const bounds = { most: this.#share(), mostOfPolicy: Math.min(most / workers, this.#share()) };
    if (length + FILE_OVERHEAD > Math.min(bounds.most, bounds.mostOfPolicy)) return false;
    this.#index.remove(file);
    const gone = this.#index.makeRoom(file.policy, length, bounds);
    for (const one of gone) void this.#unlink(one);
    // It counts from now on, so that many at a time are not more than there is room for.
    this.#index.add(file, length);
    return true;
  }

  /** After `reserve`. */
  async write(file: IndexedFile, parts: readonly Buffer[], isVoid: () => boolean): Promise<void> {
    const isOwn = this.#ownerOf(file.name) === this.#place.index;
    const length = parts.reduce((sum, part) => sum + part.length, 0);
    if (!isOwn) this.#untoldBytes += length;
    let told = false;
    try {
      await this.#gate.run('write', async () => {
        if (isVoid()) throw new Error('it is not wanted any more');
        if (!isOwn) {
          await this.#tell(file, length);
          told = true;
        }
        await this.#put(file, parts);
      });
      if (isVoid()) await this.remove(file);
    } catch (error) {
      // Nor is what was there before.
      await this.remove(file);
      throw error;
    } finally {
      if (!isOwn && !told) this.#untoldBytes -= length;
    }
  }

  async #put(file: IndexedFile, parts: readonly Buffer[]): Promise<void> {
    const begun = join(this.#place.path, 'begun', randomUUID());
    const to = this.pathOf(file);
    // Nobody else's, also where somebody left a link to something under this name.
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
    const opened = await open(begun, flags, 0o600);
    try {
      try {
        await opened.writev([...parts]);
      } finally {
        await opened.close();
      }
      await rename(begun, to).catch(async (error) => {
        if (!isAbsent(error)) throw error;
        await mkdir(join(to, '..'), { recursive: true, mode: 0o700 });
        await rename(begun, to);
      });
    } catch (error) {
      await unlink(begun).catch(() => {});
      throw error;
    }
  }

  /** False: it was not there, or stays, and counts then as before. Never rejects. */
  async remove(file: IndexedFile): Promise<boolean> {
    return this.#unlink(this.#unindexed(file));
  }

  #unindexed(file: IndexedFile): RemovedFile {
    const length = this.#index.lengthOf(file);
    this.#index.remove(file);
    return { ...file, length };
  }

  async #unlink(file: RemovedFile): Promise<boolean> {
    return (await this.#unlinked(file, 'remove')) === 'gone';
  }

  async #unlinked(file: RemovedFile, operation: 'remove' | 'purge'): Promise<'gone' | 'absent' | 'stays'> {
    try {
      await this.#gate.run(operation, () => unlink(this.pathOf(file)));
      return 'gone';
    } catch (error) {
      if (isAbsent(error)) return 'absent';
      if (file.length !== undefined) this.#index.add(file, file.length);
      return 'stays';
    }
  }

  // ── the share of a worker

  async #clean(): Promise<void> {
    const folder = join(this.#place.path, 'begun');
    for (const name of await readdir(folder)) {
      const { mtimeMs } = await stat(join(folder, name)).catch(() => ({ mtimeMs: 0 }));
      if (Date.now() - mtimeMs > ABANDONED_AFTER) await rm(join(folder, name), { force: true });
    }
    const notes = join(this.#place.path, 'notes', this.#own);
    for (const name of await readdir(notes)) await rm(join(notes, name), { force: true });
  }

  async #eachOfShare(
    policy: string | undefined,
    call: (file: IndexedFile, path: string) => Promise<void>,
  ): Promise<void> {
    const { path, workers, index } = this.#place;
    for (const one of policy === undefined ? await this.#policies() : [policy]) {
      const folders = await this.#namesIn(join(path, one));
      for (const digits of folders) {
        if (!DIGITS.includes(digits) || Number.parseInt(digits, 16) % workers !== index) continue;
        for (const name of await this.#namesIn(join(path, one, digits))) {
          if (NAME.test(name)) await call({ policy: one, name }, join(path, one, digits, name)).catch(() => {});
        }
      }
    }
  }

  /** A name of a note is all that it says. */
  async #tell({ policy, name }: IndexedFile, length: number): Promise<void> {
    const note = join('notes', String(this.#ownerOf(name)), `${policy}-${name}-${length}`);
    const at = join(this.#place.path, note);
    try {
      await (await open(at, 'w', 0o600)).close();
    } catch (error) {
      if (!isAbsent(error)) throw error;
      await mkdir(join(at, '..'), { recursive: true, mode: 0o700 });
      await (await open(at, 'w', 0o600)).close();
    }
    this.#untoldBytes -= this.#untold.get(note) ?? 0;
    this.#untold.set(note, length);
  }

  /** Not while the last look is under way: on a disk that hangs each would take a thread. */
  async #lookAgain(): Promise<void> {
    if (this.#looks) return;
    this.#looks = true;
    try {
      await this.#look();
    } catch {
      // There is another one in a moment.
    } finally {
      this.#looks = false;
    }
  }

  async #look(): Promise<void> {
    const { path } = this.#place;
    const own = join(path, 'notes', this.#own);
    for (const note of await this.#namesIn(own)) {
      const [policy = '', place = '', key = '', length = ''] = note.split('-');
      const file = { policy, name: `${place}-${key}` };
      await this.#gate.run('purge', () => unlink(join(own, note)));
      if (POLICY.test(policy) && NAME.test(file.name) && Number(length) >= 0) this.#index.add(file, Number(length));
    }
    const bounds = { most: this.#share(), mostOfPolicy: Number.POSITIVE_INFINITY };
    for (const gone of this.#index.makeRoom('', 0, bounds)) await this.#unlink(gone);
    const left = new Set<string>();
    for (const owner of new Set([...this.#untold.keys()].map((note) => note.split('/')[1]!))) {
      for (const name of await this.#namesIn(join(path, 'notes', owner))) left.add(join('notes', owner, name));
    }
    for (const [note, length] of this.#untold) {
      if (left.has(note)) continue;
      this.#untold.delete(note);
      this.#untoldBytes -= length;
    }
  }

  #namesIn(folder: string): Promise<string[]> {
    return this.#gate.run('purge', () => namesIn(folder));
  }

  async #policies(): Promise<string[]> {
    return (await this.#namesIn(this.#place.path)).filter((name) => POLICY.test(name));
  }

  // ── purges

  /** `place`: the digest of a URL. Those of one folder are looked for together, and one folder at a time. */
  async purgePlace(policy: string | undefined, place: string, search: ShareSearch): Promise<FolderPurged> {
    const purged = nothingPurged();
    for (const one of policy === undefined ? await this.#policies() : [policy]) {
      addPurged(purged, await this.#places.ask(join(one, place.slice(0, 2)), { ...search, place }));
    }
    return purged;
  }

  async #purgePlaces(folder: string, searches: readonly PlaceSearch[]): Promise<FolderPurged[]> {
    const { path, index } = this.#place;
    const [policy] = folder.split(sep) as [string];
    const all = searches.map((search) => [search, nothingPurged()] as const);
    const byPlace = Map.groupBy(all, ([{ place }]) => place);
    for (const name of await this.#namesIn(join(path, folder))) {
      const meant = byPlace
        .get(name.split('-', 1)[0]!)
        ?.filter(([{ dryRun }]) => !dryRun || this.#ownerOf(name) === index);
      if (meant !== undefined) await this.#purgeFile({ policy, name }, meant);
    }
    return all.map(([, purged]) => purged);
  }

  /** In one walk, what each of the searches means. '': of all policies. */
  async purgeShare(policy: string, searches: readonly ShareSearch[]): Promise<FolderPurged[]> {
    const all = searches.map((search) => [search, nothingPurged()] as const);
    const reading = all.filter(([{ matches }]) => matches !== undefined);
    await this.#eachOfShare(policy || undefined, async (file, path) => {
      let meant = all;
      if (reading.length > 0) {
        const read = this.#gate.run('purge', () => this.#readStart(path));
        const start = await read.catch((error: unknown) => (isAbsent(error) ? 'absent' : 'unread'));
        if (start === 'absent') return;
        // Nobody knows whether it is meant.
        if (start === 'unread') for (const [, purged] of reading) purged.stays++;
        meant = all.filter(([{ matches }]) => matches === undefined || (typeof start === 'object' && matches(start)));
      }
      await this.#purgeFile(file, meant);
    });
    return all.map(([, purged]) => purged);
  }

  /** The same for all who mean it; counted for each. Never rejects. */
  async purge(file: IndexedFile): Promise<FolderPurged> {
    const purged = nothingPurged();
    await this.#purgeFile(file, [[{ dryRun: false }, purged]]);
    return purged;
  }

  async #purgeFile(file: IndexedFile, by: ReadonlyArray<readonly [ShareSearch, FolderPurged]>): Promise<void> {
    if (by.length === 0) return;
    const size = await this.#gate.run('purge', () => sizeOf(this.pathOf(file)));
    const what = by.every(([{ dryRun }]) => dryRun) ? 'gone' : await this.#unlinked(this.#unindexed(file), 'purge');
    for (const [{ dryRun }, purged] of by) {
      if (dryRun || what === 'gone') {
        purged.files++;
        purged.bytes += size;
      } else if (what === 'stays') purged.stays++;
    }
  }
}

interface PlaceSearch extends ShareSearch {
  readonly place: string;
}

function nothingPurged(): FolderPurged {
  return { files: 0, bytes: 0, stays: 0 };
}

export function addPurged(sum: FolderPurged, { files, bytes, stays }: FolderPurged): void {
  sum.files += files;
  sum.bytes += bytes;
  sum.stays += stays;
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch {
    return [];
  }
}

async function sizeOf(path: string): Promise<number> {
  return (await stat(path).catch(() => null))?.size ?? 0;
}
