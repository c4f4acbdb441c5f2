/** Controllers and data planes as they are started, and the embedded API between them and a cluster's users. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import type { Condition } from '../../src/api/index.ts';
import { STREAM_AUDIENCE } from '../../src/authority/index.ts';
import { PURGE_ANNOTATION } from '../../src/value/asked-purges.ts';
import { ask, askAdmin } from '../cli/client.ts';
import { DaemunProcess, daemun } from '../cli/daemun-process.ts';
import { DataPlaneProcess } from '../dataplane/dataplane-process.ts';
import { type ApiObject, ApiServer, FORBIDDEN } from '../kube/index.ts';

/** For what takes several processes to start on a busy machine. */
const LONG = { timeout: 40_000, interval: 20 };
const GATEWAY = 'gateway.networking.k8s.io/v1';
const closing: Array<() => unknown> = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

const object = (kind: string, name: string, spec: object): ApiObject => ({
  apiVersion: GATEWAY,
  kind,
  metadata: kind === 'GatewayClass' ? { name } : { name, namespace: 'shop' },
  spec,
});
const gateway = (name: string): ApiObject =>
  object('Gateway', name, {
    gatewayClassName: 'daemun',
    listeners: [{ name: 'http', port: 80, protocol: 'HTTP', allowedRoutes: { namespaces: { from: 'Same' } } }],
  });
/** It answers by itself. */
const route = (name: string, parent: string, to: string): ApiObject =>
  object('HTTPRoute', name, {
    parentRefs: [{ group: 'gateway.networking.k8s.io', kind: 'Gateway', name: parent }],
    rules: [{ filters: [{ type: 'RequestRedirect', requestRedirect: { hostname: to, statusCode: 302 } }] }],
  });

/** What a Service is: one address, and whoever is ready behind it. */
class Service {
  readonly #server: Server;
  readonly ports = new Set<number>();
  readonly #sockets = new Set<Socket>();

