/** `daemun run --cluster`: resources come from an API server, and statuses go back to it. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { type ApiObject, ApiServer } from '../kube/index.ts';
import { ask } from './client.ts';
import { DaemunProcess, daemun, freePort } from './daemun-process.ts';

const GATEWAY = 'gateway.networking.k8s.io/v1';
const open: Array<() => unknown> = [];

afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

function kubeconfig(server: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'daemun-cluster-'));
  open.push(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'config');
  const content = {
    'current-context': 'test',
    contexts: [{ name: 'test', context: { cluster: 'test', namespace: 'daemun-system' } }],
    clusters: [{ name: 'test', cluster: { server } }],
  };
  writeFileSync(path, JSON.stringify(content));
  return path;
}

async function startApi(objects: object[]): Promise<ApiServer> {
  const api = await ApiServer.start();
  open.push(() => api.close());
  for (const object of objects) api.store.create(api.kind((object as ApiObject).kind), object as ApiObject);
  return api;
}

async function runCluster(api: ApiServer, port: number): Promise<DaemunProcess> {
  const flags = ['--cluster', '--kubeconfig', kubeconfig(api.url.href), '--publish-address', '192.0.2.10'];
  const place = ['--bind', '127.0.0.1', '--port-map', `80=${port}`, '--admin', '127.0.0.1:0', '--log-format', 'json'];
  const process = new DaemunProcess(['run', ...flags, ...place]);
  open.push(() => {
    process.child.kill('SIGTERM');
    return process.finished;
  });
  await process.logged('serving');
  return process;
}

const object = (kind: string, name: string, spec: object, apiVersion = GATEWAY): object => ({
  apiVersion,
  kind,
  metadata: kind === 'GatewayClass' ? { name } : { name, namespace: 'shop' },
  ...(kind === 'EndpointSlice' ? spec : { spec }),
});
const CLASS = object('GatewayClass', 'daemun', { controllerName: 'daemun.dev/gateway-controller' });
const EDGE = object('Gateway', 'edge', {
  gatewayClassName: 'daemun',
  listeners: [{ name: 'http', port: 80, protocol: 'HTTP' }],
});
const redirect = (name: string, to: string): object =>
  object('HTTPRoute', name, {
    parentRefs: [{ name: 'edge' }],
    hostnames: [`${name}.example.com`],
    rules: [
      {
        matches: [{ path: { type: 'PathPrefix', value: '/' } }],
        filters: [{ type: 'RequestRedirect', requestRedirect: { hostname: to, statusCode: 302 } }],
      },
    ],
  });

interface Parent {
  controllerName: string;
  conditions: Array<{ type: string; status: string; reason: string; observedGeneration: number }>;
}

const told = (api: ApiServer, name: string): string[] => {
  const { parents = [] } = (api.store.find(api.kind('HTTPRoute'), 'shop', name)?.status ?? {}) as {
    parents?: Parent[];
  };
  return parents.flatMap(({ conditions }) => conditions.map(({ type, status }) => `${type} ${status}`)).sort();
};

test('what the API holds is served, and its statuses say so there', async () => {
  const api = await startApi([CLASS, EDGE, redirect('a', 'first.example.com')]);
  const port = await freePort();
  const process = await runCluster(api, port);
  const found = await ask({ port, host: 'a.example.com' });
  expect([found.status, found.headers.location]).toEqual([302, 'http://first.example.com/']);
  await expect.poll(() => told(api, 'a')).toEqual(['Accepted True', 'Programmed True', 'ResolvedRefs True']);
  const { status } = api.store.get(api.kind('Gateway'), 'shop', 'edge');
  expect(status).toMatchObject({
    addresses: [{ type: 'IPAddress', value: '192.0.2.10' }],
    listeners: [{ name: 'http', attachedRoutes: 1 }],
  });
  const { admin } = process.records().find(({ msg }) => msg === 'serving') as unknown as { admin: string };
  const metrics = await (await fetch(`http://${admin}/metrics`)).text();
  expect(metrics).toContain('daemun_leader 1');
  expect(metrics).toContain('daemun_status_staleness_seconds 0');
  expect(metrics).toMatch(/daemun_status_writes_total\{kind="HTTPRoute"\} 1/);
  expect(api.store.get(api.kind('GatewayClass'), '', 'daemun').status).toMatchObject({
    conditions: expect.arrayContaining([expect.objectContaining({ type: 'Accepted', status: 'True' })]),
  });
});

test('a change in the cluster is served and told, and nothing is written twice', async () => {
  const api = await startApi([CLASS, EDGE, redirect('a', 'first.example.com')]);
  const port = await freePort();
  await runCluster(api, port);
  await expect.poll(() => told(api, 'a')).toContain('Programmed True');
  const kind = api.kind('HTTPRoute');
  api.store.create(kind, redirect('b', 'b.example.org') as ApiObject);
  const edited = structuredClone(api.store.get(kind, 'shop', 'a'));
  edited.spec = (redirect('a', 'second.example.com') as ApiObject).spec;
  api.store.replace(kind, edited, { status: false });
  await expect.poll(() => told(api, 'b')).toContain('Programmed True');
  await expect.poll(async () => (await ask({ port, host: 'a.example.com' })).headers.location).toContain('second');
  expect((await ask({ port, host: 'b.example.com' })).status).toBe(302);
  const generations = (): number[] => {
    const { parents = [] } = api.store.get(kind, 'shop', 'a').status as { parents?: Parent[] };
    return parents.flatMap(({ conditions }) => conditions.map(({ observedGeneration }) => observedGeneration));
  };
  await expect.poll(() => new Set(generations())).toEqual(new Set([2]));
  const { writes } = api.store;
  const ofRoute = writes.filter(({ name, subresource }) => name === 'a' && subresource === 'status');
  expect(ofRoute.length).toBeLessThanOrEqual(4);
});

test('a Secret that a listener lacks is told with the ways of a cluster, and with no option that is refused there', async () => {
  const tls = { certificateRefs: [{ group: '', kind: 'Secret', name: 'pair' }] };
  const listeners = [{ name: 'https', port: 443, protocol: 'HTTPS', hostname: 'a.example.com', tls }];
  const secure = object('Gateway', 'secure', { gatewayClassName: 'daemun', listeners }) as ApiObject;
  const asking = structuredClone(secure);
  asking.metadata = { ...asking.metadata, name: 'asking', annotations: { 'cert-manager.io/issuer': 'ours' } };
  const api = await startApi([CLASS, EDGE, secure, asking]);
  await runCluster(api, await freePort());
  const message = (name: string): string | undefined => {
    const { status } = api.store.get(api.kind('Gateway'), 'shop', name) as {
      status?: { listeners?: Array<{ conditions: Array<{ type: string; message: string }> }> };
    };
    return status?.listeners?.[0]?.conditions.find(({ type }) => type === 'ResolvedRefs')?.message;
  };
  const missing = 'spec.listeners[0].tls.certificateRefs[0]: Secret shop/pair does not exist';
  await expect
    .poll(() => message('secure'))
    .toBe(
      `${missing}; kubectl -n shop create secret tls pair --cert=cert.pem --key=key.pem makes one; cert-manager does where the Gateway has the annotation cert-manager.io/cluster-issuer`,
    );
  await expect
    .poll(() => message('asking'))
    .toBe(
      `${missing}; cert-manager is asked for it (cert-manager.io/issuer: ours): kubectl -n shop describe certificate pair tells how far it is`,
    );
});

test('an address of this machine is no backend for a tenant of the cluster', async () => {
  const route = object('HTTPRoute', 'inside', {
    parentRefs: [{ name: 'edge' }],
    hostnames: ['inside.example.com'],
    rules: [{ backendRefs: [{ name: 'inside', port: 80 }] }],
  });
  const slice = {
    ...object(
      'EndpointSlice',
      'inside-1',
      {
        addressType: 'IPv4',
        ports: [{ name: '', port: 15000, protocol: 'TCP' }],
        endpoints: [{ addresses: ['127.0.0.1'], conditions: { ready: true } }],
      },
      'discovery.k8s.io/v1',
    ),
    metadata: { name: 'inside-1', namespace: 'shop', labels: { 'kubernetes.io/service-name': 'inside' } },
  };
  const service = object('Service', 'inside', { ports: [{ port: 80, targetPort: 15000, protocol: 'TCP' }] }, 'v1');
  const api = await startApi([CLASS, EDGE, service, slice, route]);
  const port = await freePort();
  await runCluster(api, port);
  expect((await ask({ port, host: 'inside.example.com' })).status).toBe(503);
});

test('classes of other controllers are left alone', async () => {
  const foreign = object('GatewayClass', 'other', { controllerName: 'example.com/other' });
  const theirs = { ...EDGE, metadata: { name: 'theirs', namespace: 'shop' } } as ApiObject;
  theirs.spec = { ...(theirs.spec as object), gatewayClassName: 'other' };
  const api = await startApi([CLASS, EDGE, foreign, theirs, redirect('a', 'x.example.com')]);
  await runCluster(api, await freePort());
  await expect.poll(() => told(api, 'a')).toContain('Programmed True');
  expect(api.store.get(api.kind('GatewayClass'), '', 'other').status).toBeUndefined();
  expect(api.store.get(api.kind('Gateway'), 'shop', 'theirs').status).toBeUndefined();
});

test.each([
  [['run'], 2, 'name manifests with -f, or serve a cluster with --cluster'],
  [['run', '-f', '.', '--cluster'], 2, '-f and --cluster exclude each other'],
  [['run', '--cluster', '--endpoint', 'a/b:80=127.0.0.1:1'], 2, '--endpoint and --cluster exclude each other'],
  [['run', '-f', '.', '--context', 'x'], 2, '--context goes with --cluster'],
  [['run', '--cluster', '--kubeconfig', '/nonexistent'], 1, 'DMN_CLUSTER_ACCESS: /nonexistent'],
])('daemun %s ends with %d', async (args, code, message) => {
  const finished = await daemun(args);
  expect(finished.stderr).toContain(message);
  expect(finished.code).toBe(code);
});
