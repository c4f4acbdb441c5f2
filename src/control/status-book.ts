/** The status writer without a cluster: statuses with the times of their conditions, noted as they change. */
import type { StatusItem } from './report.ts';
import type { StatusChange, StatusWriter } from './status-writer.ts';
import { stamped } from './transition.ts';

export class StatusBook implements StatusWriter {
  readonly #items = new Map<string, StatusItem>();
  readonly #time: Date | undefined;

  /** `time`: of all changes; absent: when they come. */
  constructor(time?: Date) {
    this.#time = time;
  }

  write(changes: ReadonlyArray<StatusChange>): void {
    // To the second, as an API server keeps it.
    const now = (this.#time ?? new Date()).toISOString().replace(/\.\d+Z$/, 'Z');
    for (const change of changes) this.#note(change, now);
  }

  items(): StatusItem[] {
    return [...this.#items].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, item]) => item);
  }

  #note({ key, after }: StatusChange, now: string): void {
    if (!after) {
      this.#items.delete(key);
      return;
    }
    const before = this.#items.get(key)?.status;
    this.#items.set(key, { ...after, status: stamped(after.status, before, now) });
  }
}
