/** Turns batches of changes into deltas. An object that equals the one sent last is never sent again. */
import { HashBook } from '../value/hash-book.ts';
import { canonicalHash } from './hash.ts';
import type { ConfigObject, ConfigRef, Delta } from './object.ts';
import { Snapshot } from './snapshot.ts';

/** A change of one config object, as collections report it: no `after` means removed. */
export interface ConfigChange {
  before?: ConfigRef;
  after?: ConfigObject;
}

export class Publisher {
  #snapshot = Snapshot.EMPTY;
  /** Hash of what was sent last, by `kind/key`. */
  readonly #sent = new HashBook();

  /** What has been published so far. */
  get snapshot(): Snapshot {
    return this.#snapshot;
  }

  /** The hash of each object that has been published, by `kind/key`. */
  get hashes(): HashBook {
    return this.#sent;
  }

  /**
   * The step that these changes make, or undefined where they make none. The first call always gives
   * version 1, also where it is empty: a proxy is ready only after it has a config.
   */
  publish(changes: Iterable<ConfigChange>): Delta | undefined {
    const steps = this.publishing(changes);
    for (;;) {
      const { done, value } = steps.next();
      if (done) return value;
    }
  }

  /** As `publish`, stopping after each object, so that a caller may let others go first; only its end is seen outside. */
  *publishing(changes: Iterable<ConfigChange>): Generator<void, Delta | undefined, void> {
    const latest = new Map<string, { ref: ConfigRef; object?: ConfigObject }>();
    for (const { before, after } of changes) {
      if (before) this.#note(latest, before, undefined);
      if (after) this.#note(latest, after, after);
    }
    const delta: Delta = { version: 0, upserts: [], removals: [] };
    for (const [id, { ref, object }] of latest) {
      this.#step(delta, id, { ref, object });
      yield;
    }
    delta.version = this.#snapshot.version + 1;
    if (delta.version > 1 && delta.upserts.length === 0 && delta.removals.length === 0) return undefined;
    this.#snapshot = this.#snapshot.apply(delta);
    return delta;
  }

  /** Everything is taken away; undefined where there is nothing. */
  withdraw(): Delta | undefined {
    const version = this.#snapshot.version + 1;
    const removals = Array.from(this.#snapshot.objects(), ({ kind, key }): ConfigRef => ({ kind, key }));
    if (removals.length === 0) return undefined;
    this.#sent.clear();
    this.#snapshot = Snapshot.EMPTY.apply({ version, upserts: [], removals: [] });
    return { version, upserts: [], removals };
  }

  #note(
    latest: Map<string, { ref: ConfigRef; object?: ConfigObject }>,
    { kind, key }: ConfigRef,
    object: ConfigObject | undefined,
  ): void {
    latest.set(`${kind}/${key}`, { ref: { kind, key }, object });
  }

  #step(delta: Delta, id: string, { ref, object }: { ref: ConfigRef; object: ConfigObject | undefined }): void {
    if (!object) {
      if (this.#sent.delete(id)) delta.removals.push(ref);
      return;
    }
    const hash = canonicalHash(object);
    if (this.#sent.get(id) === hash) return;
    this.#sent.set(id, hash);
    delta.upserts.push(object);
  }
}
