/** Objects by kind, their versions, and the history that watches read. One counter of versions for all, as in etcd. */
import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { type ApiObject, type JsonObject, type OwnerReference, Refusal } from './api-object.ts';
import type { ServedKind } from './served-kind.ts';

export type ChangeType = 'ADDED' | 'MODIFIED' | 'DELETED';

export interface StoredChange {
  version: number;
  type: ChangeType;
  served: ServedKind;
  object: ApiObject;
  /** As it was; for watches with a selector, out of which an object may fall. */
  before: ApiObject | undefined;
}

/** Changes that are kept: a watch from before them is expired. */
const HISTORY = 10_000;

export interface Backup {
  version: number;
  objects: ReadonlyMap<ServedKind, Map<string, ApiObject>>;
}

export class Store {
  /** What is asked now is only tried: nothing that is made or changed is kept. */
  dry = false;
  readonly #objects = new Map<ServedKind, Map<string, ApiObject>>();
  #history: StoredChange[] = [];
  #version = 1;
  /** Changes up to here are forgotten. */
  #compacted = 0;
  readonly #watchers = new Set<(change: StoredChange) => void>();
  /** Writes that changed something, for tests that count them. */
  readonly writes: Array<{ verb: string; served: ServedKind; name: string; subresource?: string | undefined }> = [];

  get version(): number {
    return this.#version;
  }

  get compacted(): number {
    return this.#compacted;
  }

  /** In the order of their keys. */
  list(served: ServedKind, namespace: string): ApiObject[] {
    return [...this.#of(served)]
      .filter(([key]) => namespace === '' || key.startsWith(`${namespace}/`))
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([, object]) => object);
  }

  find(served: ServedKind, namespace: string, name: string): ApiObject | undefined {
    return this.#of(served).get(`${namespace}/${name}`);
  }

  get(served: ServedKind, namespace: string, name: string): ApiObject {
    const found = this.find(served, namespace, name);
    if (found !== undefined) return found;
    const what = served.group === '' ? served.plural : `${served.plural}.${served.group}`;
    throw new Refusal(404, 'NotFound', { message: `${what} "${name}" not found` });
  }

  create(served: ServedKind, given: ApiObject): ApiObject {
    const { metadata } = given;
    const name = metadata.name ?? (metadata.generateName ? `${metadata.generateName}${suffix()}` : '');
    if (name === '') throw new Refusal(422, 'Invalid', { message: 'metadata.name: Required value' });
    if (this.find(served, metadata.namespace ?? '', name) !== undefined) {
      throw new Refusal(409, 'AlreadyExists', { message: `${served.plural} "${name}" already exists` });
    }
    const object: ApiObject = {
      ...given,
      metadata: {
        ...metadata,
        name,
        uid: randomUUID(),
        creationTimestamp: new Date().toISOString().replace(/\.\d+Z$/, 'Z'),
        generation: 1,
      },
    };
    return this.#store('ADDED', { served, object, before: undefined });
  }

  /** Replaces it; `object.metadata.resourceVersion`, where it is given, must be that of now. */
  replace(served: ServedKind, object: ApiObject, { status }: { status: boolean }): ApiObject {
    const before = this.get(served, object.metadata.namespace ?? '', object.metadata.name);
    const given = object.metadata.resourceVersion;
    if (given !== undefined && given !== before.metadata.resourceVersion) {
      throw new Refusal(409, 'Conflict', {
        message: `Operation cannot be fulfilled on ${served.plural} "${object.metadata.name}": the object has been modified; please apply your changes to the latest version and try again`,
      });
    }
    const after = rightful(before, object, { served, status });
    if (isDeepStrictEqual(after, before)) return before;
    if (!status && !isDeepStrictEqual(desired(before), desired(after))) {
      after.metadata.generation = (before.metadata.generation ?? 0) + 1;
    }
    if (after.metadata.deletionTimestamp !== undefined && (after.metadata.finalizers ?? []).length === 0) {
      return this.#remove(served, after);
    }
    return this.#store('MODIFIED', { served, object: after, before });
  }

  delete(served: ServedKind, namespace: string, name: string): ApiObject {
    const before = this.get(served, namespace, name);
    if ((before.metadata.finalizers ?? []).length === 0) return this.#remove(served, before);
    if (before.metadata.deletionTimestamp !== undefined) return before;
    const object = structuredClone(before);
    object.metadata.deletionTimestamp = new Date().toISOString();
    return this.#store('MODIFIED', { served, object, before });
  }

  /** What it owns is nobody's from now on. */
  orphan({ metadata: { uid } }: ApiObject): void {
    for (const [served, objects] of this.#objects) {
      for (const object of [...objects.values()]) {
        const owners = object.metadata.ownerReferences ?? [];
        if (!owners.some((one) => one.uid === uid)) continue;
        const own = structuredClone(object);
        own.metadata.ownerReferences = owners.filter((one) => one.uid !== uid);
        this.replace(served, own, { status: false });
      }
    }
  }

