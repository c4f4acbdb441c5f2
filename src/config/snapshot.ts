/** A whole config at one version. Immutable: applying a delta gives the next one, which shares what did not change. */
import { MapDraft } from './layered-map.ts';
import type { ConfigKind, ConfigObject, Delta } from './object.ts';
import type { OfKind } from './of-kind.ts';
import { shown } from './shown.ts';

type KindMaps = ReadonlyMap<ConfigKind, ReadonlyMap<string, ConfigObject>>;

export class Snapshot {
  static readonly EMPTY = new Snapshot(0, new Map());

  /** 0 before the first delta. */
  readonly version: number;
  readonly #kinds: KindMaps;

  private constructor(version: number, kinds: KindMaps) {
    this.version = version;
    this.#kinds = kinds;
  }

  /** Objects of one kind by key, in order of arrival. */
  of<K extends ConfigKind>(kind: K): ReadonlyMap<string, OfKind<K>> {
    return (this.#kinds.get(kind) ?? new Map()) as ReadonlyMap<string, OfKind<K>>;
  }

  get<K extends ConfigKind>(kind: K, key: string): OfKind<K> | undefined {
    return this.of(kind).get(key);
  }

  *objects(): IterableIterator<ConfigObject> {
    for (const objects of this.#kinds.values()) yield* objects.values();
  }

  get size(): number {
    let size = 0;
    for (const objects of this.#kinds.values()) size += objects.size;
    return size;
  }

  /** The next version: removals first, then upserts. Kinds that the delta does not name keep their map. */
  apply(delta: Delta): Snapshot {
    const steps = this.applying(delta);
    for (;;) {
      const { done, value } = steps.next();
      if (done) return value;
    }
  }

  /** As `apply`, stopping after each object, so that a caller may let others go first. */
  *applying(delta: Delta): Generator<void, Snapshot, void> {
    const kinds = new Map(this.#kinds);
    const drafts = new Map<ConfigKind, MapDraft<ConfigObject>>();
    const draft = (kind: ConfigKind): MapDraft<ConfigObject> => {
      let made = drafts.get(kind);
      if (!made) {
        made = new MapDraft(this.#kinds.get(kind) ?? new Map());
        drafts.set(kind, made);
      }
      return made;
    };
    for (const ref of delta.removals) {
      draft(ref.kind).delete(ref.key);
      yield;
    }
    for (const object of delta.upserts) {
      draft(object.kind).set(object.key, object);
      yield;
    }
    for (const [kind, made] of drafts) kinds.set(kind, made.finished());
    return new Snapshot(delta.version, kinds);
  }

  /** As outsiders may see it: without what is secret. */
  shown(): ConfigObject[] {
    return Array.from(this.objects(), shown);
  }

  /** Everything as one delta, for a data plane that starts from nothing. */
  full(): Delta {
    return { version: this.version, upserts: [...this.objects()], removals: [] };
  }
}
