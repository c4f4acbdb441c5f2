/** The cluster as a source, against the embedded API. */
import { afterEach, describe, expect, test } from 'vitest';
import type { AnyResource } from '../../src/api/index.ts';
import { derive } from '../../src/graph/index.ts';
import { ApiClient, ClusterSource, type ClusterSourceOptions } from '../../src/sources/cluster/index.ts';
import { type SourceRig, testSource } from '../../src/sources/source.suite.ts';
import { MAX_NESTING } from '../../src/value/nesting.ts';
import { type ApiObject, ApiServer, FAILED, FORBIDDEN, SERVED_KINDS, type ServedKind, THROTTLED } from './index.ts';

const QUICK = { firstPause: 5, longestPause: 20, idle: 300 };
/** Another gateway's kinds, which few clusters serve. */
const KONG = (['KongPlugin', 'KongConsumer', 'KongClusterPlugin'] as const).map((kind): ServedKind => {
  const plural = `${kind.toLowerCase()}s`;
  return {
    group: 'configuration.konghq.com',
    version: 'v1',
    kind,
    plural,
    namespaced: kind !== 'KongClusterPlugin',
    status: true,
  };
});
const BUNDLES: ServedKind = {
  group: 'certificates.k8s.io',
  version: 'v1beta1',
  kind: 'ClusterTrustBundle',
  plural: 'clustertrustbundles',
  namespaced: false,
  status: false,
};
const open: Array<{ close(): Promise<void> }> = [];

afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close();
});

async function startApi(options: Parameters<typeof ApiServer.start>[0] = { bookmark: 50 }): Promise<ApiServer> {
  const api = await ApiServer.start(options);
  open.push(api);
  return api;
}

function startSource(api: ApiServer, options: Partial<ClusterSourceOptions> = {}): ClusterSource {
  const client = new ApiClient({ server: api.url, namespace: 'default', name: 'test' });
  const source = new ClusterSource({ client, times: QUICK, rediscover: 50, ...options });
  open.push({
    close: async () => {
      await source.close();
      client.close();
    },
  });
  return source;
}

function put(api: ApiServer, object: object): void {
  const given = structuredClone(object) as ApiObject;
  const served = api.kind(given.kind);
  const { namespace = '', name } = given.metadata;
  if (api.store.find(served, namespace, name) === undefined) api.store.create(served, given);
  else api.store.replace(served, given, { status: false });
}

/** Fulfilled when it holds; asked after each change of any collection. */
async function until(source: ClusterSource, holds: () => boolean): Promise<void> {
  if (holds()) return;
  await new Promise<void>((resolve) => {
    const stops = [...Object.values(source.collections), source.diagnostics].map((collection) =>
      (collection as { subscribe(call: () => void): () => void }).subscribe(() => {
        if (!holds()) return;
        for (const stop of stops) stop();
        resolve();
      }),
    );
  });
}

const meta = (name: string, namespace = 'shop'): { name: string; namespace: string } => ({ name, namespace });
const service = (name: string, port = 80, namespace = 'shop'): object => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: meta(name, namespace),
  spec: { ports: [{ port }] },
});
const secret = (name: string, value: string): object => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: meta(name),
  type: 'kubernetes.io/tls',
  data: { 'tls.crt': value },
});
const gateway = (name: string, secrets: string[]): object => ({
  apiVersion: 'gateway.networking.k8s.io/v1',
  kind: 'Gateway',
  metadata: meta(name),
  spec: {
    gatewayClassName: 'daemun',
    listeners: [
      {
        name: 'https',
        port: 443,
        protocol: 'HTTPS',
        tls: { certificateRefs: secrets.map((one) => ({ group: '', kind: 'Secret', name: one })) },
      },
    ],
  },
});

