/**
 * What is asked of a disk, a few at a time: Node has four threads for disks, names and long compression, and one that hangs
 * must not take them all. What cannot be done in time is not done: who asks has another way.
 */

/** Operations at a time. */
export const MAX_DISK_OPERATIONS: number = 2;
/** Most that wait for their turn. */
export const MAX_DISK_WAITING: number = 256;
/** Milliseconds after which a disk is too slow: nothing more is asked of it before it has answered. */
export const DISK_PATIENCE: number = 1_000;
/** Milliseconds for which nothing is written after a write that failed, since it is full, say, or read-only. */
export const WRITE_PAUSE: number = 10_000;

/**
 * `body`: the rest of what is being sent, which waits for its turn however long. So does `purge`, since what is to be forgotten
 * must go, and what sees to a folder: of those there is one at a time.
 */
export type DiskOperation = 'read' | 'body' | 'write' | 'remove' | 'purge';

/** It was not asked: too many wait, or it hangs, or cannot be written. */
export class DiskBusy extends Error {}

export class IoGate {
  readonly errors: Record<DiskOperation, number> = { read: 0, body: 0, write: 0, remove: 0, purge: 0 };
  /** Not asked, since it was busy. */
  busy = 0;
  readonly #waiting: Array<() => void> = [];
  #running = 0;
  #late = 0;
  #pausedUntil = 0;

  /** It answers, and takes what is written. */
  get usable(): boolean {
    return this.#late === 0 && performance.now() >= this.#pausedUntil;
  }

  /** Rejects with DiskBusy where it is not asked, and else as `work` does. A file that is not there is no error. */
  async run<T>(operation: DiskOperation, work: () => Promise<T>): Promise<T> {
    const paused = operation === 'write' && performance.now() < this.#pausedUntil;
    const full = this.#late > 0 || this.#waiting.length >= MAX_DISK_WAITING;
    if (paused || (full && operation !== 'body' && operation !== 'purge')) {
      this.busy++;
      throw new DiskBusy('the disk is busy');
    }
    while (this.#running >= MAX_DISK_OPERATIONS) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    return this.#timed(operation, work);
  }

  async #timed<T>(operation: DiskOperation, work: () => Promise<T>): Promise<T> {
    this.#running++;
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      this.#late++;
    }, DISK_PATIENCE);
    try {
      return await work();
    } catch (error) {
      if (!isAbsent(error)) {
        this.errors[operation]++;
        if (operation === 'write') this.#pausedUntil = performance.now() + WRITE_PAUSE;
      }
      throw error;
    } finally {
      clearTimeout(timer);
      if (late) this.#late--;
      this.#running--;
      this.#waiting.shift()?.();
    }
  }
}

export function isAbsent(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
