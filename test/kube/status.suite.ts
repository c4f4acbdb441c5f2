/** What the writer of statuses does to a cluster, the embedded one and a real one alike. */
import { afterEach, describe, expect, test } from 'vitest';
import { StatusReconciler, type WantedStatus } from '../../src/reconcile/index.ts';
import { ApiClient, ClusterSource } from '../../src/sources/cluster/index.ts';
import type { ApiRig } from './api.suite.ts';
import type { ApiObject } from './api-object.ts';

const OURS = 'daemun.dev/gateway-controller';
const GATEWAY = 'gateway.networking.k8s.io/v1';
const OLD = '2020-01-01T00:00:00Z';
const log = { error() {}, warn() {}, info() {}, debug() {} };
const open: Array<() => Promise<void> | void> = [];

type Status = Record<string, unknown>;

/** A writer at work in a namespace of its own. */
class Desk {
  readonly written: string[] = [];
  readonly reconciler: StatusReconciler;
  readonly #client: ApiClient;
  readonly #namespace: string;

  static async open(rig: ApiRig, objects: Array<(namespace: string) => ApiObject>): Promise<Desk> {
    const { namespace } = rig;
    const client = new ApiClient(rig.access);
    const source = new ClusterSource({ client, namespaces: [namespace], times: { firstPause: 5, longestPause: 20 } });
    const desk = new Desk(client, source, namespace);
    open.push(
      () => rig.close(),
      () => client.close(),
      () => source.close(),
      () => desk.reconciler.close(),
    );
    for (const object of objects) await desk.create(object);
    await source.ready;
    await expect.poll(() => objects.every((object) => source.live.get(desk.key(object)) !== undefined)).toBe(true);
    return desk;
  }

  private constructor(client: ApiClient, source: ClusterSource, namespace: string) {
    this.#client = client;
    this.#namespace = namespace;
    this.reconciler = new StatusReconciler({
      client,
      controllerNames: [OURS],
      live: (key) => source.live.get(key),
      place: (kind, metadata) => source.pathTo(kind, metadata),
      log,
      onWrite: (key) => this.written.push(key),
    });
    source.live.subscribe((changes) => {
      for (const { key } of changes) this.reconciler.seen(key);
    });
  }