testSource('cluster', async (objects): Promise<SourceRig> => {
  const api = await ApiServer.start({ bookmark: 50 });
  // ConfigMaps are read in full only while something refers to them: something does, to all of the suite's.
  const refs = ['a', 'b'].map((name) => ({ group: '', kind: 'ConfigMap', name }));
  put(api, {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'BackendTLSPolicy',
    metadata: meta('refers'),
    spec: { targetRefs: [], validation: { caCertificateRefs: refs, hostname: 'nobody.example.com' } },
  });
  for (const object of objects) put(api, object);
  const client = new ApiClient({ server: api.url, namespace: 'default', name: 'test' });
  const source = new ClusterSource({ client, times: QUICK });
  return {
    source,
    put: async (object) => put(api, object),
    remove: async (kind, name) => void api.store.delete(api.kind(kind), 'shop', name),
    until: (holds) => until(source, holds),
    close: async () => {
      await source.close();
      client.close();
      await api.close();
    },
  };
});

const ports = (source: ClusterSource): Record<string, number | undefined> =>
  Object.fromEntries(
    [...source.collections.Service.values()].map(({ metadata, spec }) => [metadata.name, spec?.ports?.[0]?.port]),
  );

describe('a cluster as a source', () => {
  test('reads long lists in pages of one moment', async () => {
    const api = await startApi();
    for (let i = 0; i < 1201; i++) put(api, service(`s${i}`));
    const source = startSource(api);
    await source.ready;
    expect(source.collections.Service.size).toBe(1201);
    const pages = api.asked.filter(({ path, query }) => path === '/api/v1/services' && !query.has('watch'));
    expect(pages.map(({ query }) => query.get('limit'))).toEqual(['500', '500', '500']);
  });

  test('goes on after throttling, failures, broken and silent connections', async () => {
    const api = await startApi();
    put(api, service('a'));
    const faults = [THROTTLED, FAILED, { kind: 'reset' } as const, THROTTLED];
    api.fault = ({ path }) => (path === '/api/v1/services' ? faults.shift() : undefined);
    const source = startSource(api);
    await source.ready;
    expect(ports(source)).toEqual({ a: 80 });
    expect(faults).toEqual([]);
    put(api, service('b', 81));
    await until(source, () => source.collections.Service.size === 2);
  });

  test('keeps what it has through an outage, and catches up without emptying the store', async () => {
    const api = await startApi();
    put(api, service('a'));
    put(api, service('gone'));
    const source = startSource(api);
    await source.ready;
    const sizes = new Set<number>();
    source.collections.Service.subscribe(() => sizes.add(source.collections.Service.size));
    const { port } = api;
    await api.close();
    await until(source, () => source.diagnostics.size > 0);
    expect(ports(source)).toEqual({ a: 80, gone: 80 });
    api.store.delete(api.kind('Service'), 'shop', 'gone');
    put(api, service('new', 82));
    api.store.compact();
    await api.listen(port);
    await until(source, () => source.collections.Service.get('Service/shop/new') !== undefined);
    await until(source, () => source.diagnostics.size === 0);
    expect(ports(source)).toEqual({ a: 80, new: 82 });
    expect([...sizes]).not.toContain(0);
  });

  test('lists anew where the history does not reach back, and only then', async () => {
    const api = await startApi();
    put(api, service('a'));
    const source = startSource(api);
    await source.ready;
    const lists = (): number =>
      api.asked.filter(({ path, query }) => path === '/api/v1/services' && !query.has('watch')).length;
    for (const watch of [...api.watches]) watch.close();
    put(api, service('b'));
    await until(source, () => source.collections.Service.size === 2);
    expect(lists()).toBe(1);
    put(api, service('c'));
    for (const watch of [...api.watches]) watch.close();
    api.store.compact();
    put(api, service('d'));
    await until(source, () => source.collections.Service.size === 4);
    expect(lists()).toBeLessThanOrEqual(2);
  });

  test('gives up a watch that says nothing, not even a bookmark', async () => {
    const api = await startApi();
    const source = startSource(api);
    await source.ready;
    for (const watch of api.watches) watch.mute = true;
    put(api, service('a'));
    await until(source, () => source.collections.Service.size === 1);
  });

  test('says which rights are missing, and serves the rest', async () => {
    const api = await startApi();
    put(api, service('a'));
    const source = startSource(api);
    await source.ready;
    api.fault = ({ path }) => (path === '/api/v1/services' ? FORBIDDEN : undefined);
    for (const watch of [...api.watches]) watch.close();
    await until(source, () => source.diagnostics.get('Service/') !== undefined);
    expect(source.diagnostics.get('Service/')?.message).toContain('grant list and watch');
    expect(ports(source)).toEqual({ a: 80 });
  });

  test("reads Kong's plugins and consumers where they are served, with the Secrets that those name", async () => {
    const api = await startApi({ bookmark: 50, kinds: [...SERVED_KINDS, ...KONG] });
    const group = { apiVersion: 'configuration.konghq.com/v1' };
    put(api, {
      ...group,
      kind: 'KongPlugin',
      metadata: meta('keyed'),
      plugin: 'key-auth',
      config: { key_names: ['k'] },
    });
    put(api, { ...group, kind: 'KongConsumer', metadata: meta('ann'), username: 'ann', credentials: ['ann-key'] });
    put(api, secret('ann-key', 'x'));
    const source = startSource(api);
    await source.ready;
    expect(source.collections.KongPlugin.get('KongPlugin/shop/keyed')?.config).toEqual({ key_names: ['k'] });
    expect([...source.collections.Secret.values()].map(({ metadata }) => metadata.name)).toEqual(['ann-key']);
  });

  test('tells of what is nested without end, and keeps what was there before', async () => {
    const api = await startApi();
    api.kinds.push(...KONG);
    const nested = (levels: number): object => (levels === 0 ? {} : { a: nested(levels - 1) });
    const parameters = (levels: number): object => ({
      apiVersion: 'gateway.daemun.dev/v1alpha1',
      kind: 'DaemunParameters',
      metadata: meta('edge'),
      spec: { patches: [{ kind: 'Pod', patch: nested(levels) }] },
    });
    const plugin = (levels: number): object => ({
      apiVersion: 'configuration.konghq.com/v1',
      kind: 'KongPlugin',
      metadata: meta('limit'),
      plugin: 'rate-limiting',
      config: nested(levels),
    });
    put(api, parameters(MAX_NESTING));
    put(api, plugin(1));
    put(api, service('web'));
    const source = startSource(api);
    await source.ready;
    const held = () => source.collections.DaemunParameters.get('DaemunParameters/shop/edge')?.spec;
    const told = () => [...source.diagnostics.values()].map(({ object, message }) => `${object} ${message}`);
    const deep = `spec.patches[0].patch must not be nested deeper than ${MAX_NESTING} levels`;
    expect(held()).toEqual({ refused: deep });
    expect(told()).toEqual([`DaemunParameters/shop/edge ${deep}; nothing of it is used until then`]);
    put(api, plugin(MAX_NESTING));
    await until(source, () => told().length === 2);
    expect(source.collections.KongPlugin.get('KongPlugin/shop/limit')).toMatchObject(plugin(1));
    put(api, parameters(1));
    put(api, plugin(2));
    await until(source, () => told().length === 0);
    expect(held()).toMatchObject({ patches: [{ patch: nested(1) }] });
    expect(source.collections.KongPlugin.get('KongPlugin/shop/limit')).toMatchObject(plugin(2));
  });

  test('says of an object that has a value of a wrong type and no status for it, until that is mended', async () => {
    const api = await startApi();
    const grant = (from: unknown): object => ({
      apiVersion: 'gateway.networking.k8s.io/v1',
      kind: 'ReferenceGrant',
      metadata: meta('shops'),
      spec: { from, to: [{ group: '', kind: 'Service' }] },
    });
    const from = [{ group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', namespace: 'shop' }];
    put(api, grant('all'));
    put(api, service('web'));
    const source = startSource(api);
    await source.ready;
    const message = expect.stringMatching(/^spec\.from must be a list .*; nothing of it is used until then$/);
    expect([...source.untold.values()]).toMatchObject([{ kind: 'ReferenceGrant', metadata: meta('shops'), message }]);
    expect([...source.diagnostics.values()]).toMatchObject([{ object: 'ReferenceGrant/shop/shops', message }]);
    expect([source.collections.ReferenceGrant.size, source.collections.Service.size]).toEqual([0, 1]);
    put(api, grant(from));
    await until(source, () => source.collections.ReferenceGrant.size === 1);
    expect([source.untold.size, source.diagnostics.size]).toEqual([0, 0]);
    put(api, grant(7));
    await until(source, () => source.diagnostics.size === 1);
    api.store.delete(api.kind('ReferenceGrant'), 'shop', 'shops');
    await until(source, () => source.diagnostics.size === 0);
    expect(source.untold.size).toBe(0);
  });

  test('has all others where something cannot be computed of one', async () => {
    const api = await startApi();
    for (const name of ['a', 'bad', 'c']) put(api, service(name));
    const source = startSource(api);
    const derived = derive('throws', source.collections.Service, (_context, { metadata }, key) => {
      if (metadata.name === 'bad') throw new Error('no such thing');
      return [[key, metadata.name]];
    });
    await source.ready;
    expect([...derived.values()]).toEqual(['a', 'c']);
    expect([...source.diagnostics.values()].map(({ message }) => message)).toEqual([
      expect.stringContaining('no such thing'),
    ]);
    put(api, service('bad', 81));
    put(api, service('d'));
    await until(source, () => ports(source).d === 80);
    expect([...derived.values()]).toEqual(['a', 'c', 'd']);
  });

  test('reads ClusterTrustBundles in the version that is served, and misses none where none is', async () => {
    const without = startSource(await startApi());
    await without.ready;
    expect(without.missing).not.toContain('ClusterTrustBundle');
    const api = await startApi({ bookmark: 50, kinds: [...SERVED_KINDS, BUNDLES] });
    const spec = { trustBundle: 'pem' };
    put(api, { apiVersion: 'certificates.k8s.io/v1beta1', kind: 'ClusterTrustBundle', metadata: { name: 'ca' }, spec });
    const source = startSource(api);
    await source.ready;
    expect(source.collections.ClusterTrustBundle.get('ClusterTrustBundle//ca')?.spec).toEqual(spec);
    api.fault = ({ path }) => (path.startsWith('/apis/certificates.k8s.io/v1beta1/') ? FORBIDDEN : undefined);
    const denied = startSource(api);
    await denied.ready;
    expect(denied.diagnostics.get('ClusterTrustBundle/')?.message).toContain(
      'policies and listeners that name one are',
    );
  });

  test("is ready without what is another gateway's and may not be read, and says so", async () => {
    const api = await startApi({ bookmark: 50, kinds: [...SERVED_KINDS, ...KONG] });
    api.fault = ({ path }) => (path.startsWith('/apis/configuration.konghq.com/v1/') ? FORBIDDEN : undefined);
    put(api, service('a'));
    const source = startSource(api);
    await source.ready;
    expect(ports(source)).toEqual({ a: 80 });
    expect(source.diagnostics.get('KongPlugin/')).toMatchObject({ severity: 'info' });
    expect(source.diagnostics.get('KongPlugin/')?.message).toContain('routes that name one are refused');
  });

  test('reads contents of Secrets only while they are referred to', async () => {
    const api = await startApi();
    for (const name of ['used', 'other', 'later']) put(api, secret(name, name));
    put(api, gateway('edge', ['used']));
    const source = startSource(api);
    await source.ready;
    const held = (): string[] => [...source.collections.Secret.values()].map(({ metadata }) => metadata.name).sort();
    expect(held()).toEqual(['used']);
    put(api, gateway('edge', ['later', 'absent']));
    await until(source, () => held().join() === 'later');
    put(api, secret('later', 'rotated'));
    await until(source, () => source.collections.Secret.get('Secret/shop/later')?.data?.['tls.crt'] === 'rotated');
    put(api, secret('absent', 'came'));
    await until(source, () => held().join() === 'absent,later');
    api.store.delete(api.kind('Secret'), 'shop', 'later');
    await until(source, () => held().join() === 'absent');
    const reads = api.asked.filter(({ path }) => /\/secrets\/other$/.test(path));
    expect(reads).toEqual([]);
  });

  test('reads contents of Secrets only while their labels are asked for', async () => {
    const api = await startApi();
    const labelled = (name: string, value: string, labels?: Record<string, string>, namespace = 'shop'): object => ({
      ...secret(name, value),
      metadata: { ...meta(name, namespace), ...(labels !== undefined && { labels }) },
    });
    const asking = (...selectors: object[]): object => ({
      apiVersion: 'policies.daemun.dev/v1alpha1',
      kind: 'AuthenticationPolicy',
      metadata: meta('who'),
      spec: {
        targetRefs: [{ group: '', kind: 'Service', name: 'web' }],
        methods: selectors.map((matchLabels) => ({ apiKey: { secretSelector: { matchLabels } } })),
      },
    });
    const keys = { keys: 'yes' };
    put(api, labelled('first', '1', { ...keys, team: 'a' }));
    put(api, labelled('other', '1', { team: 'a' }));
    put(api, labelled('theirs', '1', keys, 'elsewhere'));
    put(api, labelled('plain', '1'));
    put(api, asking(keys));
    const source = startSource(api);
    await source.ready;
    const held = (): string =>
      [...source.collections.Secret.values()]
        .map(({ metadata }) => metadata.name)
        .sort()
        .join();
    expect(held()).toBe('first');
    put(api, labelled('second', '1', keys));
    await until(source, () => held() === 'first,second');
    put(api, labelled('second', '2', keys));
    await until(source, () => source.collections.Secret.get('Secret/shop/second')?.data?.['tls.crt'] === '2');
    put(api, labelled('first', '1', { team: 'a' }));
    await until(source, () => held() === 'second');
    // What a Gateway names stays, whatever becomes of its label.
    put(api, gateway('edge', ['second']));
    put(api, asking({ team: 'a' }));
    await until(source, () => held() === 'first,other,second');
    put(api, asking({}, { team: 'b' }));
    await until(source, () => held() === 'second');
    put(api, asking(keys));
    api.store.delete(api.kind('Gateway'), 'shop', 'edge');
    put(api, labelled('third', '1', keys));
    await until(source, () => held() === 'second,third');
    api.store.delete(api.kind('Secret'), 'shop', 'second');
    await until(source, () => held() === 'third');
    put(api, labelled('second', '3'));
    put(api, labelled('fourth', '1', keys));
    await until(source, () => held() === 'fourth,third');
    api.store.delete(api.kind('AuthenticationPolicy'), 'shop', 'who');
    await until(source, () => held() === '');
    expect(api.asked.filter(({ path }) => /\/secrets\/(theirs|plain)$/.test(path))).toEqual([]);
  });

  test('reads a kind in the version that the cluster serves, and one that comes later', async () => {
    const api = await startApi();
    const tcp = api.kind('TCPRoute');
    api.kinds = api.kinds.filter((one) => one !== tcp);
    const source = startSource(api);
    await source.ready;
    expect(source.missing).toEqual(['TCPRoute']);
    const old = { ...tcp, version: 'v1alpha2' };
    api.kinds.push(old);
    api.store.create(old, { apiVersion: 'x', kind: 'TCPRoute', metadata: meta('db') });
    await until(source, () => source.collections.TCPRoute.size === 1);
    const [route] = source.collections.TCPRoute.values() as Iterable<AnyResource>;
    expect(route).toMatchObject({ apiVersion: 'gateway.networking.k8s.io/v1', kind: 'TCPRoute' });
    expect(source.missing).toEqual([]);
  });

  test('sees only the namespaces that it was given', async () => {
    const api = await startApi();
    put(api, service('a', 80, 'mine'));
    put(api, service('b', 80, 'theirs'));
    const source = startSource(api, { namespaces: ['mine'] });
    await source.ready;
    expect(ports(source)).toEqual({ a: 80 });
    expect(api.asked.some(({ path }) => path === '/api/v1/services')).toBe(false);
  });

  test('drops what nobody reads of the metadata', async () => {
    const api = await startApi();
    const annotations = { 'kubectl.kubernetes.io/last-applied-configuration': '{}', kept: 'yes' };
    const object = service('a') as ApiObject;
    put(api, { ...object, metadata: { ...object.metadata, annotations, managedFields: [] } });
    const source = startSource(api);
    await source.ready;
    const [held] = source.collections.Service.values();
    expect(held?.metadata.annotations).toEqual({ kept: 'yes' });
    expect(held?.metadata).not.toHaveProperty('managedFields');
  });
});
