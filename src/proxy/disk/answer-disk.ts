/**
 * Answers of backends on a disk, for all workers of a gateway: each reads and writes all of them, and sees of its share of the
 * folder that it does not become too large. They survive a restart, and a crash leaves nothing that is taken for whole.
 */
import { open } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import type { CachePurge, PolicyPurge } from '../../config/index.ts';
import type { MetricsSnapshot } from '../../observe/index.ts';
import type { BodySource } from '../filter/filter.ts';
import type { StoredAnswer } from '../state/stored-answer.ts';
import { digestOf, type FileContent, type FileKey, fileOf, headEnd, PRELUDE, readFileHead } from './answer-file.ts';
import { bodySource, readAt } from './body-file.ts';
import {
  addPurged,
  DiskFolder,
  type DiskPlace,
  type DiskPurged,
  type FileStart,
  type FolderPurged,
  type ShareSearch,
} from './disk-folder.ts';
import { DonePurges } from './done-purges.ts';
import type { IndexedFile } from './file-index.ts';
import { Forgotten } from './forgotten.ts';
import { IoGate } from './io-gate.ts';
import { RecentWrites } from './recent-writes.ts';
import { ShareWalks } from './share-walks.ts';

/** Bytes of a body that is read whole, and kept in memory besides; longer ones are read while they are sent. */
export const MAX_WHOLE_BODY: number = 128 * 1024;
/** Bytes that wait to be written; what comes above it is not written. */
export const MAX_UNWRITTEN: number = 64 * 1024 * 1024;

/** What is found: `source` in the place of a body that is too long to be read before it is sent. */
export interface FoundAnswer {
  readonly answer: StoredAnswer;
  readonly source: BodySource | null;
}

interface Opened {
  readonly content: FileKey & FileContent;
  readonly bytes: Buffer;
}

interface Writing {
  readonly key: FileKey;
  readonly most: number;
  /** Null: it is too long. */
  readonly parts: Buffer[] | null;
}

export class AnswerDisk {
  readonly #gate = new IoGate();
  readonly #folder: DiskFolder;
  readonly #walks: ShareWalks<ShareSearch, FolderPurged>;
  readonly #forgotten = new Forgotten();
  readonly #recent = new RecentWrites();
  readonly #done: DonePurges;
  /** What came before it was known what is done; null: that is known. */
  #early: Array<() => void> | null = [];
  /** By key: those that ask for the same read it once. */
  readonly #reads = new Map<string, Promise<Opened | null>>();
  readonly #writing = new Set<string>();
  #unwritten = 0;
  #skipped = 0;
  #found = 0;
  #absent = 0;
  #unsound = 0;

  constructor(place: DiskPlace) {
    this.#folder = new DiskFolder(place, { gate: this.#gate, readStart });
    this.#done = new DonePurges(place, this.#gate);
    this.#walks = new ShareWalks((policy, searches) => this.#folder.purgeShare(policy, searches));
  }

  /** Resolves when what is there is known; until then it is read already. */
  async start(): Promise<void> {
    await this.#done.load();
    const early = this.#early ?? [];
    this.#early = null;
    for (const ask of early) ask();
    await this.#folder.start();
  }

  stop(): void {
    this.#folder.stop();
  }

  /** Null: nothing that can be used. Never rejects. `valueOf`: what the request says under a name, '' for nothing. */
  async read(key: FileKey, valueOf: (name: string) => string): Promise<FoundAnswer | null> {
    // What is to be forgotten is known first.
    const found = this.#early === null ? await this.#find(key, valueOf) : null;
    if (found === null) this.#absent++;
    else this.#found++;
    return found;
  }

