/** Resources of a cluster, as they are now and as they change. */
import {
  type AnyResource,
  apiVersionOf,
  type ConfigMap,
  GATEWAY_GROUP,
  type InstalledCrd,
  KINDS,
  type Kind,
  KONG_GROUP,
  NAMESPACE_NAME_LABEL,
  objectKey,
  POLICY_GROUP,
  type Resource,
  type Secret,
} from '../../api/index.ts';
import { batchInTurns, type Collection, SourceCollection } from '../../graph/index.ts';
import { isNestedTooDeep, MAX_NESTING } from '../../value/nesting.ts';
import type { Diagnostic } from '../diagnostic.ts';
import type { LastGood } from '../last-good.ts';
import { emptyCollections, type FilledCollections, type Source } from '../source.ts';
import type { ApiClient } from './api-client.ts';
import { ApiError } from './api-error.ts';
import { ChangeQueue } from './change-queue.ts';
import { discover, type ServedResource } from './discovery.ts';
import { FullReads } from './full-reads.ts';
import { InstalledCrds, unservedFindings } from './installed-crds.ts';
import { ListWatch, type ListWatchTimes } from './list-watch.ts';
import { Pace } from './pace.ts';
import { referencedBy, selectedBy } from './referenced.ts';
import { readableStatus, readStored, toldIn } from './stored-object.ts';

export interface ClusterSourceOptions {
  client: ApiClient;
  /** Only objects of these, beside those of the cluster; absent: of all namespaces. */
  namespaces?: string[];
  /** Only these; absent: all that are read. */
  kinds?: readonly Kind[];
  /** Milliseconds between looks at what the cluster serves. */
  rediscover?: number;
  times?: Partial<ListWatchTimes>;
  /** Told of every change of a credential, in the batch that makes it. */
  lastGood?: LastGood;
}

/** Kinds whose objects are held as metadata until something refers to them: there are many, and they are large. */
const METADATA_FIRST: readonly Kind[] = ['Secret', 'ConfigMap'];
/** Keys of what a cluster does not serve or keep begin with it. */
const UNSERVED = 'unserved ';
/** What diagnostics of reading CRDs are about. */
export const CRD_ACCESS = 'CustomResourceDefinition/';
/** Kinds that are others' to define: API servers take them however deep they are. */
const FREE: readonly Kind[] = ['KongPlugin', 'KongClusterPlugin', 'KongConsumer'];
/** Keys of what a derivation threw begin with it. */
const FAULT = 'fault ';
/** Keys of what is nested too deep begin with it. */
const TOO_DEEP = 'nested ';
/** Keys of what has a value of a wrong type begin with it. */
const MISREAD = 'misread ';
/** Milliseconds after which a kind that came with a CRD is seen. */
export const REDISCOVER = 10_000;

/** The status of an object as it is, apart from the object: a status alone changes nothing for those who read specs. */
export interface LiveStatus {
  resourceVersion: string;
  status: Record<string, unknown>;
}

/** Where an object is found, in the version that the cluster serves. */
export interface ObjectPlace {
  path: string;
  apiVersion: string;
}

/** An object with a value that cannot be read, and no status in which it could be told. */
export interface UntoldObject {
  kind: Kind;
  metadata: Pick<Resource['metadata'], 'namespace' | 'name' | 'uid'>;
  message: string;
}

/** Groups whose statuses are written by us. */
const OWN_STATUS: readonly string[] = [GATEWAY_GROUP, POLICY_GROUP];

