/**
 * The last acknowledged config on disk, so that a data plane serves while its controller is away. It holds private keys:
 * it lies in memory (tmpfs), or encrypted. docs/decisions/snapshot.md says how.
 */
import { createHash } from 'node:crypto';
import { constants, existsSync } from 'node:fs';
import { type FileHandle, mkdir, open, readFile, rename, rm, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import type { ConfigObject, Delta } from '../config/index.ts';
import { DaemunError } from '../observe/index.ts';
import type { HeldConfig } from './held-config.ts';
import { type Cipher, NO_CIPHER, sealing } from './snapshot-cipher.ts';

/** Of what is written. A reader refuses what is newer. */
export const SNAPSHOT_FORMAT = 1;
/** Bytes of a snapshot, above which none is written or read: it lies in the memory of the pod. */
export const SNAPSHOT_MOST = 128 * 1024 * 1024;
/** Bytes that are composed at a time: between two others get their turn. */
const CHUNK = 256 * 1024;

/** File systems that are memory, as statfs(2) calls them. */
const IN_MEMORY: ReadonlySet<number> = new Set([0x01021994, 0x858458f6]);

const FILE = 'config.snapshot';
/** What could not be used, kept for whoever wants to know why. */
const ASIDE = 'config.snapshot.refused';

/** What is remembered. */
export interface Kept {
  /** Whose config it is: a snapshot of another is never served. */
  owner: string;
  /** The sender's version. */
  version: number;
  config: Delta;
}

interface Header {
  daemunSnapshot: number;
  owner: string;
  version: number;
  objects: number;
}

export interface SnapshotPlace {
  folder: string;
  owner: string;
  /** What the file is encrypted with; absent: the folder must be in memory. */
  key?: Buffer;
}

/** What came of looking for a snapshot: it, or why there is none to use. */
export type Found = { kept: Kept } | { refused: string } | undefined;

export class SnapshotFile {
  readonly #folder: string;
  readonly #owner: string;
  readonly #cipher: Cipher;

  private constructor({ folder, owner, key }: SnapshotPlace) {
    this.#folder = folder;
    this.#owner = owner;
    this.#cipher = key === undefined ? NO_CIPHER : sealing(key);
  }

  /** Throws a DaemunError for a folder that cannot be used, or must not be. */
  static async open(place: SnapshotPlace): Promise<SnapshotFile> {
    const { folder, key } = place;
    try {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      const { type } = await statfs(folder);
      if (key === undefined && !IN_MEMORY.has(type)) {
        throw new DaemunError(
          'DMN_SNAPSHOT_PLACE',
          `--snapshot ${folder} is on a disk, and a snapshot holds private keys: use a folder in memory (emptyDir with medium: Memory), or give --snapshot-key`,
        );
      }
      await rm(join(folder, `${FILE}.new`), { force: true });
    } catch (error) {
      if (error instanceof DaemunError) throw error;
      const { message } = error as Error;
      throw new DaemunError('DMN_SNAPSHOT_PLACE', `--snapshot ${folder}: ${message}`, { cause: error });
    }
    return new SnapshotFile(place);
  }

  /** What was kept last. What cannot be used is set aside, so that it is told once. */
  async read(): Promise<Found> {
    const path = join(this.#folder, FILE);
    if (!existsSync(path)) return undefined;
    try {
      if ((await stat(path)).size > SNAPSHOT_MOST) throw new Error(`has more than ${SNAPSHOT_MOST} bytes`);
      return { kept: this.#parsed(this.#cipher.open(await readFile(path))) };
    } catch (error) {
      const aside = join(this.#folder, ASIDE);
      await rename(path, aside).catch(() => rm(path, { force: true }));
      return { refused: `${path} ${(error as Error).message}; it is not served, and lies in ${aside} now` };
    }
  }

  /**
   * Puts it in the place of what was kept before, whole or not at all. Throws where that cannot be; what was kept before
   * stays then.
   */
  async write(config: Pick<HeldConfig, 'version' | 'lines'>): Promise<void> {
    const next = join(this.#folder, `${FILE}.new`);
    const { O_WRONLY, O_CREAT, O_EXCL } = constants;
    await rm(next, { force: true });
    const file = await open(next, O_WRONLY | O_CREAT | O_EXCL, 0o600);
    try {
      const lines = config.lines();
      const { version } = config;
      const header = { daemunSnapshot: SNAPSHOT_FORMAT, owner: this.#owner, version, objects: lines.length };
      await this.#fill(file, linesOf(header, lines));
      await file.sync();
      await file.close();
      await rename(next, join(this.#folder, FILE));
      await syncFolder(this.#folder);
    } catch (error) {
      await file.close().catch(() => {});
      await rm(next, { force: true });
      throw error;
    }
  }

  async #fill(file: FileHandle, lines: Iterable<string>): Promise<void> {
    const seal = this.#cipher.seal();
    let written = 0;
    const put = async (bytes: Buffer): Promise<void> => {
      written += bytes.length;
      if (written > SNAPSHOT_MOST) throw new Error(`the config makes more than ${SNAPSHOT_MOST} bytes`);
      if (bytes.length > 0) await file.appendFile(bytes);
    };
    await put(seal.begin);
    for (const chunk of chunks(lines)) await put(seal.update(chunk));
    await put(seal.end());
  }

  #parsed(bytes: Buffer): Kept {
    const body = verified(bytes);
    const [first = '', ...lines] = body.toString('utf8').split('\n').slice(0, -1);
    const { daemunSnapshot, owner, version, objects } = JSON.parse(first) as Header;
    if (daemunSnapshot !== SNAPSHOT_FORMAT)
      throw new Error(`is of format ${daemunSnapshot}, and this is ${SNAPSHOT_FORMAT}`);
    if (owner !== this.#owner) throw new Error(`is the config of ${owner}, and this data plane is of ${this.#owner}`);
    if (objects !== lines.length) throw new Error(`has ${lines.length} objects of ${objects}`);
    // As the controller sent them: workers read what is in them, and hashes of this form are compared.
    const upserts = lines.map((line) => JSON.parse(line) as ConfigObject);
    if (!upserts.every(({ kind, key }) => typeof kind === 'string' && typeof key === 'string'))
      throw new Error('has an object without a kind and a key');
    return { owner, version, config: { version, upserts, removals: [] } };
  }
}

/** A line for the header, one an object, and the digest of all before it. */
function* linesOf(header: Header, lines: readonly string[]): Generator<string, void> {
  const digest = createHash('sha256');
  for (const line of [JSON.stringify(header), ...lines]) {
    const text = `${line}\n`;
    digest.update(text);
    yield text;
  }
  yield digest.digest('hex');
}

function* chunks(lines: Iterable<string>): Generator<Buffer, void> {
  let held: string[] = [];
  let size = 0;
  for (const line of lines) {
    held.push(line);
    size += line.length;
    if (size < CHUNK) continue;
    yield Buffer.from(held.join(''));
    held = [];
    size = 0;
  }
  yield Buffer.from(held.join(''));
}

/** Hexadecimal digits of a digest. */
const DIGEST = 64;

/** All but the digest, which must be that of the rest: a write that was cut short is none. */
function verified(bytes: Buffer): Buffer {
  const body = bytes.subarray(0, Math.max(0, bytes.length - DIGEST));
  const told = bytes.subarray(body.length).toString('latin1');
  if (createHash('sha256').update(body).digest('hex') !== told) throw new Error('is broken: its digest is another one');
  return body;
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  await handle.sync().finally(() => handle.close());
}
