/** One object that is made: compared with what is there, and written only where something differs. */
import { type ApiClient, ApiError } from '../../sources/cluster/index.ts';
import { isNewer } from '../../value/resource-version.ts';
import { shapeOf, stands } from './difference.ts';
import { gatewayOwner, type LiveObject, MADE_API, type MadeKind, type MadeObject, placeOf } from './made-object.ts';
import { APPLIED_ANNOTATION, GATEWAY_NAME_LABEL, MANAGED_BY_LABEL, MANAGER } from './metadata.ts';

/** Fields that are applied are owned under this name. */
const FIELD_MANAGER = MANAGER;
/**
 * Under this name the number of pods is kept when the field is given up: taken out by its only owner it would fall back
 * to one before whoever scales from now on has looked.
 */
const SCALE_MANAGER = 'daemun-scale-handover';

export interface ObjectWriterOptions {
  client: ApiClient;
  live(kind: string, namespace: string, name: string): LiveObject | undefined;
  /** Told of each write and removal. */
  onWrite(verb: 'apply' | 'delete', kind: string): void;
}

export class ObjectWriter {
  readonly #options: ObjectWriterOptions;
  /** What writes were answered with, until the watch has come as far. */
  readonly #answers = new Map<string, LiveObject>();
  /** Values that the server turns into others each time: the object that was asked for, and what became of it. */
  readonly #turned = new Map<string, { digest: string; shape: unknown }>();

  constructor(options: ObjectWriterOptions) {
    this.#options = options;
  }

  /** Throws where it cannot be written; an object that is not of this Gateway is not touched. */
  async write(object: MadeObject): Promise<void> {
    const live = this.#newest(object) ?? (await this.#read(object));
    // It went before the watch had come as far.
    if (live === undefined) this.forget(object);
    if (live !== undefined) {
      refuseStranger(object, live);
      // It is on its way out, and the next one is made when it has gone.
      if ((live.metadata as { deletionTimestamp?: string }).deletionTimestamp !== undefined) return;
      if (this.#stands(live, object)) return;
      await this.#keepScale(live, object);
    }
    const answer = await this.#apply(object, FIELD_MANAGER);
    this.#options.onWrite('apply', object.kind);
    const key = keyOf(object);
    this.#answers.set(key, answer);
    if (stands(answer, object)) this.#turned.delete(key);
    else this.#turned.set(key, { digest: digestIn(object), shape: shapeOf(answer, object) });
  }

  /** Nothing more is written of it. */
  forget(object: MadeObject): void {
    this.#answers.delete(keyOf(object));
    this.#turned.delete(keyOf(object));
  }

  /** How many objects something is remembered of. */
  get remembered(): number {
    return new Set([...this.#answers.keys(), ...this.#turned.keys()]).size;
  }

  /** After a look at the object as it is now: only the one that was meant, and only while it is ours. */
  async remove(live: LiveObject): Promise<void> {
    const { client } = this.#options;
    const { namespace = '', name, uid, labels } = live.metadata;
    const path = placeOf({ kind: live.kind as MadeKind, metadata: { namespace, name } as MadeObject['metadata'] });
    try {
      const now = await client.call<LiveObject>({ path });
      const sameOwner = gatewayOwner(now)?.uid === gatewayOwner(live)?.uid;
      if (
        now.metadata.uid !== uid ||
        !sameOwner ||
        now.metadata.labels?.[MANAGED_BY_LABEL] !== labels?.[MANAGED_BY_LABEL]
      )
        return;
      const { resourceVersion } = now.metadata;
      const body = { propagationPolicy: 'Background', preconditions: { uid, resourceVersion } };
      await client.call({ method: 'DELETE', path, body });
      this.#options.onWrite('delete', live.kind);
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 404) throw error;
    }
  }

  #newest(object: MadeObject): LiveObject | undefined {
    const { namespace, name } = object.metadata;
    const seen = this.#options.live(object.kind, namespace, name);
    const answer = this.#answers.get(keyOf(object));
    if (answer === undefined) return seen;
    if (seen !== undefined && !isNewer(answer.metadata.resourceVersion, seen.metadata.resourceVersion)) {
      this.#answers.delete(keyOf(object));
      return seen;
    }
    // Gone as far as the watch knows, or not come yet: asked for.
    return seen === undefined ? undefined : answer;
  }

  /** Also finds what has lost the label by which it is watched. */
  async #read(object: MadeObject): Promise<LiveObject | undefined> {
    try {
      return await this.#options.client.call<LiveObject>({ path: placeOf(object) });
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) return undefined;
      throw error;
    }
  }

  #stands(live: LiveObject, object: MadeObject): boolean {
    if (live.metadata.annotations?.[APPLIED_ANNOTATION] !== digestIn(object)) return false;
    if (stands(live, object)) return true;
    const turned = this.#turned.get(keyOf(object));
    return turned?.digest === digestIn(object) && stands(live, turned.shape);
  }

  async #keepScale(live: LiveObject, object: MadeObject): Promise<void> {
    const count = (live.spec as { replicas?: number } | undefined)?.replicas;
    if (object.kind !== 'Deployment' || count === undefined) return;
    if ((object.spec as { replicas?: number }).replicas !== undefined) return;
    const { name, namespace } = object.metadata;
    const bare = { apiVersion: object.apiVersion, kind: object.kind, metadata: { name, namespace } };
    await this.#apply({ ...bare, spec: { replicas: count } } as unknown as MadeObject, SCALE_MANAGER);
  }

  #apply(body: MadeObject, fieldManager: string): Promise<LiveObject> {
    return this.#options.client.call<LiveObject>({
      method: 'PATCH',
      path: placeOf(body),
      query: { fieldManager, force: true },
      contentType: 'application/apply-patch+yaml',
      body,
    });
  }
}

/** What stands in the way and is somebody else's. */
export class Stranger extends Error {
  override readonly name = 'Stranger';
}

/**
 * One of a Gateway of this name that was there before is taken over, also where it was left behind on purpose
 * (`kubectl delete --cascade=orphan`): with it comes the address of its Service.
 */
function refuseStranger(object: MadeObject, live: LiveObject): void {
  const [wanted] = object.metadata.ownerReferences;
  if (gatewayOwner(live)?.name === wanted?.name) return;
  const { labels = {}, ownerReferences = [] } = live.metadata;
  const isSame = (label: string): boolean => labels[label] === object.metadata.labels[label];
  if (ownerReferences.length === 0 && isSame(MANAGED_BY_LABEL) && isSame(GATEWAY_NAME_LABEL)) return;
  const owner = live.metadata.ownerReferences?.[0];
  const whose = owner === undefined ? 'nobody’s' : `of ${owner.kind} ${owner.name}`;
  throw new Stranger(`exists already and is ${whose}: remove or rename it, so that one can be made for this Gateway`);
}

function digestIn({ metadata }: MadeObject): string {
  return metadata.annotations[APPLIED_ANNOTATION] ?? '';
}

function keyOf({ kind, metadata }: MadeObject): string {
  return `${MADE_API[kind].plural}/${metadata.namespace}/${metadata.name}`;
}
