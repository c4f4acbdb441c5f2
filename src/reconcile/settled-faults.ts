/**
 * Faults wait some seconds before somebody is warned of them: of many objects that are applied together one comes a moment
 * before what it refers to, and nobody has to act on that.
 */
import { DueKeys } from '../sources/cluster/index.ts';
import { faultsIn, mendedFaults, newFaults, type StatusFault, textOf } from './status-fault.ts';
import type { Json } from './status-shape.ts';

/** Milliseconds that a fault lasts before a warning. */
const FAULT_SETTLE = 5000;
/** Objects of which it is known what was told last; of more than that the oldest are forgotten. */
const MOST_TOLD = 10_000;

export interface SettledFaultsOptions {
  controllerNames: ReadonlySet<string>;
  /** Told of what has lasted, in the order in which it came. */
  warn(key: string, fault: StatusFault): void;
  /** Told of what somebody was warned of, and is no more. */
  mended(key: string, faults: readonly StatusFault[]): void;
  /** Milliseconds; absent: as above. */
  settle?: number | undefined;
}

/** By what they say. */
type Faults = Map<string, StatusFault>;

export class SettledFaults {
  readonly #options: SettledFaultsOptions;
  /** By object, what nobody was told yet. */
  readonly #waiting = new Map<string, Faults>();
  readonly #due: DueKeys;
  /** By object, what was told last. */
  readonly #told = new Map<string, readonly StatusFault[]>();

  constructor(options: SettledFaultsOptions) {
    this.#options = options;
    this.#due = new DueKeys(options.settle ?? FAULT_SETTLE, () => this.#tell(this.#due.taken()));
  }

  /** A status was written. */
  wrote(key: string, before: Json, after: Json): void {
    const { controllerNames: ours, mended } = this.#options;
    const waiting: Faults = this.#waiting.get(key) ?? new Map();
    const left = new Set(faultsIn(after, ours).map(textOf));
    mended(key, this.#over(key, { gone: mendedFaults(before, after, ours), waiting, left }));
    if (left.size === 0) this.#told.delete(key);
    for (const text of waiting.keys()) if (!left.has(text)) waiting.delete(text);
    for (const fault of newFaults(before, after, ours)) waiting.set(textOf(fault), fault);
    if (waiting.size === 0) {
      this.#waiting.delete(key);
      this.#due.delete(key);
    } else {
      this.#waiting.set(key, waiting);
      this.#due.add(key);
    }
  }

  /** All that waits is told now: whoever writes statuses after us does not see that it is new. */
  flush(): void {
    this.#tell(this.#due.taken(true));
  }

  /** Of what waited nobody was told; but perhaps of what was there before it. */
  #over(
    key: string,
    { gone, waiting, left }: { gone: readonly StatusFault[]; waiting: Faults; left: ReadonlySet<string> },
  ): StatusFault[] {
    if (gone.length === 0) return [];
    const known = gone.filter((fault) => !waiting.has(textOf(fault)));
    const before = (this.#told.get(key) ?? []).filter((fault) => !left.has(textOf(fault)));
    return [...new Map([...before, ...known].map((fault) => [textOf(fault), fault] as const)).values()];
  }

  #tell(keys: Iterable<string>): void {
    for (const key of keys) {
      const faults = [...(this.#waiting.get(key)?.values() ?? [])];
      this.#waiting.delete(key);
      this.#told.delete(key);
      this.#told.set(key, faults);
      for (const fault of faults) this.#options.warn(key, fault);
      for (const oldest of this.#told.keys()) {
        if (this.#told.size <= MOST_TOLD) break;
        this.#told.delete(oldest);
      }
    }
  }
}
