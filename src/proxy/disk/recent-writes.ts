/** What this worker writes, or wrote a moment ago: a purge that comes late, or whose turn was before, finds it here. */
import type { CachePurge } from '../../config/index.ts';
import type { FileKey } from './answer-file.ts';
import type { IndexedFile } from './file-index.ts';
import { isOf } from './forgotten.ts';

/** Milliseconds after which every worker has heard of a purge that was before it was written. */
export const RECENT_TIME: number = 10_000;
/** Most that are remembered, the latest. */
export const MAX_RECENT_WRITES: number = 10_000;

export interface RecentWrite {
  readonly key: FileKey;
  readonly file: IndexedFile;
  readonly length: number;
  /** It is not wanted any more. */
  void: boolean;
  readonly at: number;
}

export class RecentWrites {
  readonly #writes = new Set<RecentWrite>();

  begin(key: FileKey, { length, ...file }: IndexedFile & { length: number }): RecentWrite {
    const at = performance.now();
    for (const one of this.#writes) {
      if (at - one.at < RECENT_TIME && this.#writes.size < MAX_RECENT_WRITES) break;
      this.#writes.delete(one);
    }
    const write = { key, file, length, void: false, at };
    this.#writes.add(write);
    return write;
  }

  /** Those that a purge is about; they are void from now on. */
  purge(purge: CachePurge): RecentWrite[] {
    const found = [...this.#writes].filter(({ key }) => isOf(purge, key));
    for (const one of found) {
      one.void = true;
      this.#writes.delete(one);
    }
    return found;
  }
}