export class ClusterSource implements Source {
  readonly name = 'cluster';
  synced: Date | undefined;
  readonly collections: FilledCollections = emptyCollections();
  readonly diagnostics = new SourceCollection<Diagnostic>('cluster diagnostics');
  /** By the key of the object, of the kinds whose statuses are ours to write. */
  readonly live = new SourceCollection<LiveStatus>('live statuses');
  /** By object key. */
  readonly untold = new SourceCollection<UntoldObject>('untold objects');
  /** What cannot be read now, by `Kind/namespace`; `cluster`: nothing can. */
  readonly faults = new Map<string, Error>();
  readonly ready: Promise<void>;
  readonly #crds: InstalledCrds;
  readonly #options: ClusterSourceOptions;
  readonly #followed = new Map<Kind, Followed>();
  /** What refers to what, by the object that refers. */
  readonly #references = new Map<string, string[]>();
  readonly #full: FullReads;
  readonly #pace = new Pace();
  readonly #queue = new ChangeQueue<Taken>({
    pace: this.#pace,
    take: (kind, changes) => this.#take(kind as Kind, changes),
  });
  readonly #timer: NodeJS.Timeout;
  /** What the last look found; undefined before the first. */
  #served: ReadonlyMap<Kind, ServedResource> | undefined;
  #closed = false;

  constructor(options: ClusterSourceOptions) {
    this.#options = options;
    this.#full = new FullReads(options.client, {
      put: (key, value) => this.#putCredential(key, value as Secret | ConfigMap | undefined),
      trouble: (key, error) => this.#tell(key, error),
    });
    this.#crds = new InstalledCrds({
      client: options.client,
      times: options.times,
      changed: () => this.#tellUnserved(),
      trouble: (trouble) => this.#tellCrds(trouble),
    });
    this.ready = this.#begin();
    this.#timer = setInterval(() => void this.#look(), options.rediscover ?? REDISCOVER).unref();
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#timer);
    this.#full.close();
    await this.#crds.close();
    await Promise.all([...this.#followed.values()].flatMap(({ watches }) => watches.map((watch) => watch.close())));
  }

  pathTo(kind: Kind, { namespace, name }: { namespace?: string; name: string }): ObjectPlace | undefined {
    const served = this.#followed.get(kind)?.served;
    if (served === undefined) return undefined;
    const { group, version } = served;
    return {
      path: `${pathOf(served, namespace ?? '')}/${name}`,
      apiVersion: group === '' ? version : `${group}/${version}`,
    };
  }

  /** Kinds that are wanted, and that the cluster did not serve at the last look. */
  get missing(): Kind[] {
    const { kinds = Object.keys(KINDS) as Kind[] } = this.#options;
    return kinds.filter((kind) => !KINDS[kind].guest && this.#served?.has(kind) !== true);
  }

  /** Names in a namespace, also of Secrets and ConfigMaps that nothing refers to. */
  *namesOf(kind: Kind, namespace: string): Iterable<string> {
    if (METADATA_FIRST.includes(kind)) yield* this.#full.namesOf(kind, namespace);
    else {
      for (const { metadata } of this.collections[kind].values()) {
        if ((metadata.namespace ?? '') === namespace) yield metadata.name;
      }
    }
  }

  get installed(): Collection<InstalledCrd> {
    return this.#crds.collection;
  }

  async #begin(): Promise<void> {
    // Until the cluster has said what it serves, there is nothing to be ready with.
    while (!this.#closed && !(await this.#look())) await this.#rest();
    const watches = [...this.#followed.values()].flatMap(({ settled }) => settled);
    await Promise.all([...watches, this.#crds.settled]);
    await this.#full.settled();
    this.synced = new Date();
  }

  #rest(): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, 200 + Math.random() * 800));
  }

  async #look(): Promise<boolean> {
    try {
      const served = await discover(this.#options.client);
      if (this.#closed) return true;
      for (const [kind, resource] of served) this.#follow(kind, resource);
      // A kind that went keeps its objects until its own watch says that they are gone.
      this.#tell('cluster', undefined);
      this.#served = served;
      this.#tellUnserved();
      return true;
    } catch (error) {
      this.#tell('cluster', error instanceof Error ? error : new Error(String(error)));
      return false;
    }
  }

  #follow(kind: Kind, served: ServedResource): void {
    if (this.#options.kinds?.includes(kind) === false) return;
    const known = this.#followed.get(kind);
    if (known?.served.version === served.version) return;
    for (const watch of known?.watches ?? []) void watch.close();
    const { namespaces, client, times } = this.#options;
    const scopes = served.namespaced && namespaces !== undefined ? namespaces : [''];
    const settled: Promise<void>[] = [];
    const watches = scopes.map((scope) => {
      const { promise: denied, resolve: giveUp } = Promise.withResolvers<void>();
      const keys = new Set<string>();
      const watch = new ListWatch({
        client,
        path: pathOf(served, scope),
        metadataOnly: METADATA_FIRST.includes(kind),
        times,
        events: {
          replace: (objects) => this.#replace(kind, keys, objects),
          change: (changes) => this.#change(kind, keys, changes),
          trouble: (error) => {
            if (!KINDS[kind].guest || !isDenied(error)) return this.#tell(`${kind}/${scope}`, error);
            this.#tellGuest(kind, error);
            giveUp();
          },
        },
      });
      // Nobody waits for what another gateway reads and we may not.
      settled.push(Promise.race([watch.synced, denied]));
      return watch;
    });
    this.#followed.set(kind, { served, watches, settled });
  }

  /** What is gone goes last, so that nothing is missing meanwhile that has come under another name. */
  async #replace(kind: Kind, keys: Set<string>, objects: Resource[]): Promise<void> {
    const there = objects.map((object) => this.#adopted(kind, object));
    const now = new Set(there.map(objectKey));
    const gone = [...keys].filter((key) => !now.has(key));
    keys.clear();
    for (const key of now) keys.add(key);
    const changes = [...there.map((object) => ({ key: objectKey(object), object })), ...gone.map((key) => ({ key }))];
    // What was told before is older.
    await this.#queue.settled(kind);
    const fault = `${FAULT}${kind}`;
    if (this.diagnostics.get(fault) !== undefined) this.diagnostics.apply([{ key: fault }]);
    await this.#pace.take<Taken>(changes, (slice) => this.#take(kind, slice));
  }

  async #change(
    kind: Kind,
    keys: Set<string>,
    changes: ReadonlyArray<{ object: Resource; gone: boolean }>,
  ): Promise<void> {
    const found = changes.map(({ object, gone }) => {
      const own = this.#adopted(kind, object);
      const key = objectKey(own);
      if (gone) keys.delete(key);
      else keys.add(key);
      return gone ? { key } : { key, object: own };
    });
    await this.#queue.add(kind, found);
  }

  async #take(kind: Kind, changes: Taken[]): Promise<void> {
    if (this.#closed) return;
    if (METADATA_FIRST.includes(kind)) {
      await Promise.all(changes.map(({ key, object }) => this.#full.seen(key, object?.metadata)));
      return;
    }
    const statuses: Array<{ key: string; value?: LiveStatus }> = [];
    const readable = FREE.includes(kind) ? changes.filter((change) => this.#isReadable(change)) : changes;
    const taken = readable.map(({ key, object }) => {
      if (OWN_STATUS.includes(KINDS[kind].group)) {
        statuses.push(object === undefined ? { key } : { key, value: takenStatus(object) });
      }
      const value = object && this.#readStored(kind, key, object);
      if (object === undefined) this.#tellMisread(key, 'nothing');
      this.#refer(key, value);
      return { key, value };
    });
    await batchInTurns(() => {
      this.live.apply(statuses);
      this.#apply(kind, taken);
    }, this.#pace).catch((error: Error) => this.#tellFault(kind, error));
  }

  /**
   * A derivation has thrown, which is a fault of ours: all else is computed. Read once more it would throw once more, and what
   * comes after it in a list would never be taken.
   */
  #tellFault(kind: Kind, { message: why }: Error): void {
    const message = `what follows of one of them cannot be computed: ${why}; what it was before stays, and all others are served`;
    const value: Diagnostic = { severity: 'error', file: '', line: 0, object: `${kind}/`, field: '', message };
    this.diagnostics.apply([{ key: `${FAULT}${kind}`, value }]);
  }

  /** What cannot be gone through is told, and what was there stays. */
  #isReadable({ key, object }: Taken): boolean {
    const about = `${TOO_DEEP}${key}`;
    if (!isNestedTooDeep(object)) {
      if (this.diagnostics.get(about) !== undefined) this.diagnostics.apply([{ key: about }]);
      return true;
    }
    const message = `is nested deeper than ${MAX_NESTING} levels: what was read before stays in use`;
    const value: Diagnostic = { severity: 'error', file: '', line: 0, object: key, field: '', message };
    this.diagnostics.apply([{ key: about, value }]);
    return false;
  }

  #readStored(kind: Kind, key: string, stored: AnyResource): AnyResource | undefined {
    const { version } = this.#followed.get(kind)?.served ?? KINDS[kind];
    const { metadata } = stored;
    const { object, misread } = readStored(kind, version, stored);
    if (misread === undefined) this.#tellMisread(key, 'nothing');
    else {
      const message = `${misread.field} ${misread.message}; nothing of it is used until then`;
      this.#tellMisread(key, object === undefined ? 'nowhere' : toldIn(object), { kind, metadata, message });
    }
    return object;
  }

  /** What an object's status says, a check says of itself; of what none says there is an event. */
  #tellMisread(key: string, where: ReturnType<typeof toldIn> | 'nothing', untold?: UntoldObject): void {
    const about = `${MISREAD}${key}`;
    const message = where === 'nowhere' || where === 'in status alone' ? untold?.message : undefined;
    if (message !== undefined) {
      const value: Diagnostic = { severity: 'error', file: '', line: 0, object: key, field: '', message };
      this.diagnostics.apply([{ key: about, value }]);
    } else if (this.diagnostics.get(about) !== undefined) this.diagnostics.apply([{ key: about }]);
    if (where === 'nowhere' && untold !== undefined) this.untold.apply([{ key, value: untold }]);
    else if (this.untold.get(key) !== undefined) this.untold.apply([{ key }]);
  }

  #putCredential(key: string, value: Secret | ConfigMap | undefined): Promise<void> {
    const kind = key.startsWith('Secret/') ? 'Secret' : 'ConfigMap';
    return batchInTurns(() => {
      this.#options.lastGood?.note(this.collections[kind].get(key), value);
      this.#apply(kind, [{ key, value }]);
    }, this.#pace);
  }

  #refer(key: string, object: AnyResource | undefined): void {
    const before = this.#references.get(key) ?? [];
    const after = object === undefined ? [] : referencedBy(object);
    for (const one of after) if (!before.includes(one)) this.#full.want(one, key);
    for (const one of before) if (!after.includes(one)) this.#full.unwant(one, key);
    this.#full.select(namespaceIn(key), key, object === undefined ? [] : selectedBy(object));
    if (after.length === 0) this.#references.delete(key);
    else this.#references.set(key, after);
  }

  #apply(kind: Kind, changes: Array<{ key: string; value?: AnyResource | undefined }>): void {
    // The kind says which of the collections takes these.
    (this.collections[kind] as SourceCollection<AnyResource>).apply(
      changes as Array<{ key: string; value?: AnyResource }>,
    );
  }

  /** In the form that collections have, whichever version the cluster serves. */
  #adopted(kind: Kind, object: Resource): AnyResource {
    object.apiVersion = apiVersionOf(kind);
    object.kind = kind;
    if (kind === 'Namespace') {
      object.metadata.labels = { ...object.metadata.labels, [NAMESPACE_NAME_LABEL]: object.metadata.name };
    }
    return object as AnyResource;
  }

  /** Before the first look, nothing is known to be missing. */
  #tellUnserved(): void {
    if (this.#served === undefined) return;
    const found = unservedFindings(this.missing, this.#crds.collection.values(), this.#crds.lacking);
    const told = Array.from(this.diagnostics.entries(), ([key]) => key).filter((key) => key.startsWith(UNSERVED));
    this.diagnostics.apply(told.filter((key) => !found.has(key.slice(UNSERVED.length))).map((key) => ({ key })));
    this.diagnostics.apply(Array.from(found, ([about, value]) => ({ key: `${UNSERVED}${about}`, value })));
  }

  #tellCrds(trouble: { error: Error; denied: boolean } | undefined): void {
    if (!trouble?.denied) return this.#tell(CRD_ACCESS, trouble?.error);
    const message = `${trouble.error.message}: whether the Gateway API's version is supported is not told; grant get, list and watch on CRDs`;
    const value: Diagnostic = { severity: 'info', file: '', line: 0, object: CRD_ACCESS, field: '', message };
    this.diagnostics.apply([{ key: CRD_ACCESS, value }]);
  }

  #tellGuest(kind: Kind, { message: why }: Error): void {
    const way = KINDS[kind].group === KONG_GROUP ? ' (rbac.kong of the chart)' : '';
    const message = `${why}: ${whoRefers(kind)} that name one are refused; grant get, list and watch to serve them${way}`;
    const value: Diagnostic = { severity: 'info', file: '', line: 0, object: `${kind}/`, field: '', message };
    this.diagnostics.apply([{ key: `${kind}/`, value }]);
  }

  #tell(about: string, error: Error | undefined): void {
    if (error === undefined) this.faults.delete(about);
    else this.faults.set(about, error);
    const value = error === undefined ? undefined : troubleOf(about, error);
    this.diagnostics.apply([value === undefined ? { key: about } : { key: about, value }]);
  }
}

