/** Keeps a snapshot on disk up to date, seldom enough to be no burden. */
import type { Log } from '../observe/index.ts';
import type { HeldConfig } from './held-config.ts';
import type { SnapshotFile } from './snapshot-file.ts';

/** Milliseconds from a change to the write that has it: what comes meanwhile is written with it. */
export const SNAPSHOT_PAUSE = { least: 1_000, most: 60_000 } as const;
/** Times of the last write to pause: a config that takes long to write is written less often. */
const SHARE = 100;

export class SnapshotKeeper {
  readonly #file: SnapshotFile;
  readonly #config: Pick<HeldConfig, 'version' | 'lines'>;
  readonly #log: Log;
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> | undefined;
  #pause: number = SNAPSHOT_PAUSE.least;
  /** The version that is on disk. */
  #written = 0;
  #trouble = '';
  /** When it was last written; undefined: not yet. */
  writtenAt: Date | undefined;

  constructor(file: SnapshotFile, config: Pick<HeldConfig, 'version' | 'lines'>, log: Log) {
    this.#file = file;
    this.#config = config;
    this.#log = log;
  }

  /** What is to be kept is another one. */
  changed(): void {
    this.#timer ??= setTimeout(() => void this.#write(), this.#pause).unref();
  }

  /** Writes what is not written yet. */
  async close(): Promise<void> {
    await this.#writing;
    clearTimeout(this.#timer);
    if (this.#timer !== undefined) await this.#write();
  }

  async #write(): Promise<void> {
    this.#writing ??= this.#attempt().finally(() => {
      this.#writing = undefined;
    });
    await this.#writing;
  }

  async #attempt(): Promise<void> {
    const began = performance.now();
    const { version } = this.#config;
    try {
      if (version !== this.#written) await this.#file.write(this.#config);
      this.#written = version;
      this.writtenAt = new Date();
      this.#trouble = '';
    } catch (error) {
      const { message } = error as Error;
      if (message !== this.#trouble) {
        this.#log.error({ error: message }, 'the snapshot was not written; the one before it stays');
      }
      this.#trouble = message;
    }
    const took = performance.now() - began;
    this.#pause = Math.min(SNAPSHOT_PAUSE.most, Math.max(SNAPSHOT_PAUSE.least, took * SHARE));
    this.#timer = undefined;
    // What came while it was written, and what could not be written, is still to be.
    if (this.#config.version !== this.#written) this.changed();
  }
}
