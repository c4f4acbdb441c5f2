/** The access log on its way to a file descriptor: written in batches, bounded in memory, never waited for. */
import { closeSync, fstatSync, openSync, statSync } from 'node:fs';
import sonicBoom from 'sonic-boom';
import { type AccessEntry, type AccessFormat, accessLine } from './access.ts';
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
}

/** Milliseconds that a line waits for others at most. */
const LINGER = 100;

/** Of the log file: clients' addresses are nobody else's business. */
const FILE_MODE = 0o640;

type Sink = InstanceType<typeof sonicBoom.SonicBoom>;

function identityOf({ dev, ino }: { dev: bigint; ino: bigint }): string {
  return `${dev}:${ino}`;
}

function identityAt(path: string): string | undefined {
  const found = statSync(path, { bigint: true, throwIfNoEntry: false });
  return found === undefined ? undefined : identityOf(found);
}

export class AccessLog {
  readonly #options: Required<AccessLogOptions>;
  #out: Sink;
  /** Of the file that is written, where there is one: what its path leads to may change. */
  #identity = '';
  #batch = '';
  #lines = 0;
  #timer: NodeJS.Timeout | undefined;
  #broken = false;

  /** Throws an Error with the way out for a file that cannot be appended to. */
  static check(path: string): void {
    try {
      closeSync(openSync(path, 'a', FILE_MODE));
    } catch (error) {
      throw new Error(`the access log cannot be written: ${(error as Error).message}; name another file`);
    }
  }

  constructor(options: AccessLogOptions) {
    this.#options = { batch: 32 * 1024, limit: 4 * 1024 * 1024, ...options };
    this.#out = this.#open();
  }

  /** Throws where the file cannot be opened. */
  #open(): Sink {
    const { to, batch, limit } = this.#options;
    const fd = typeof to === 'number' ? to : openSync(to, 'a', FILE_MODE);
    if (typeof to === 'string') this.#identity = identityOf(fstatSync(fd, { bigint: true }));
    this.#broken = false;
    const out = new sonicBoom.SonicBoom({ fd, sync: false, maxWrite: batch, maxLength: limit });
    out.on('drop', (lost: string) => this.#drop(lost));
    // A reader that went away (EPIPE), or a full disk, ends the log, not the gateway.
    out.on('error', () => {
      this.#broken = true;
    });
    return out;
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
    if (this.#broken) this.#options.dropped.value += this.#lines;
    else this.#out.write(this.#batch);
    this.#batch = '';
    this.#lines = 0;
  }

  /**
   * A file that was moved away, as logrotate does, is written no more from the next line on, whether a signal tells of
   * it or not.
   */
  #follow(): void {
    const { to } = this.#options;
    if (typeof to === 'number' || (identityAt(to) === this.#identity && !this.#broken)) return;
    const before = this.#out;
    try {
      this.#out = this.#open();
      // Writes what it has and closes its file.
      before.end();
    } catch {
      // Where no file can be made now, what is open is better than nothing; the next flush tries again.
    }
  }

  /** Writes what is left, for at most `timeout` milliseconds, and keeps the file descriptor open. */
  close(timeout: number): Promise<void> {
    this.flush();
    if (this.#broken) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, timeout);
      this.#out.flush(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  #drop(lost: string): void {
    for (let at = lost.indexOf('\n'); at >= 0; at = lost.indexOf('\n', at + 1)) this.#options.dropped.value++;
  }
}