  key(object: (namespace: string) => ApiObject): string {
    const { kind, metadata } = object(this.#namespace);
    return `${kind}/${this.#namespace}/${metadata.name}`;
  }

  async create(object: (namespace: string) => ApiObject): Promise<void> {
    const body = object(this.#namespace);
    await this.#client.call({ method: 'POST', path: this.#path(body.kind), body });
  }

  /** What is wanted is written once this is fulfilled. */
  async write(kind: WantedStatus['kind'], name: string, status: object | undefined): Promise<void> {
    const key = `${kind}/${this.#namespace}/${name}`;
    const after = status && { kind, metadata: { namespace: this.#namespace, name }, status };
    this.reconciler.write([{ key, after }]);
    await this.reconciler.settled();
  }

  get(kind: string, name: string): Promise<ApiObject> {
    return this.#client.call<ApiObject>({ path: `${this.#path(kind)}/${name}` });
  }

  async statusOf(kind: string, name: string): Promise<Status> {
    return (await this.get(kind, name)).status as Status;
  }

  /** Past the writer, as another controller does. */
  async setStatus(kind: string, name: string, status: object): Promise<void> {
    const body = { ...(await this.get(kind, name)), status };
    await this.#client.call({ method: 'PUT', path: `${this.#path(kind)}/${name}/status`, body });
  }

  #path(kind: string): string {
    return `/apis/${GATEWAY}/namespaces/${this.#namespace}/${kind.toLowerCase()}s`;
  }
}

export function testStatuses(name: string, start: () => Promise<ApiRig>): void {
  describe(`statuses: ${name}`, () => {
    afterEach(async () => {
      for (const close of open.splice(0).reverse()) await close();
    });

    const desk = async (...objects: Array<(namespace: string) => ApiObject>): Promise<Desk> => {
      const opened = await Desk.open(await start(), objects);
      opened.reconciler.lead(true);
      return opened;
    };
    const accepted = { parents: [parent('edge', [condition('Accepted')])] };

    test('of routes stand beside those of others, which stay as they are and where they are', async () => {
      const at = await desk(route('a'));
      await at.setStatus('HTTPRoute', 'a', { parents: [THEIRS] });
      await at.write('HTTPRoute', 'a', accepted);
      expect(await at.statusOf('HTTPRoute', 'a')).toMatchObject({
        parents: [THEIRS, { parentRef: { name: 'edge' }, controllerName: OURS }],
      });
    });

    test('are not written where nothing, only the order or only a time differs', async () => {
      const at = await desk(route('a'));
      const conditions = [condition('Accepted'), condition('ResolvedRefs')];
      await at.write('HTTPRoute', 'a', { parents: [parent('edge', conditions)] });
      const before = await at.get('HTTPRoute', 'a');
      await at.write('HTTPRoute', 'a', { parents: [parent('edge', [...conditions].reverse())] });
      at.reconciler.resync();
      await at.reconciler.settled();
      expect(at.written).toHaveLength(1);
      expect(await at.get('HTTPRoute', 'a')).toEqual(before);
    });

    test('keep the time of a condition whose status stays, and conditions of types that are not ours', async () => {
      const at = await desk(route('a'));
      const there = [condition('Accepted', 'old'), condition('Foreign'), condition('PartiallyInvalid')];
      await at.setStatus('HTTPRoute', 'a', { parents: [parent('edge', there)] });
      await at.write('HTTPRoute', 'a', { parents: [parent('edge', [condition('Accepted', 'new')])] });
      const { parents } = (await at.statusOf('HTTPRoute', 'a')) as { parents: Array<{ conditions: object[] }> };
      expect(parents).toHaveLength(1);
      expect(parents[0]!.conditions).toEqual([condition('Accepted', 'new'), condition('Foreign')]);
    });

    test('have a time of their own where the one that is there is the CRD’s, which is no time', async () => {
      const at = await desk(gateway('edge'));
      const unknown = { ...condition('Programmed'), status: 'Unknown', lastTransitionTime: '1970-01-01T00:00:00Z' };
      await at.setStatus('Gateway', 'edge', { conditions: [unknown] });
      await at.write('Gateway', 'edge', { conditions: [{ ...unknown, lastTransitionTime: undefined }] });
      const { conditions } = (await at.statusOf('Gateway', 'edge')) as {
        conditions: Array<{ lastTransitionTime: string }>;
      };
      expect(conditions.map(({ lastTransitionTime }) => lastTransitionTime < '2000')).toEqual([false]);
    });

    test('go where the route is no longer ours', async () => {
      const at = await desk(route('a'));
      await at.setStatus('HTTPRoute', 'a', { parents: [THEIRS] });
      await at.write('HTTPRoute', 'a', accepted);
      await at.write('HTTPRoute', 'a', undefined);
      expect((await at.statusOf('HTTPRoute', 'a')).parents).toMatchObject([THEIRS]);
      expect((await at.statusOf('HTTPRoute', 'a')).parents).toHaveLength(1);
    });

    test('come back where somebody took them away', async () => {
      const at = await desk(route('a'));
      await at.write('HTTPRoute', 'a', accepted);
      await at.setStatus('HTTPRoute', 'a', { parents: [] });
      await expect.poll(() => at.written.length).toBe(2);
    });

    test('of Gateways are applied: what is gone goes, what others wrote stays', async () => {
      const at = await desk(gateway('edge'));
      await at.setStatus('Gateway', 'edge', { conditions: [condition('Foreign')] });
      const addresses = [{ type: 'IPAddress', value: '10.0.0.1' }];
      const conditions = [condition('Accepted'), condition('ResolvedRefs')];
      await at.write('Gateway', 'edge', { conditions, listeners: [listener('http', 1), listener('https')], addresses });
      at.reconciler.resync();
      await at.reconciler.settled();
      expect(at.written).toHaveLength(1);
      await at.write('Gateway', 'edge', { conditions: [conditions[0]], listeners: [listener('http', 2)], addresses });
      const status = (await at.statusOf('Gateway', 'edge')) as {
        conditions: Array<{ type: string }>;
        listeners: object[];
      };
      expect(status.listeners).toMatchObject([{ name: 'http', attachedRoutes: 2 }]);
      expect(status.conditions.map(({ type }) => type).sort()).toEqual(['Accepted', 'Foreign']);
    });

    test('are written by whoever leads, and a lead that changes hands rewrites nothing', async () => {
      const at = await desk(route('a'));
      at.reconciler.lead(false);
      await at.write('HTTPRoute', 'a', accepted);
      expect(at.written).toEqual([]);
      at.reconciler.lead(true);
      await at.reconciler.settled();
      const { metadata } = await at.get('HTTPRoute', 'a');
      at.reconciler.lead(false);
      at.reconciler.lead(true);
      await at.reconciler.settled();
      expect(at.written).toHaveLength(1);
      expect((await at.get('HTTPRoute', 'a')).metadata.resourceVersion).toBe(metadata.resourceVersion);
    });
  });
}

const route =
  (name: string) =>
  (namespace: string): ApiObject => ({
    apiVersion: GATEWAY,
    kind: 'HTTPRoute',
    metadata: { name, namespace },
    spec: { parentRefs: [{ name: 'edge' }] },
  });
const gateway =
  (name: string) =>
  (namespace: string): ApiObject => ({
    apiVersion: GATEWAY,
    kind: 'Gateway',
    metadata: { name, namespace },
    // Of no class: nobody else writes here.
    spec: { gatewayClassName: 'nobody', listeners: [{ name: 'http', port: 80, protocol: 'HTTP' }] },
  });
const condition = (type: string, message = ''): object => ({
  type,
  status: 'True',
  reason: type,
  message,
  lastTransitionTime: OLD,
  observedGeneration: 1,
});
const parent = (name: string, conditions: object[], controllerName = OURS): object => ({
  parentRef: { name },
  controllerName,
  conditions,
});
const THEIRS = parent('mesh', [condition('Accepted')], 'example.com/other');
const listener = (name: string, attachedRoutes = 0): object => ({
  name,
  attachedRoutes,
  supportedKinds: [{ group: 'gateway.networking.k8s.io', kind: 'HTTPRoute' }],
  conditions: [condition('Accepted')],
});