  async #find(key: FileKey, valueOf: (name: string) => string): Promise<FoundAnswer | null> {
    let file = fileAt(key);
    let opened = await this.#opened(file, key);
    if (opened?.content.type === 'variants') {
      file = fileAt(
        key,
        opened.content.names.map((name) => [name, valueOf(name)] as const),
      );
      opened = await this.#opened(file, key);
    }
    if (opened?.content.type !== 'answer') return null;
    const { answer, bodyAt, bodyLength, bodySum } = opened.content;
    if (!answer.vary.every(([name, value]) => valueOf(name) === value)) return null;
    if (bodyLength > MAX_WHOLE_BODY) {
      const prelude = opened.bytes.subarray(0, PRELUDE);
      const place = { path: this.#folder.pathOf(file), prelude, at: bodyAt, length: bodyLength, sum: bodySum };
      const source = bodySource({ ...place, onBroken: () => this.#discard(file) }, this.#gate);
      return { answer: { ...answer, body: Buffer.alloc(0) }, source };
    }
    // It may stay for long: not with all that was read.
    const body = Buffer.from(opened.bytes.subarray(bodyAt, bodyAt + bodyLength));
    if (crc32(body) === bodySum) return { answer: { ...answer, body }, source: null };
    this.#discard(file);
    return null;
  }

  #opened(file: IndexedFile, key: FileKey): Promise<Opened | null> {
    const id = `${file.policy}/${file.name}`;
    let reading = this.#reads.get(id);
    if (reading === undefined) {
      reading = this.#open(file, key)
        .catch(() => null)
        .finally(() => this.#reads.delete(id));
      this.#reads.set(id, reading);
    }
    return reading;
  }

  async #open(file: IndexedFile, key: FileKey): Promise<Opened | null> {
    const read = await this.#gate.run('read', () => readStart(this.#folder.pathOf(file)));
    const content = readFileHead(read.bytes, read.size);
    const { source, host, target } = key;
    const own =
      content?.source === source && content.key === key.key && content.host === host && content.target === target;
    if (!own) {
      this.#discard(file);
      return null;
    }
    const since = content.type === 'answer' ? content.answer.storedAt : Number.POSITIVE_INFINITY;
    // A clock that was set back made what is kept of the future.
    if (this.#forgotten.has(key, since) || (content.type === 'answer' && since > performance.now() + CLOCKS_DIFFER))
      return null;
    this.#folder.used(file);
    return { content, bytes: read.bytes };
  }

  #discard(file: IndexedFile): void {
    this.#unsound++;
    void this.#folder.remove(file);
  }

  /** Writes it when there is time. Resolves with whether it is there; never rejects. `most`: bytes of the policy. */
  async write(key: FileKey, answer: StoredAnswer, most: number): Promise<boolean> {
    const names = answer.vary.map(([name]) => name);
    const written = [this.#write(fileAt(key, answer.vary), { key, most, parts: fileOf(key, answer) })];
    if (names.length > 0) written.push(this.#write(fileAt(key), { key, most, parts: fileOf(key, names) }));
    return (await Promise.all(written)).every(Boolean);
  }

  async #write(file: IndexedFile, { key, most, parts }: Writing): Promise<boolean> {
    const id = `${file.policy}/${file.name}`;
    // Who came at the same time as another has the same to say.
    if (this.#writing.has(id)) return false;
    const length = parts?.reduce((sum, part) => sum + part.length, 0) ?? 0;
    if (parts === null || this.#unwritten + length > MAX_UNWRITTEN || !this.#folder.reserve(file, length, most)) {
      this.#skipped++;
      return false;
    }
    this.#unwritten += length;
    this.#writing.add(id);
    const write = this.#recent.begin(key, { ...file, length });
    try {
      await this.#folder.write(file, parts, () => write.void);
      return true;
    } catch {
      this.#skipped++;
      return false;
    } finally {
      this.#writing.delete(id);
      this.#unwritten -= length;
    }
  }

  /** Purges that stand on a policy: each is done once, by whichever process. `isAsked`: this one was asked before. */
  obey(policy: string, purges: readonly PolicyPurge[], isAsked: (id: string) => boolean): void {
    if (this.#early !== null) return void this.#early.push(() => this.obey(policy, purges, isAsked));
    this.#done.keepOnly(
      policy,
      purges.map(({ id }) => id),
    );
    for (const { id, ...place } of purges) {
      if (isAsked(id) || this.#done.has(policy, id)) continue;
      void this.#purge({ policy, ...place })
        .then(({ stays }) => (stays === 0 ? this.#done.add(policy, id) : undefined))
        .catch(() => {});
    }
  }

  /** What others do in their share they do themselves; of one URL each does all. */
  async purge(purge: CachePurge): Promise<DiskPurged> {
    const { files, bytes } = await (purge.dryRun ? this.#purgeFolder(purge) : this.#purge(purge));
    return { files, bytes };
  }

  async #purge(purge: CachePurge): Promise<FolderPurged> {
    const onDone = this.#forgotten.add(purge);
    const written = this.#recent.purge(purge);
    const purged = await this.#purgeFolder(purge);
    // Those that came there meanwhile, in the share of another.
    for (const { file } of written) addPurged(purged, await this.#folder.purge(file));
    onDone(purged.stays === 0);
    return purged;
  }

  #purgeFolder({ policy, host, target, prefix, dryRun = false }: CachePurge): Promise<FolderPurged> {
    const ofPolicy = policy === undefined ? undefined : digestOf(policy);
    if (host !== undefined && target !== undefined && !prefix) {
      return this.#folder.purgePlace(ofPolicy, placeDigest({ host, target }), { dryRun });
    }
    if (host === undefined) return this.#walks.ask(ofPolicy ?? '', { dryRun });
    const isMeant = (head: { host: string; target: string }): boolean =>
      head.host === host && (target === undefined || head.target.startsWith(target));
    return this.#walks.ask(ofPolicy ?? '', { dryRun, matches: (start) => isOne(start, isMeant) });
  }

  metrics(): MetricsSnapshot {
    const { errors, usable, busy } = this.#gate;
    const { bytes, files, begun } = this.#folder;
    return [
      {
        name: 'daemun_cache_disk_bytes',
        help: 'Bytes of answers that are kept on the disk, of all workers',
        type: 'gauge',
        series: [{ labels: {}, value: bytes }],
      },
      {
        name: 'daemun_cache_disk_files',
        help: 'Files of answers that are kept on the disk, of all workers',
        type: 'gauge',
        series: [{ labels: {}, value: files }],
      },
      {
        name: 'daemun_cache_disk_usable',
        help: 'Workers whose disk answers in time and takes what is written',
        type: 'gauge',
        series: [{ labels: {}, value: usable && begun ? 1 : 0 }],
      },
      {
        name: 'daemun_cache_disk_reads_total',
        help: 'What was looked for on the disk: found, or absent',
        type: 'counter',
        series: by('result', { found: this.#found, absent: this.#absent }),
      },
      {
        name: 'daemun_cache_disk_skipped_total',
        help: 'What was not done on the disk: it was busy or slow, a file was unsound, or an answer was not written, for lack of room, say',
        type: 'counter',
        series: by('why', { busy, unsound: this.#unsound, unwritten: this.#skipped }),
      },
      {
        name: 'daemun_cache_disk_errors_total',
        help: 'Operations that the disk failed',
        type: 'counter',
        series: by('operation', {
          read: errors.read + errors.body,
          write: errors.write,
          remove: errors.remove + errors.purge,
        }),
      },
    ];
  }
}

function by(label: string, values: Record<string, number>): MetricsSnapshot[number]['series'] {
  return Object.entries(values).map(([name, value]) => ({ labels: { [label]: name }, value }));
}

/** Milliseconds by which the clocks of two processes of a machine may differ. */
const CLOCKS_DIFFER = 1_000;

function placeDigest({ host, target }: { host: string; target: string }): string {
  return digestOf(host, target);
}

function fileAt(key: FileKey, vary: StoredAnswer['vary'] = []): IndexedFile {
  const name = `${placeDigest(key)}-${digestOf(key.key, ...vary.flat())}`;
  return { policy: digestOf(key.source), name };
}

/** Bytes that are read first: of most files all. */
const FIRST_READ = 4 * 1024;

/** Prelude, head and a short body, and the size of the file. */
async function readStart(path: string): Promise<FileStart> {
  const file = await open(path, 'r');
  try {
    const bytes = await readAt(file, 0, FIRST_READ);
    if (bytes.length < FIRST_READ) return { bytes, size: bytes.length };
    const { size } = await file.stat();
    const wanted = startLength(bytes) ?? 0;
    if (wanted <= bytes.length) return { bytes, size };
    return { bytes: Buffer.concat([bytes, await readAt(file, bytes.length, wanted - bytes.length)]), size };
  } finally {
    void file.close().catch(() => {});
  }
}

/** What is read before anything is sent. */
function startLength(bytes: Buffer): number | undefined {
  const end = headEnd(bytes);
  if (end === undefined) return undefined;
  const body = bytes.readUInt32LE(12);
  return body > MAX_WHOLE_BODY ? end : end + body;
}

/** What is no whole file goes with those that are meant. */
function isOne({ bytes, size }: FileStart, matches: (head: { host: string; target: string }) => boolean): boolean {
  if (headEnd(bytes) === undefined) return true;
  const head = readFileHead(bytes, size);
  return head === undefined || matches(head);
}
