/** What has been made, as the cluster has it now, and the nodes and pods where addresses are theirs. */
import type { Resource } from '../../api/index.ts';
import { type ApiClient, ListWatch, type ListWatchTimes } from '../../sources/cluster/index.ts';
import { collectionPath, gatewayOwner, type LiveObject, MADE_API, MADE_KINDS, type MadeKind } from './made-object.ts';
import { MANAGED_BY_LABEL, MANAGER, POD_GATEWAY_ANNOTATION } from './metadata.ts';

export interface LiveObjectsOptions {
  client: ApiClient;
  /** Only these; absent: all. */
  namespaces?: readonly string[] | undefined;
  /** An object of a Gateway (`namespace/name`) has changed, come or gone; '': nodes. */
  onChange(gateway: string): void;
  /** A pod of a Gateway is being taken away. */
  onPodEnding(gateway: string, name: string): void;
  /** What is wrong with reading a kind; undefined: nothing any more. */
  onTrouble(kind: string, error: Error | undefined): void;
  times?: Partial<ListWatchTimes> | undefined;
}

export class LiveObjects {
  readonly #options: LiveObjectsOptions;
  /** By kind, then by `namespace/name`. */
  readonly #objects = new Map<string, Map<string, LiveObject>>();
  readonly #byGateway = new Map<string, Set<LiveObject>>();
  readonly #watches: ListWatch[] = [];
  #nodes: Promise<void> | undefined;
  #pods: Promise<void> | undefined;
  /**
   * Fulfilled when everything that was made is known, or cannot be read: an object of which nothing is known is asked
   * for by its name, so that a right which is missing for one kind stops no other.
   */
  readonly ready: Promise<void>;

  constructor(options: LiveObjectsOptions) {
    this.#options = options;
    this.ready = Promise.all(
      MADE_KINDS.flatMap((kind) => this.#scopes().map((scope) => this.#follow(kind, collectionPath(kind, scope)))),
    ).then(() => {});
  }

  get(kind: string, namespace: string, name: string): LiveObject | undefined {
    return this.#objects.get(kind)?.get(`${namespace}/${name}`);
  }

  /** Made for this Gateway, of whatever kind. */
  of(gateway: string): Iterable<LiveObject> {
    return this.#byGateway.get(gateway) ?? [];
  }

  /** Gateways that something was made for. */
  gateways(): string[] {
    return [...this.#byGateway.keys()];
  }

  /** Asked for when an address is a node's, and followed from then on. */
  nodes(): LiveObject[] {
    this.#nodes ??= this.#follow('Node', '/api/v1/nodes');
    return [...(this.#objects.get('Node')?.values() ?? [])];
  }

  /** Of data planes where it matters on which node they are. */
  pods(gateway: string): LiveObject[] {
    this.#pods ??= Promise.all(
      this.#scopes().map((scope) =>
        this.#follow('Pod', scope === '' ? '/api/v1/pods' : `/api/v1/namespaces/${scope}/pods`),
      ),
    ).then(() => {});
    return [...(this.#objects.get('Pod')?.values() ?? [])].filter((pod) => gatewayOf(pod) === gateway);
  }

  /** The pod is being taken away, and nothing of its own comes before the signal. Of pods that are not followed: no. */
  isEnding(namespace: string, name: string): boolean {
    const pod = this.get('Pod', namespace, name);
    return pod !== undefined && isEnding(pod);
  }

  async close(): Promise<void> {
    await Promise.all(this.#watches.map((watch) => watch.close()));
  }

  #scopes(): readonly string[] {
    return this.#options.namespaces ?? [''];
  }

  #follow(kind: string, path: string): Promise<void> {
    const { client, times, onTrouble } = this.#options;
    const own = new Map<string, LiveObject>();
    const tried = Promise.withResolvers<void>();
    const watch = new ListWatch({
      client,
      path,
      ...(kind === 'Node' ? {} : { labelSelector: `${MANAGED_BY_LABEL}=${MANAGER}` }),
      ...(times ? { times } : {}),
      events: {
        replace: (objects) => {
          const there = new Set(objects.map(keyOf));
          for (const [key, object] of own) if (!there.has(key)) this.#remove(kind, own, object);
          for (const object of objects) this.#put(kind, own, object);
        },
        change: (changes) => {
          for (const { object, gone } of changes) {
            if (gone) this.#remove(kind, own, object as LiveObject);
            else this.#put(kind, own, object);
          }
        },
        trouble: (error) => {
          onTrouble(kind, error);
          tried.resolve();
        },
      },
    });
    this.#watches.push(watch);
    return Promise.race([watch.synced, tried.promise]);
  }

  #put(kind: string, own: Map<string, LiveObject>, given: Resource): void {
    // Objects in a list do not say what they are.
    const apiVersion = given.apiVersion ?? MADE_API[kind as MadeKind]?.apiVersion ?? 'v1';
    const object = { ...given, apiVersion, kind } as LiveObject;
    const key = keyOf(given);
    const before = own.get(key);
    if (before !== undefined) this.#byGateway.get(gatewayOf(before))?.delete(before);
    own.set(key, object);
    this.#of(kind).set(key, object);
    const gateway = gatewayOf(object);
    if (gateway !== '' && kind !== 'Pod') {
      let all = this.#byGateway.get(gateway);
      if (all === undefined) this.#byGateway.set(gateway, (all = new Set()));
      all.add(object);
    }
    this.#options.onChange(gateway);
    if (kind === 'Pod' && isEnding(object) && !(before && isEnding(before)))
      this.#options.onPodEnding(gateway, object.metadata.name);
  }

  #remove(kind: string, own: Map<string, LiveObject>, gone: Pick<LiveObject, 'metadata'>): void {
    const key = keyOf(gone);
    const before = own.get(key);
    own.delete(key);
    this.#of(kind).delete(key);
    if (before === undefined) return;
    const gateway = gatewayOf(before);
    const all = this.#byGateway.get(gateway);
    all?.delete(before);
    if (all?.size === 0) this.#byGateway.delete(gateway);
    this.#options.onChange(gateway);
  }

  #of(kind: string): Map<string, LiveObject> {
    let objects = this.#objects.get(kind);
    if (objects === undefined) this.#objects.set(kind, (objects = new Map()));
    return objects;
  }
}

interface Pod {
  containers?: Array<{ lifecycle?: { preStop?: unknown } }>;
}

function isEnding({ metadata, spec }: LiveObject): boolean {
  const { containers = [] } = (spec ?? {}) as Pod;
  return (
    metadata.deletionTimestamp !== undefined && containers.every(({ lifecycle }) => lifecycle?.preStop === undefined)
  );
}

function keyOf({ metadata }: Pick<Resource, 'metadata'> | Pick<LiveObject, 'metadata'>): string {
  return `${metadata.namespace ?? ''}/${metadata.name}`;
}

/** `namespace/name` of the Gateway that owns it; '' where none does. Pods are owned by what makes them: by their label. */
function gatewayOf(object: LiveObject): string {
  const { kind, metadata } = object;
  const owner = gatewayOwner(object);
  if (owner !== undefined) return `${metadata.namespace ?? ''}/${owner.name}`;
  const argument = kind === 'Pod' ? metadata.annotations?.[POD_GATEWAY_ANNOTATION] : undefined;
  return argument === undefined ? '' : `${metadata.namespace ?? ''}/${argument}`;
}