  /** Changes after a version, then each as it happens. Throws Expired where the history does not reach that far. */
  watch(after: number, onChange: (change: StoredChange) => void): () => void {
    if (after < this.#compacted) {
      throw new Refusal(410, 'Expired', { message: `too old resource version: ${after} (${this.#compacted})` });
    }
    for (const change of this.#history) if (change.version > after) onChange(change);
    this.#watchers.add(onChange);
    return () => this.#watchers.delete(onChange);
  }

  /** Forgets the history: whoever watches from an older version must list. */
  compact(): void {
    this.#compacted = this.#version;
    this.#history = [];
  }

  /** For `restore`. */
  backup(): Backup {
    const objects = [...this.#objects].map(([served, held]) => [served, structuredClone(held)] as const);
    return { version: this.#version, objects: new Map(objects) };
  }

  /** What there was at a backup, whose versions are counted on from there. Nobody who watches is told. */
  restore({ version, objects }: Backup): void {
    this.#objects.clear();
    for (const [served, held] of objects) this.#objects.set(served, structuredClone(held));
    this.#version = version;
    this.#history = [];
    this.#compacted = 0;
  }

  #of(served: ServedKind): Map<string, ApiObject> {
    let objects = this.#objects.get(served);
    if (objects === undefined) this.#objects.set(served, (objects = new Map()));
    return objects;
  }

  #store(
    type: ChangeType,
    change: { served: ServedKind; object: ApiObject; before: ApiObject | undefined },
  ): ApiObject {
    const { served, object } = change;
    if (this.dry) return object;
    object.metadata.resourceVersion = String(++this.#version);
    this.#of(served).set(keyOf(object), object);
    this.#tell({ ...change, type, version: this.#version });
    return object;
  }

  #remove(served: ServedKind, before: ApiObject): ApiObject {
    this.#of(served).delete(keyOf(before));
    const object = structuredClone(before);
    object.metadata.resourceVersion = String(++this.#version);
    this.#tell({ version: this.#version, type: 'DELETED', served, object, before });
    this.#collect(object);
    if (served.kind === 'Namespace' && served.group === '') this.#empty(object.metadata.name);
    return object;
  }

  #tell(change: StoredChange): void {
    this.#history.push(change);
    if (this.#history.length > HISTORY) this.#compacted = this.#history.shift()!.version;
    for (const watcher of [...this.#watchers]) watcher(change);
  }

  /** What only the object owned goes with it, as the controller manager would see to. */
  #collect(owner: ApiObject): void {
    const { uid } = owner.metadata;
    const isIt = (reference: OwnerReference): boolean => reference.uid === uid;
    for (const [served, objects] of this.#objects) {
      for (const object of [...objects.values()]) {
        const owners = object.metadata.ownerReferences ?? [];
        if (owners.some(isIt) && owners.every(isIt)) {
          this.delete(served, object.metadata.namespace ?? '', object.metadata.name);
        }
      }
    }
  }

  #empty(namespace: string): void {
    for (const [served, objects] of this.#objects) {
      if (!served.namespaced) continue;
      for (const object of [...objects.values()]) {
        if (object.metadata.namespace === namespace) this.delete(served, namespace, object.metadata.name);
      }
    }
  }
}

function keyOf({ metadata }: ApiObject): string {
  return `${metadata.namespace ?? ''}/${metadata.name}`;
}

/** What a write may change: the status alone, or all but the status; and never what the server sets. */
function rightful(
  before: ApiObject,
  given: ApiObject,
  { served, status }: { served: ServedKind; status: boolean },
): ApiObject {
  const { uid, resourceVersion, generation, creationTimestamp, deletionTimestamp } = before.metadata;
  const system = { uid, resourceVersion, generation, creationTimestamp, deletionTimestamp };
  const { managedFields } = given.metadata;
  const fields = managedFields === undefined ? {} : { managedFields };
  if (status) return clean({ ...before, status: given.status, metadata: { ...before.metadata, ...fields } });
  const kept: JsonObject = served.status ? { status: before.status } : {};
  return clean({ ...given, ...kept, metadata: { ...given.metadata, ...system } });
}

/** Without keys that hold nothing, as JSON has none. */
function clean(object: ApiObject): ApiObject {
  return JSON.parse(JSON.stringify(object)) as ApiObject;
}

/** What counts into the generation. */
function desired({ metadata: _, status: __, ...rest }: ApiObject): JsonObject {
  return rest;
}

function suffix(): string {
  return randomUUID().slice(0, 5);
}