  private constructor() {
    this.#server = createServer((client) => {
      const ports = [...this.ports];
      const port = ports[Math.floor(Math.random() * ports.length)];
      if (port === undefined) return void client.destroy();
      const own = connect({ port, host: '127.0.0.1' });
      for (const [socket, other] of [
        [client, own],
        [own, client],
      ] as const) {
        this.#sockets.add(socket);
        socket.on('error', () => {}).on('close', () => void other.destroy());
        socket.pipe(other);
      }
    });
  }

  static async start(): Promise<Service> {
    const service = new Service();
    await new Promise<void>((resolve) => service.#server.listen(0, '127.0.0.1', resolve));
    closing.push(() => {
      service.#server.close();
      for (const socket of service.#sockets) socket.destroy();
    });
    return service;
  }

  get port(): number {
    return (this.#server.address() as { port: number }).port;
  }
}

class Cluster {
  readonly api: ApiServer;
  readonly service: Service;

  private constructor(api: ApiServer, service: Service) {
    this.api = api;
    this.service = service;
  }

  static async start(...objects: ApiObject[]): Promise<Cluster> {
    const api = await ApiServer.start();
    closing.push(() => api.close());
    const all = [object('GatewayClass', 'daemun', { controllerName: 'daemun.dev/gateway-controller' }), ...objects];
    for (const one of all) api.store.create(api.kind(one.kind), structuredClone(one));
    return new Cluster(api, await Service.start());
  }

  kubeconfig(): string {
    const folder = mkdtempSync(join(tmpdir(), 'daemun-whole-'));
    closing.push(() => rmSync(folder, { recursive: true }));
    const path = join(folder, 'config');
    const content = {
      'current-context': 'test',
      contexts: [{ name: 'test', context: { cluster: 'test', namespace: 'daemun-system' } }],
      clusters: [{ name: 'test', cluster: { server: this.api.url.href } }],
    };
    writeFileSync(path, JSON.stringify(content));
    return path;
  }

  async controller(): Promise<DaemunProcess & { port: number }> {
    const path = this.kubeconfig();
    const flags = ['--image', 'daemun:1', '--kubeconfig', path, '--stream-port', '0', '--admin', 'off'];
    const started = new DaemunProcess(['controller', ...flags, '--log-format', 'json']);
    closing.push(() => {
      started.child.kill('SIGTERM');
      return started.finished;
    });
    const { port } = (await started.logged('the config stream listens')) as unknown as { port: number };
    this.service.ports.add(port);
    return Object.assign(started, { port });
  }

  /** As the node agent starts it, with the token of an account. */
  async dataPlane(name: string, pod: string): Promise<DataPlaneProcess> {
    await vi.waitFor(() => expect(this.find('ConfigMap', `daemun-${name}`)).toBeDefined(), LONG);
    const { 'ca.crt': ca = '' } = this.find('ConfigMap', `daemun-${name}`)!.data as Record<string, string>;
    const username = `system:serviceaccount:shop:daemun-${name}`;
    const token = `token of ${name} for ${pod}`;
    this.api.tokens.set(token, { username, audiences: [STREAM_AUDIENCE], pod });
    const access = {
      address: { host: '127.0.0.1', port: this.service.port },
      serverName: 'daemun-controller.daemun-system.svc',
      ca: () => ca,
      token: () => '',
    };
    const flags = ['--port-map', '80=0', '--drain-delay', '0s', '--name', pod];
    const plane = DataPlaneProcess.begin({ access }, flags, token);
    closing.push(() => plane.remove());
    await plane.logged('serving');
    return plane;
  }

  find(kind: string, name: string): ApiObject | undefined {
    return this.api.store.find(this.api.kind(kind), 'shop', name);
  }

  put(changed: ApiObject): void {
    const served = this.api.kind(changed.kind);
    const { resourceVersion } = this.find(changed.kind, changed.metadata.name)!.metadata;
    this.api.store.replace(served, { ...changed, metadata: { ...changed.metadata, resourceVersion } } as ApiObject, {
      status: false,
    });
  }

  programmed(kind: string, name: string): string | undefined {
    const status = (this.find(kind, name)?.status ?? {}) as {
      conditions?: Condition[];
      parents?: Array<{ conditions: Condition[] }>;
    };
    const conditions = status.conditions ?? status.parents?.[0]?.conditions ?? [];
    const found = conditions.find(({ type }) => type === 'Programmed');
    return found && `${found.status} ${found.reason}`;
  }

  /** What load balancers are given, so that a Gateway has an address. */
  address(name: string): void {
    const service = this.find('Service', `daemun-${name}`)!;
    const status = { loadBalancer: { ingress: [{ ip: '192.0.2.1' }] } };
    this.api.store.replace(this.api.kind('Service'), { ...structuredClone(service), status }, { status: true });
  }

  /** Since the beginning, but of leases and Events. */
  get writes(): string[] {
    return this.api.store.writes
      .filter(({ served }) => !['Lease', 'Event'].includes(served.kind))
      .map(({ verb, served, name, subresource = '' }) => `${verb} ${served.kind} ${name} ${subresource}`.trim());
  }
}

const locationOf = async (plane: DataPlaneProcess): Promise<string> =>
  (await ask({ port: plane.port })).headers.location ?? '';
const leads = (to: string) => `http://${to}/`;

test('a route comes to be served; another controller takes over without a write, and what changes then is served, too', async () => {
  const cluster = await Cluster.start(gateway('edge'), route('r', 'edge', 'one.test'));
  const first = await cluster.controller();
  const plane = await cluster.dataPlane('edge', 'edge-1');
  cluster.address('edge');
  expect(await locationOf(plane)).toBe(leads('one.test'));
  for (const [kind, name] of [
    ['HTTPRoute', 'r'],
    ['Gateway', 'edge'],
  ] as const) {
    await vi.waitFor(() => expect(cluster.programmed(kind, name)).toBe('True Programmed'), LONG);
  }
  const second = await cluster.controller();
  const before = cluster.writes;
  cluster.service.ports.delete(first.port);
  first.child.kill('SIGTERM');
  await first.finished;
  await second.logged('leads');
  await second.logged('data plane connected');
  cluster.put(route('r', 'edge', 'two.test'));
  await vi.waitFor(async () => expect(await locationOf(plane)).toBe(leads('two.test')), LONG);
  const generation = () =>
    (
      cluster.find('HTTPRoute', 'r')!.status as { parents: Array<{ conditions: Condition[] }> }
    ).parents[0]!.conditions.map(({ observedGeneration }) => observedGeneration);
  await vi.waitFor(() => expect(new Set(generation())).toEqual(new Set([2])), LONG);
  await vi.waitFor(() => expect(cluster.programmed('HTTPRoute', 'r')).toBe('True Programmed'), LONG);
  expect(new Set(cluster.writes.slice(before.length))).toEqual(new Set(['PUT HTTPRoute r status']));
  expect(plane.records().filter(({ msg }) => msg === 'serving')).toHaveLength(1);
});

test("a token of one Gateway's data planes opens none of another's, wherever it is shown", async () => {
  const cluster = await Cluster.start(
    gateway('one'),
    gateway('two'),
    route('r', 'one', 'secret-of-one.test'),
    route('s', 'two', 'two.test'),
  );
  await cluster.controller();
  const one = await cluster.dataPlane('one', 'one-1');
  // It says that it is a pod of the first, and its token says otherwise.
  const thief = await cluster.dataPlane('two', 'one-1');
  expect(await locationOf(one)).toBe(leads('secret-of-one.test'));
  expect(await locationOf(thief)).toBe(leads('two.test'));
  const { body } = await askAdmin(thief.admin, '/config');
  expect(body).not.toContain('secret-of-one');
});

const keeping = (namespace: string, name: string, routes: string[]): ApiObject => ({
  apiVersion: 'policies.daemun.dev/v1alpha1',
  kind: 'ResponsePolicy',
  metadata: { name, namespace },
  spec: {
    targetRefs: routes.map((route) => ({ group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', name: route })),
    cache: {},
  },
});

test('a purge reaches the data planes of all Gateways, where the rights of a namespace allow it', async () => {
  const routes = [route('r', 'edge', 'one.test'), route('s', 'other', 'two.test')];
  const policies = [keeping('shop', 'kept', ['r', 's']), keeping('theirs', 'kept', ['r'])];
  const cluster = await Cluster.start(gateway('edge'), gateway('other'), ...routes, ...policies);
  await cluster.controller();
  const planes = [
    await cluster.dataPlane('edge', 'edge-1'),
    await cluster.dataPlane('edge', 'edge-2'),
    await cluster.dataPlane('other', 'other-1'),
  ];
  expect(planes).toHaveLength(3);
  const kubeconfig = cluster.kubeconfig();
  const purge = (...words: string[]) => daemun(['cache', 'purge', ...words, '--kubeconfig', kubeconfig]);
  const asked = (namespace = 'shop'): string | undefined => {
    const served = cluster.api.kind('ResponsePolicy');
    const { annotations = {} } = cluster.api.store.find(served, namespace, 'kept')!.metadata as {
      annotations?: Record<string, string>;
    };
    return annotations[PURGE_ANNOTATION];
  };

  const dry = await purge('--all', '-n', 'shop', '--dry-run');
  expect([dry.code, dry.stdout]).toEqual([0, expect.stringMatching(/^shop\/kept +would be asked/m)]);
  expect(asked()).toBeUndefined();

  const done = await purge('--prefix', 'https://Shop.example/images/', '-n', 'shop', '-o', 'json');
  expect([done.code, done.stderr]).toEqual([0, '']);
  const message = 'every data plane has forgotten it';
  expect(JSON.parse(done.stdout)).toEqual({
    dryRun: false,
    policies: [
      {
        policy: 'shop/kept',
        state: 'forgotten',
        gateways: [
          { gateway: 'shop/edge', done: true, message },
          { gateway: 'shop/other', done: true, message },
        ],
      },
    ],
  });
  expect(JSON.parse(asked()!)).toMatchObject([{ host: 'shop.example', target: '/images/', prefix: true }]);
  expect(asked('theirs')).toBeUndefined();

  // Somebody else changed it between the look and the write.
  let changed = false;
  cluster.api.fault = ({ method, path }) => {
    if (method !== 'PATCH' || !path.endsWith('/responsepolicies/kept') || changed) return undefined;
    changed = true;
    cluster.put({
      ...cluster.find('ResponsePolicy', 'kept')!,
      spec: { ...policies[0]!.spec!, cache: { defaultTtl: '1h' } },
    });
    return undefined;
  };
  expect((await purge('http://shop.example/a', '--policy', 'shop/kept')).code).toBe(0);
  expect(changed).toBe(true);
  expect(cluster.find('ResponsePolicy', 'kept')!.spec).toMatchObject({ cache: { defaultTtl: '1h' } });
  expect(JSON.parse(asked()!)).toMatchObject([{ target: '/images/' }, { target: '/a' }]);

  // A tenant purges what is his: of others the API server refuses it.
  cluster.api.fault = ({ method, path }) =>
    method === 'PATCH' && path.includes('/namespaces/theirs/responsepolicies') ? FORBIDDEN : undefined;
  const both = await purge('--all', '-n', 'shop', '-n', 'theirs');
  expect(both.code).toBe(1);
  expect(both.stdout).toMatch(/^shop\/kept +shop\/edge +forgotten$/m);
  expect(both.stdout).toMatch(/^theirs\/kept +refused .*it takes the right to patch ResponsePolicies of theirs/m);
  expect(asked('theirs')).toBeUndefined();
  cluster.api.fault = ({ path }) => (path.endsWith('/responsepolicies') ? FORBIDDEN : undefined);
  expect(await purge('--all', '-n', 'shop')).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('name namespaces that you may read with -n'),
  });
  cluster.api.fault = () => undefined;
  const nowhere = await purge('--all', '-n', 'nowhere');
  expect([nowhere.code, nowhere.stdout]).toEqual([1, expect.stringContaining('nothing is to be forgotten')]);
  expect((await purge('--all', '-n', 'shop', '--admin', '127.0.0.1:1')).code).toBe(2);
}, 60_000);
