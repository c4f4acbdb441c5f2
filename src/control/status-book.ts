/** The status writer without a cluster: statuses with the times of their conditions, noted as they change. */
import type { StatusItem } from './report.ts';
import type { StatusChange, StatusWriter } from './status-writer.ts';
import { stamped } from './transition.ts';

/** Changes that are noted in one turn of the event loop; of more the rest is noted in later ones, or when somebody looks. */
const AT_ONCE = 200;

interface Open {
  change: StatusChange;
  /** When it came. */
  now: string;
}

export class StatusBook implements StatusWriter {
  readonly #items = new Map<string, StatusItem>();
  readonly #time: Date | undefined;
  /** What is not noted yet, in order, from `#next` on. */
  #open: Open[] = [];
  #next = 0;
  #isScheduled = false;

  /** `time`: of all changes; absent: when they come. */
  constructor(time?: Date) {
    this.#time = time;
  }

  write(changes: ReadonlyArray<StatusChange>): void {
    // To the second, as an API server keeps it.
    const now = (this.#time ?? new Date()).toISOString().replace(/\.\d+Z$/, 'Z');
    for (const change of changes) this.#open.push({ change, now });
    if (!this.#isScheduled) this.#work();
  }

  items(): StatusItem[] {
    this.#take(this.#open.length);
    return [...this.#items].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, item]) => item);
  }

  #work(): void {
    this.#take(AT_ONCE);
    this.#isScheduled = this.#open.length > 0;
    if (this.#isScheduled) setImmediate(() => this.#work()).unref();
  }

  #take(most: number): void {
    const end = Math.min(this.#open.length, this.#next + most);
    while (this.#next < end) this.#note(this.#open[this.#next++]!);
    if (end < this.#open.length) return;
    this.#open = [];
    this.#next = 0;
  }

  #note({ change: { key, after }, now }: Open): void {
    if (!after) {
      this.#items.delete(key);
      return;
    }
    const before = this.#items.get(key)?.status;
    this.#items.set(key, { ...after, status: stamped(after.status, before, now) });
  }
}
