/** The access log on its way to a file descriptor: written in batches, bounded in memory, never waited for. */
import sonicBoom from 'sonic-boom';
import { type AccessEntry, type AccessFormat, accessLine } from './access.ts';
import type { Counter } from './metrics.ts';

export interface AccessLogOptions {
  format: AccessFormat;
  /** File descriptor; 1 is standard output. */
  fd: number;
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

export class AccessLog {
  readonly #options: Required<AccessLogOptions>;
  readonly #out: InstanceType<typeof sonicBoom.SonicBoom>;
  #batch = '';
  #lines = 0;
  #timer: NodeJS.Timeout | undefined;
  #broken = false;

  constructor(options: AccessLogOptions) {
    this.#options = { batch: 32 * 1024, limit: 4 * 1024 * 1024, ...options };
    const { fd, batch, limit } = this.#options;
    this.#out = new sonicBoom.SonicBoom({ fd, sync: false, maxWrite: batch, maxLength: limit });
    this.#out.on('drop', (lost: string) => this.#drop(lost));
    // A reader that went away (EPIPE) ends the log, not the gateway.
    this.#out.on('error', () => {
      this.#broken = true;
    });
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
    if (this.#broken) this.#options.dropped.value += this.#lines;
    else this.#out.write(this.#batch);
    this.#batch = '';
    this.#lines = 0;
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
