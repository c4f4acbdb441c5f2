/**
 * A whole config as lines of JSON: a fifth of what its objects take, and what a snapshot on disk is made of. Its few
 * objects of the kinds that are asked about all the time are there as objects, too.
 */
import { type ConfigKind, type ConfigObject, type Delta, refKey, Snapshot } from '../config/index.ts';

const AS_OBJECTS: ReadonlySet<ConfigKind> = new Set(['Listener', 'Certificate']);

export class HeldConfig {
  /** By `kind/key`. */
  readonly #lines = new Map<string, string>();
  readonly #counts = new Map<ConfigKind, number>();
  #objects = Snapshot.EMPTY;

  /** 0 before the first delta. */
  get version(): number {
    return this.#objects.version;
  }

  /** Listeners and certificates. */
  get objects(): Snapshot {
    return this.#objects;
  }

  count(kind: ConfigKind): number {
    return this.#counts.get(kind) ?? 0;
  }

  /** As they are now: what comes later does not change the list. */
  lines(): string[] {
    return [...this.#lines.values()];
  }

  apply({ version, upserts, removals }: Delta): void {
    for (const ref of removals) if (this.#lines.delete(refKey(ref))) this.#add(ref.kind, -1);
    for (const object of upserts) {
      const key = refKey(object);
      if (!this.#lines.has(key)) this.#add(object.kind, 1);
      this.#lines.set(key, JSON.stringify(object));
    }
    this.#objects = this.#objects.apply({
      version,
      upserts: upserts.filter(({ kind }) => AS_OBJECTS.has(kind)),
      removals: removals.filter(({ kind }) => AS_OBJECTS.has(kind)),
    });
  }

  /** Everything as one delta, for a worker that starts from nothing. */
  full(): Delta {
    const upserts = Array.from(this.#lines.values(), (line) => JSON.parse(line) as ConfigObject);
    return { version: this.version, upserts, removals: [] };
  }

  #add(kind: ConfigKind, by: number): void {
    this.#counts.set(kind, this.count(kind) + by);
  }
}
