/**
 * What an API server does that a controller stands on. The embedded one and a real one pass it, so that tests against the
 * former say something about the latter.
 */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ClusterAccess } from '../../src/sources/cluster/cluster-access.ts';
import { ApiClient, ApiError } from '../../src/sources/cluster/index.ts';
import type { ApiObject } from './api-object.ts';

/** An API with a namespace that is there for one test. */
export interface ApiRig {
  access: ClusterAccess;
  namespace: string;
  close(): Promise<void>;
}

const APPLY = 'application/apply-patch+yaml';
const MERGE = 'application/merge-patch+json';
const JSON_PATCH = 'application/json-patch+json';
const METADATA_LIST = 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1';
const OLD = '2020-01-01T00:00:00Z';

interface List {
  metadata: { resourceVersion: string; continue?: string };
  items: ApiObject[];
}

interface Event {
  type: string;
  object: ApiObject & { code?: number };
}

export function testApi(name: string, start: () => Promise<ApiRig>): void {
  describe(`API: ${name}`, () => {
    let rig: ApiRig;
    let client: ApiClient;

    beforeEach(async () => {
      rig = await start();
      client = new ApiClient(rig.access);
    });
    afterEach(async () => {
      client.close();
      await rig.close();
    });

    const maps = (name = ''): string => `/api/v1/namespaces/${rig.namespace}/configmaps${name && `/${name}`}`;
    const routes = (name = ''): string =>
      `/apis/gateway.networking.k8s.io/v1/namespaces/${rig.namespace}/httproutes${name && `/${name}`}`;
    const map = (name: string, data: Record<string, string>, metadata: object = {}): object => ({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name, namespace: rig.namespace, ...metadata },
      data,
    });
    const create = (path: string, body: object): Promise<ApiObject> =>
      client.call<ApiObject>({ method: 'POST', path, body });
    const apply = (path: string, body: object, query: Record<string, string | boolean>): Promise<ApiObject> =>
      client.call<ApiObject>({ method: 'PATCH', path, body, contentType: APPLY, query });
    const route = (name: string): object => ({
      apiVersion: 'gateway.networking.k8s.io/v1',
      kind: 'HTTPRoute',
      metadata: { name, namespace: rig.namespace },
      spec: { parentRefs: [{ name: 'edge' }], hostnames: ['a.example.com'] },
    });
    const refusal = async (call: Promise<unknown>): Promise<[number, string]> => {
      const error = await call.then(
        () => undefined,
        (reason: unknown) => reason,
      );
      if (!(error instanceof ApiError)) throw new Error(`not refused: ${String(error)}`);
      return [error.status, error.reason];
    };

    test('a list of a kind of Kubernetes says what its objects are, and they do not; one of a CRD’s does', async () => {
      await create(maps(), map('a', {}));
      await create(routes(), route('r'));
      const [listed] = (await client.call<List>({ path: maps() })).items.filter(
        ({ metadata }) => metadata.name === 'a',
      );
      expect([listed!.kind, listed!.apiVersion]).toEqual([undefined, undefined]);
      expect((await client.call<List>({ path: routes() })).items[0]).toMatchObject({ kind: 'HTTPRoute' });
    });

    test('a list is given in pages of one moment', async () => {
      for (const one of ['a', 'b', 'c', 'd', 'e']) await create(maps(), map(one, { at: 'first' }));
      const query = { limit: 2, labelSelector: 'kept=' };
      for (const one of ['a', 'b', 'c', 'd', 'e']) {
        await client.call({
          method: 'PATCH',
          path: maps(one),
          body: { metadata: { labels: { kept: '' } } },
          contentType: MERGE,
        });
      }
      const first = await client.call<List>({ path: maps(), query });
      expect(first.items.map(({ metadata }) => metadata.name)).toEqual(['a', 'b']);
      await client.call({ method: 'DELETE', path: maps('d') });
      const names: string[] = [];
      let next = first.metadata.continue;
      const versions = new Set([first.metadata.resourceVersion]);
      while (next) {
        const page = await client.call<List>({ path: maps(), query: { ...query, continue: next } });
        names.push(...page.items.map(({ metadata }) => metadata.name));
        versions.add(page.metadata.resourceVersion);
        next = page.metadata.continue;
      }
      expect(names).toEqual(['c', 'd', 'e']);
      expect(versions.size).toBe(1);
    });

    test('a watch tells what came after a version, and nothing before it', async () => {
      await create(maps(), map('before', {}));
      const { metadata } = await client.call<List>({ path: maps() });
      const seen = watching(metadata.resourceVersion);
      await create(maps(), map('a', { at: '1' }));
      await client.call({ method: 'PATCH', path: maps('a'), body: { data: { at: '2' } }, contentType: MERGE });
      await client.call({ method: 'DELETE', path: maps('a') });
      await expect.poll(() => seen.of('a')).toEqual(['ADDED', 'MODIFIED', 'DELETED']);
      expect(seen.of('before')).toEqual([]);
      await seen.end();
    });

    test('a watch that begins with a list says where that ends', async () => {
      await create(maps(), map('a', {}));
      const seen = watching(undefined, { sendInitialEvents: true, resourceVersionMatch: 'NotOlderThan' });
      await expect.poll(() => seen.events.some(({ type }) => type === 'BOOKMARK')).toBe(true);
      const mark = seen.events.find(({ type }) => type === 'BOOKMARK')!;
      expect(mark.object.metadata.annotations).toMatchObject({ 'k8s.io/initial-events-end': 'true' });
      expect(seen.of('a')).toEqual(['ADDED']);
      await seen.end();
    });

    test('metadata alone can be asked for', async () => {
      await create(maps(), map('a', { secret: 'x' }, { labels: { kept: 'yes' } }));
      const list = await client.call<List>({
        path: maps(),
        accept: METADATA_LIST,
        query: { labelSelector: 'kept=yes' },
      });
      expect(list.items).toHaveLength(1);
      expect(list.items[0]!.metadata).toMatchObject({ name: 'a', labels: { kept: 'yes' } });
      expect(list.items[0]).not.toHaveProperty('data');
    });

    test('what is there cannot be created, what is not there cannot be read or replaced', async () => {
      await create(maps(), map('a', {}));
      expect(await refusal(create(maps(), map('a', {})))).toEqual([409, 'AlreadyExists']);
      expect(await refusal(client.call({ path: maps('b') }))).toEqual([404, 'NotFound']);
      expect(await refusal(client.call({ method: 'DELETE', path: maps('b') }))).toEqual([404, 'NotFound']);
    });

    test('a replacement with an old version is a conflict', async () => {
      const first = await create(maps(), map('a', { at: '1' }));
      const { resourceVersion } = first.metadata;
      const put = (at: string): Promise<ApiObject> =>
        client.call<ApiObject>({ method: 'PUT', path: maps('a'), body: map('a', { at }, { resourceVersion }) });
      const second = await put('2');
      expect(second.metadata.resourceVersion).not.toBe(resourceVersion);
      expect(second.metadata.uid).toBe(first.metadata.uid);
      expect(await refusal(put('3'))).toEqual([409, 'Conflict']);
    });

    test('what changes nothing keeps the version', async () => {
      const { metadata } = await create(maps(), map('a', { at: '1' }));
      const call = { method: 'PATCH', path: maps('a'), body: { data: { at: '1' } }, contentType: MERGE } as const;
      expect((await client.call<ApiObject>(call)).metadata.resourceVersion).toBe(metadata.resourceVersion);
    });

    test('the generation counts changes of the spec, and no others', async () => {
      const { metadata } = await create(routes(), route('a'));
      expect(metadata.generation).toBe(1);
      const patch = (body: object): Promise<ApiObject> =>
        client.call<ApiObject>({ method: 'PATCH', path: routes('a'), body, contentType: MERGE });
      expect((await patch({ metadata: { labels: { a: 'b' } } })).metadata.generation).toBe(1);
      expect((await patch({ spec: { hostnames: ['b.example.com'] } })).metadata.generation).toBe(2);
    });

    test('a status is written by itself, and by nothing else', async () => {
      const made = await create(routes(), { ...route('a'), status: { parents: [entry('x')] } });
      expect((made.status as { parents?: unknown[] } | undefined)?.parents ?? []).toEqual([]);
      const { resourceVersion } = made.metadata;
      const metadata = { name: 'a', namespace: rig.namespace, resourceVersion };
      const body = {
        ...route('a'),
        metadata,
        spec: { hostnames: ['other.example.com'] },
        status: { parents: [entry('x')] },
      };
      const written = await client.call<ApiObject>({ method: 'PUT', path: `${routes('a')}/status`, body });
      expect(written).toMatchObject({
        spec: { hostnames: ['a.example.com'] },
        status: { parents: [{ controllerName: 'example.com/x' }] },
      });
      expect(written.metadata.generation).toBe(1);
      const after = await client.call<ApiObject>({
        method: 'PATCH',
        path: routes('a'),
        body: { status: { parents: [] } },
        contentType: MERGE,
      });
      expect(after.status).toMatchObject({ parents: [{ controllerName: 'example.com/x' }] });
    });

    test('patches merge, or change what they name', async () => {
      await create(maps(), map('a', { kept: '1', gone: '2' }));
      const merged = await client.call<ApiObject>({
        method: 'PATCH',
        path: maps('a'),
        body: { data: { gone: null, new: '3' } },
        contentType: MERGE,
      });
      expect(merged.data).toEqual({ kept: '1', new: '3' });
      const body = [
        { op: 'test', path: '/data/kept', value: '1' },
        { op: 'replace', path: '/data/kept', value: '4' },
        { op: 'remove', path: '/data/new' },
      ];
      const changed = await client.call<ApiObject>({ method: 'PATCH', path: maps('a'), body, contentType: JSON_PATCH });
      expect(changed.data).toEqual({ kept: '4' });
    });

    test('what is applied belongs to who applies it: others conflict, or take it by force', async () => {
      await apply(maps('a'), map('a', { one: '1', both: '1' }), { fieldManager: 'first' });
      expect(await refusal(apply(maps('a'), map('a', { both: '2' }), { fieldManager: 'second' }))).toEqual([
        409,
        'Conflict',
      ]);
      const forced = await apply(maps('a'), map('a', { both: '2' }), { fieldManager: 'second', force: true });
      expect(forced.data).toEqual({ one: '1', both: '2' });
      // What is applied no more goes, where nobody else has it.
      const less = await apply(maps('a'), map('a', {}), { fieldManager: 'first' });
      expect(less.data).toEqual({ both: '2' });
      const again = await apply(maps('a'), map('a', { both: '2' }), { fieldManager: 'second' });
      expect(again.metadata.resourceVersion).toBe(less.metadata.resourceVersion);
    });

    test('lists of a status with keys are merged by who applies, the others are replaced whole', async () => {
      const path = `/apis/gateway.networking.k8s.io/v1/namespaces/${rig.namespace}/gateways`;
      const about = {
        apiVersion: 'gateway.networking.k8s.io/v1',
        kind: 'Gateway',
        metadata: { name: 'edge', namespace: rig.namespace },
      };
      const listeners = [{ name: 'http', port: 80, protocol: 'HTTP' }];
      await create(path, { ...about, spec: { gatewayClassName: 'nobody', listeners } });
      const status = (type: string, value: string): object => ({
        ...about,
        status: { conditions: [condition(type)], addresses: [{ type: 'IPAddress', value }] },
      });
      await apply(`${path}/edge/status`, status('First', '10.0.0.1'), { fieldManager: 'first', force: true });
      const after = await apply(`${path}/edge/status`, status('Second', '10.0.0.2'), {
        fieldManager: 'second',
        force: true,
      });
      const { conditions, addresses } = after.status as { conditions: Array<{ type: string }>; addresses: unknown[] };
      expect(conditions.map(({ type }) => type)).toEqual(expect.arrayContaining(['First', 'Second']));
      expect(addresses).toEqual([{ type: 'IPAddress', value: '10.0.0.2' }]);
    });

    test('what has an owner goes with it', async () => {
      const { metadata } = await create(maps(), map('owner', {}));
      const ownerReferences = [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'owner', uid: metadata.uid }];
      await create(maps(), map('owned', {}, { ownerReferences }));
      await client.call({ method: 'DELETE', path: maps('owner') });
      await expect
        .poll(() => client.call({ path: maps('owned') }).catch((error: ApiError) => error.status), { timeout: 30_000 })
        .toBe(404);
    });

    test('a delete with a precondition spares what has come in the place of what was meant', async () => {
      const { metadata } = await create(maps(), map('a', {}));
      const remove = (uid: unknown): Promise<unknown> =>
        client.call({
          method: 'DELETE',
          path: maps('a'),
          body: { apiVersion: 'v1', kind: 'DeleteOptions', preconditions: { uid } },
        });
      expect(await refusal(remove('00000000-0000-0000-0000-000000000000'))).toEqual([409, 'Conflict']);
      await remove(metadata.uid);
      expect(await refusal(client.call({ path: maps('a') }))).toEqual([404, 'NotFound']);
    });

    test('discovery tells each kind with its plural and its scope', async () => {
      const { groups } = await client.call<{ groups: Array<{ name: string }> }>({ path: '/apis' });
      expect(groups.map((group) => group.name)).toEqual(expect.arrayContaining(['gateway.networking.k8s.io', 'apps']));
      const { resources } = await client.call<{ resources: object[] }>({ path: '/apis/gateway.networking.k8s.io/v1' });
      expect(resources).toEqual(
        expect.arrayContaining([
          expect.objectContaining({ name: 'gatewayclasses', kind: 'GatewayClass', namespaced: false }),
          expect.objectContaining({ name: 'httproutes', kind: 'HTTPRoute', namespaced: true }),
          expect.objectContaining({ name: 'httproutes/status' }),
        ]),
      );
      expect(await refusal(client.call({ path: '/apis/nowhere.example.com/v1' }))).toEqual([404, expect.anything()]);
    });

    test('a token that nobody gave is told to be none', async () => {
      const { status } = await client.call<{ status: { authenticated?: boolean; error?: string } }>({
        method: 'POST',
        path: '/apis/authentication.k8s.io/v1/tokenreviews',
        body: {
          apiVersion: 'authentication.k8s.io/v1',
          kind: 'TokenReview',
          spec: { token: 'nobody', audiences: ['x'] },
        },
      });
      expect(status.authenticated ?? false).toBe(false);
      expect(status.error).toMatch(/\w/);
    });

    const condition = (type: string): object => ({
      type,
      status: 'True',
      reason: type,
      message: '',
      lastTransitionTime: OLD,
      observedGeneration: 1,
    });
    const entry = (of: string): object => ({
      parentRef: { name: 'edge' },
      controllerName: `example.com/${of}`,
      conditions: [condition('Accepted')],
    });

    function watching(resourceVersion: string | undefined, more: Record<string, string | boolean> = {}) {
      const abort = new AbortController();
      const events: Event[] = [];
      const query = { watch: true, allowWatchBookmarks: true, resourceVersion, ...more };
      const ended = client
        .lines({ path: maps(), query, signal: abort.signal }, 60_000, (lines) => {
          events.push(...lines.map((line) => JSON.parse(line) as Event));
        })
        .catch((error: unknown) => error);
      return {
        events,
        of: (wanted: string) => events.filter(({ object }) => object.metadata?.name === wanted).map(({ type }) => type),
        end: async () => {
          abort.abort();
          await ended;
        },
      };
    }
  });
}