interface Taken {
  key: string;
  /** Absent: gone. */
  object?: AnyResource;
}

/** Of `Kind/namespace/name`. */
function namespaceIn(key: string): string {
  return key.slice(key.indexOf('/') + 1, key.lastIndexOf('/'));
}

function whoRefers(kind: Kind): string {
  return kind === 'ClusterTrustBundle' ? 'policies and listeners' : 'routes';
}

interface Followed {
  served: ServedResource;
  watches: ListWatch[];
  /** By watch, when it has read all, or may not. */
  settled: Promise<void>[];
}

/** Takes the status off the object, and the version that changes with it. */
function takenStatus(object: Resource & { status?: unknown }): LiveStatus {
  const { status } = object;
  const { resourceVersion = '', ...metadata } = object.metadata;
  delete object.status;
  object.metadata = metadata;
  return { resourceVersion, status: readableStatus(status) };
}

function pathOf({ group, version, plural }: ServedResource, namespace: string): string {
  const root = group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
  return namespace === '' ? `${root}/${plural}` : `${root}/namespaces/${namespace}/${plural}`;
}

function isDenied(error: Error | undefined): error is ApiError {
  return error instanceof ApiError && (error.status === 403 || error.status === 401);
}

function troubleOf(about: string, error: Error): Diagnostic {
  const message = isDenied(error)
    ? `${error.message}: grant list and watch on it to this account; what was read before stays in use`
    : `${error.message}; tried again until it works, and what was read before stays in use`;
  return { severity: 'error', file: '', line: 0, object: about, field: '', message };
}
