/** The access log on its way to a file descriptor: written in batches, bounded in memory, never waited for. */
import { closeSync, fstatSync, openSync, statSync } from 'node:fs';
import { type AccessEntry, type AccessFormat, accessLine } from './access.ts';
import { LineSink } from './line-sink.ts';
import type { Counter } from './metrics.ts';

export interface AccessLogOptions {
  format: AccessFormat;
  /** File descriptor (1 is standard output), or the path of a file that is appended to. */
  to: number | string;
  /** Counts lines given up because the reader is too slow or gone. */
  dropped: Counter;
  /**
   * Bytes a write holds at most, whole lines as long as one line fits. 4096 where several processes share a
   * pipe, since such writes do not mix; otherwise 32 KiB.
   */
  batch?: number;
  /** Bytes that may wait for the reader; lines beyond are dropped. Default: 4 MiB. */
  limit?: number;
  /** Milliseconds between two tries where it cannot be written. Default: a second. */
  retry?: number;
}

/** Milliseconds that a line waits for others at most. */
const LINGER = 100;

/** Of the log file: clients' addresses are nobody else's business. */
const FILE_MODE = 0o640;

/** Milliseconds between two tries where it cannot be written: a disk is full for a while, a reader is away. */
const RETRY = 1_000;

function identityOf({ dev, ino }: { dev: bigint; ino: bigint }): string {
  return `${dev}:${ino}`;
}

/** Undefined where nothing is, and where the way there cannot be gone now. */
function identityAt(path: string): string | undefined {
  try {
    return identityOf(statSync(path, { bigint: true }));
  } catch {
    return undefined;
  }
}

export class AccessLog {
  readonly #options: Required<AccessLogOptions>;
  #out: LineSink | undefined;
  /** When it was last tried to open it. */
  #triedAt = 0;
  /** Of the file that is written, where there is one: what its path leads to may change. */
  #identity = '';
  #batch = '';
  #lines = 0;
  #timer: NodeJS.Timeout | undefined;

  /** Throws an Error with the way out for a file that cannot be appended to. */
  static check(path: string): void {
    try {
      closeSync(openSync(path, 'a', FILE_MODE));
    } catch (error) {
      throw new Error(`the access log cannot be written: ${(error as Error).message}; name another file`);
    }
  }

  constructor(options: AccessLogOptions) {
    this.#options = { batch: 32 * 1024, limit: 4 * 1024 * 1024, retry: RETRY, ...options };
    this.#out = this.#open();
  }

  /** Undefined where that cannot be done now: whoever serves does so without a log, too. */
  #open(): LineSink | undefined {
    const { to, batch, limit, dropped } = this.#options;
    this.#triedAt = performance.now();
    const onLost = (lines: number): void => {
      dropped.value += lines;
    };
    try {
      const fd = typeof to === 'number' ? to : openSync(to, 'a', FILE_MODE);
      if (typeof to === 'string') this.#identity = identityOf(fstatSync(fd, { bigint: true }));
      return new LineSink({ fd, owned: typeof to === 'string', batch, limit, onLost });
    } catch {
      return undefined;
    }
  }

  add(entry: AccessEntry): void {
    const line = `${accessLine(entry, this.#options.format)}\n`;
    if (this.#batch.length + line.length > this.#options.batch) this.flush();
    this.#batch += line;
    this.#lines++;
    this.#timer ??= setTimeout(() => this.flush(), LINGER).unref();
  }

  /** Hands what was collected to the kernel; does not wait. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#batch === '') return;
    this.#follow();
    if (this.#isWritable) this.#out!.write(this.#batch, this.#lines);
    else this.#options.dropped.value += this.#lines;
    this.#batch = '';
    this.#lines = 0;
  }

  get #isWritable(): boolean {
    return this.#out?.isBroken === false;
  }

  /**
   * A file that was moved away, as logrotate does, is written no more from the next line on, whether a signal tells of
   * it or not. A reader that went away (EPIPE), or a full disk, ends the log until it can be written again, and not the
   * gateway.
   */
  #follow(): void {
    const { to, retry } = this.#options;
    if (this.#isWritable) {
      if (typeof to === 'number' || identityAt(to) === this.#identity) return;
    } else if (performance.now() - this.#triedAt < retry) return;
    const next = this.#open();
    // Where no file can be made now, what is open is better than nothing; the next flush tries again.
    if (next === undefined) return;
    // Writes what it has and closes its file.
    this.#out?.end();
    this.#out = next;
  }

  /** Writes what is left, for at most `timeout` milliseconds, and keeps the file descriptor open. */
  close(timeout: number): Promise<void> {
    this.flush();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, timeout);
      const done = (): void => {
        clearTimeout(timer);
        resolve();
      };
      if (this.#out === undefined) done();
      else this.#out.flush(done);
    });
  }
}
