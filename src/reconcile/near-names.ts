/**
 * What was surely meant where a status says that an object does not exist: one of nearly the same name. It is said where the
 * status is written, and not where it is made: else every new name would judge all anew who miss one.
 */
import type { Condition } from '../api/index.ts';
import { DueKeys, type NameBook } from '../sources/cluster/index.ts';
import { type NamedObject, withMeant } from '../value/absence.ts';
import type { Json, WantedStatus } from './status-shape.ts';

/** Milliseconds after which a status that misses something is looked at once more: what was meant may have come just after it. */
const SECOND_LOOK = 10_000;
/** The API's limit on a condition's message, in characters. */
const MAX_MESSAGE = 32_768;

export interface NearNamesOptions {
  book: NameBook;
  /** Asked for a status to be looked at once more. */
  again(key: string): void;
  /** Milliseconds; absent: as above. */
  secondLook?: number | undefined;
}

export class NearNames {
  readonly #options: NearNamesOptions;
  /** Statuses that miss something. */
  readonly #missing = new Set<string>();
  /** Those of them that have not been looked at once more. */
  readonly #due: DueKeys;

  constructor(options: NearNamesOptions) {
    this.#options = options;
    const { again, secondLook = SECOND_LOOK } = options;
    this.#due = new DueKeys(secondLook, () => {
      for (const key of this.#due.taken()) again(key);
    });
  }

  /** The status with what was meant, as far as its reader may know of it. */
  completed(key: string, { kind, metadata, status }: WantedStatus): Json {
    const { namespace = '' } = metadata;
    let misses = false;
    const meant = (missing: NamedObject): string | undefined => {
      const like = this.#options.book.meant({ kind, namespace }, missing);
      misses ||= like === undefined;
      return like;
    };
    const whole = completedIn(status as Json, (message) => withMeant(message, meant));
    if (!misses) this.forget(key);
    else if (!this.#missing.has(key)) {
      this.#missing.add(key);
      this.#due.add(key);
    }
    return whole;
  }

  forget(key: string): void {
    this.#missing.delete(key);
    this.#due.delete(key);
  }

  close(): void {
    this.#missing.clear();
    this.#due.clear();
  }
}

/** Its own conditions, and those of its listeners, parents and ancestors. The same object where nothing is added. */
function completedIn(status: Json, complete: (message: string) => string): Json {
  let changed = false;
  const result: Json = { ...status };
  if (Array.isArray(status.conditions)) {
    result.conditions = (status.conditions as Condition[]).map((condition) => {
      const message = complete(condition.message);
      if (message === condition.message || message.length > MAX_MESSAGE) return condition;
      changed = true;
      return { ...condition, message };
    });
  }
  for (const list of ['listeners', 'parents', 'ancestors']) {
    if (!Array.isArray(status[list])) continue;
    result[list] = (status[list] as Json[]).map((entry) => {
      const whole = completedIn(entry, complete);
      changed ||= whole !== entry;
      return whole;
    });
  }
  return changed ? result : status;
}
