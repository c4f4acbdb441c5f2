/** `daemun controller` as users start it, against the embedded API. */
import { Buffer } from 'node:buffer';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { guideBlocks } from '../house/guide.ts';
import { type ApiObject, ApiServer } from '../kube/index.ts';
import { askAdmin } from './client.ts';
import { DaemunProcess, daemun } from './daemun-process.ts';

const GATEWAY = 'gateway.networking.k8s.io/v1';
const open: Array<() => unknown> = [];

afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

const object = (kind: string, name: string, spec: object, apiVersion = GATEWAY): ApiObject => ({
  apiVersion,
  kind,
  metadata: kind === 'GatewayClass' ? { name } : { name, namespace: 'shop' },
  spec,
});
const CLASS = object('GatewayClass', 'daemun', { controllerName: 'daemun.dev/gateway-controller' });
const edge = (spec: object = {}): ApiObject =>
  object('Gateway', 'edge', {
    gatewayClassName: 'daemun',
    listeners: [{ name: 'http', port: 80, protocol: 'HTTP', allowedRoutes: { namespaces: { from: 'Same' } } }],
    ...spec,
  });

async function startApi(...objects: ApiObject[]): Promise<ApiServer> {
  const api = await ApiServer.start();
  open.push(() => api.close());
  for (const one of objects) api.store.create(api.kind(one.kind), structuredClone(one));
  return api;
}

/** Started, and in the lead where nobody else is. */
async function controller(api: ApiServer, ...flags: string[]): Promise<DaemunProcess> {
  const folder = mkdtempSync(join(tmpdir(), 'daemun-controller-'));
  open.push(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'config');
  const content = {
    'current-context': 'test',
    contexts: [{ name: 'test', context: { cluster: 'test', namespace: 'daemun-system' } }],
    clusters: [{ name: 'test', cluster: { server: api.url.href } }],
  };
  writeFileSync(path, JSON.stringify(content));
  const place = ['--kubeconfig', path, '--stream-port', '0', '--admin', '127.0.0.1:0', '--log-format', 'json'];
  const process = new DaemunProcess(['controller', '--image', 'daemun/daemun:1', ...place, ...flags]);
  open.push(() => {
    process.child.kill('SIGTERM');
    return process.finished;
  });
  await process.logged('statuses go to the cluster');
  return process;
}

const find = (api: ApiServer, kind: string, name: string, namespace = 'shop'): ApiObject | undefined =>
  api.store.find(api.kind(kind), namespace, name);

function conditionOf(api: ApiServer, kind: string, name: string, type: string): Record<string, string> | undefined {
  const { status } = find(api, kind, name, kind === 'GatewayClass' ? '' : 'shop') ?? { status: undefined };
  const { conditions = [] } = (status ?? {}) as { conditions?: Array<Record<string, string>> };
  return conditions.find((one) => one.type === type);
}

/** What was written to the cluster, but who leads. */
const writes = (api: ApiServer): string[] =>
  api.store.writes
    .filter(({ served }) => served.kind !== 'Lease')
    .map(({ verb, served, name }) => `${verb} ${served.kind} ${name}`);

test('makes what a Gateway needs, says so, is ready before it leads, and gives the lead back at its end', async () => {
  const api = await startApi(CLASS, edge());
  const process = await controller(api);
  await process.logged('leads');
  await expect.poll(() => find(api, 'NetworkPolicy', 'daemun-edge')).toBeDefined();
  expect(find(api, 'Deployment', 'daemun-edge')).toMatchObject({
    spec: { template: { spec: { containers: [{ image: 'daemun/daemun:1' }] } } },
  });
  const { 'ca.crt': authority } = find(api, 'ConfigMap', 'daemun-edge')!.data as Record<string, string>;
  expect(authority).toContain('BEGIN CERTIFICATE');
  await expect.poll(() => conditionOf(api, 'GatewayClass', 'daemun', 'Accepted')?.status).toBe('True');
  const { supportedFeatures } = find(api, 'GatewayClass', 'daemun', '')!.status as {
    supportedFeatures: Array<{ name: string }>;
  };
  const names = supportedFeatures.map(({ name }) => name);
  expect(names).toEqual([...names].sort());
  await expect
    .poll(() => conditionOf(api, 'Gateway', 'edge', 'Programmed')?.reason)
    .toMatch(/AddressNotAssigned|Pending/);
  const { admin } = (await process.logged('the admin API listens')) as unknown as { admin: string };
  const waiting = await controller(api);
  const other = (await waiting.logged('the admin API listens')) as unknown as { admin: string };
  for (const at of [admin, other.admin]) expect((await askAdmin(at, '/readyz')).status).toBe(200);
  expect((await askAdmin(admin, '/metrics')).body).toContain(
    'daemun_infrastructure_writes_total{kind="Deployment",verb="apply"} 1',
  );
  process.child.kill('SIGTERM');
  expect((await process.finished).code).toBe(0);
  // Without waiting for the end of the lease.
  await waiting.logged('leads');
});

test('a restart writes nothing to the cluster', async () => {
  const api = await startApi(CLASS, edge());
  const first = await controller(api);
  await expect.poll(() => find(api, 'NetworkPolicy', 'daemun-edge')).toBeDefined();
  await expect.poll(() => conditionOf(api, 'Gateway', 'edge', 'Accepted')?.status).toBe('True');
  first.child.kill('SIGTERM');
  await first.finished;
  const { length } = writes(api);
  const second = await controller(api);
  await second.logged('leads');
  // Something that is due shows that all before it was looked at.
  api.store.create(api.kind('Gateway'), { ...edge(), metadata: { name: 'later', namespace: 'shop' } });
  await expect.poll(() => find(api, 'NetworkPolicy', 'daemun-later')).toBeDefined();
  await expect.poll(() => conditionOf(api, 'Gateway', 'later', 'Accepted')?.status).toBe('True');
  expect(
    writes(api)
      .slice(length)
      .filter((one) => !one.includes('later')),
  ).toEqual([]);
});

test('parameters of class and Gateway shape it; where they are missing, that is said and what is there stays', async () => {
  const group = 'gateway.daemun.dev';
  const reference = { group, kind: 'DaemunParameters', name: 'all', namespace: 'shop' };
  const gatewayClass = object('GatewayClass', 'daemun', {
    controllerName: 'daemun.dev/gateway-controller',
    parametersRef: reference,
  });
  const all = object('DaemunParameters', 'all', { replicas: 3, service: { type: 'NodePort' } }, `${group}/v1alpha1`);
  const own = object('DaemunParameters', 'own', { service: { type: 'ClusterIP' } }, `${group}/v1alpha1`);
  const infrastructure = { parametersRef: { group, kind: 'DaemunParameters', name: 'own' } };
  const api = await startApi(gatewayClass, all, own, edge({ infrastructure }));
  await controller(api);
  const shape = (): unknown[] => {
    const spec = (kind: string) => (find(api, kind, 'daemun-edge')?.spec ?? {}) as { type?: string; replicas?: number };
    return [spec('Service').type, spec('Deployment').replicas];
  };
  await expect.poll(shape).toEqual(['ClusterIP', 3]);
  api.store.delete(api.kind('DaemunParameters'), 'shop', 'own');
  await expect
    .poll(() => conditionOf(api, 'Gateway', 'edge', 'Accepted'))
    .toMatchObject({
      status: 'False',
      reason: 'InvalidParameters',
      message: 'spec.infrastructure.parametersRef: DaemunParameters shop/own does not exist',
    });
  expect(shape()).toEqual(['ClusterIP', 3]);
  const events = api.kinds.find(({ kind, group }) => kind === 'Event' && group === 'events.k8s.io')!;
  // Whoever is warned is warned of what lasts.
  await expect
    .poll(() => api.store.list(events, 'shop').map(({ reason }) => reason), { timeout: 20_000 })
    .toContain('InvalidParameters');
  const taking = { kind: 'Service', patch: { spec: { type: 'NodePort', externalIPs: ['192.0.2.1'] } } };
  api.store.create(api.kind('DaemunParameters'), { ...own, spec: { replicas: 2, patches: [taking] } });
  await expect
    .poll(() => conditionOf(api, 'Gateway', 'edge', 'Accepted')?.message)
    .toMatch(
      /^spec\.infrastructure\.parametersRef: DaemunParameters shop\/own spec\.patches\[0\]\.patch\.spec\.externalIPs would take over/,
    );
  expect(shape()).toEqual(['ClusterIP', 3]);
  expect(find(api, 'Service', 'daemun-edge')?.spec).not.toHaveProperty('externalIPs');
  api.store.delete(api.kind('DaemunParameters'), 'shop', 'own');
  await expect
    .poll(() => conditionOf(api, 'Gateway', 'edge', 'Accepted')?.message)
    .toContain('DaemunParameters shop/own does not exist');
  api.store.delete(api.kind('DaemunParameters'), 'shop', 'all');
  await expect.poll(() => conditionOf(api, 'GatewayClass', 'daemun', 'Accepted')?.reason).toBe('InvalidParameters');
  expect(shape()).toEqual(['ClusterIP', 3]);
  api.store.create(api.kind('DaemunParameters'), { ...own, spec: { replicas: 2 } });
  api.store.create(api.kind('DaemunParameters'), all);
  await expect.poll(shape).toEqual(['NodePort', 2]);
  // A warning is not the last word on what is mended.
  await expect
    .poll(() => api.store.list(events, 'shop'))
    .toContainEqual(
      expect.objectContaining({
        type: 'Normal',
        reason: 'Mended',
        note: expect.stringMatching(
          /^no longer so: .*DaemunParameters shop\/.* does not exist.* \(InvalidParameters\)$/,
        ),
      }),
    );
});

test('tells in the log what an old cluster does not serve, and in the class of which release its CRDs are', async () => {
  const crd = {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: {
      name: 'gateways.gateway.networking.k8s.io',
      annotations: { 'gateway.networking.k8s.io/bundle-version': 'v1.8.0' },
    },
    spec: {},
  };
  const api = await startApi(CLASS, crd as unknown as ApiObject, edge());
  api.kinds = api.kinds.filter(({ kind }) => kind !== 'UDPRoute');
  const process = await controller(api);
  await process.logged('UDPRoute is not served by this cluster, which has Gateway API v1.8.0');
  await expect
    .poll(() => conditionOf(api, 'GatewayClass', 'daemun', 'SupportedVersion'))
    .toMatchObject({ status: 'False', reason: 'UnsupportedVersion' });
  expect(conditionOf(api, 'GatewayClass', 'daemun', 'Accepted')?.status).toBe('True');
  await expect.poll(() => conditionOf(api, 'Gateway', 'edge', 'Accepted')?.status).toBe('True');
});

test.each([
  [['controller'], 2, "required option '--image <image>' not specified"],
  [['controller', '--image', 'x', '--stream-address', 'x:1'], 2, '"x:1" is not https://HOST:PORT'],
  [['controller', '--image', 'x', '--publish-service', 'x'], 2, '"x" is not NAMESPACE/NAME'],
  [['controller', '--image', 'x', '--kubeconfig', '/nonexistent'], 1, 'DMN_CLUSTER_ACCESS: /nonexistent'],
])('daemun %s ends with %d', async (args, code, message) => {
  const finished = await daemun(args);
  expect(finished.stderr).toContain(message);
  expect(finished.code).toBe(code);
});

interface GuidePod {
  serviceAccountName: string;
  containers: [{ args: string[] }];
  volumes: Array<{ projected?: { sources: [{ serviceAccountToken: { audience: string } }] } }>;
}

/** The pod of the data planes that the guide has its reader run. */
function guidePod(): GuidePod {
  const manifests = guideBlocks('docs/guides/unmanaged.md').map(({ text }) => text);
  const [, deployment] = parseAllDocuments(manifests.find((text) => text.includes('- dataplane\n'))!);
  return (deployment!.toJS() as { spec: { template: { spec: GuidePod } } }).spec.template.spec;
}

test('data planes that a user runs, as the guide has them, serve a Gateway that nothing is made for', async () => {
  const annotations = { 'daemun.dev/unmanaged': 'true', 'daemun.dev/publish-service': 'shop/front' };
  const front = object('Service', 'front', { type: 'LoadBalancer', ports: [{ port: 80 }] }, 'v1');
  const status = { loadBalancer: { ingress: [{ ip: '192.0.2.8' }] } };
  const unmanaged = { ...CLASS, metadata: { name: 'daemun', annotations } };
  const api = await startApi(unmanaged, edge(), { ...front, status });
  const pod = guidePod();
  const { audience } = pod.volumes.flatMap(({ projected }) => projected?.sources ?? [])[0]!.serviceAccountToken;
  const username = `system:serviceaccount:shop:${pod.serviceAccountName}`;
  api.tokens.set('of-the-pod', { username, audiences: [audience], pod: 'front-1' });
  const process = await controller(api);
  const { port } = (await process.logged('the config stream listens')) as unknown as { port: number };
  const { data } = find(api, 'Secret', 'daemun-authority', 'daemun-system')! as { data?: Record<string, string> };
  // In memory, since what is kept there are keys.
  const folder = mkdtempSync('/dev/shm/daemun-unmanaged-');
  open.push(() => rmSync(folder, { recursive: true }));
  for (const name of ['authority', 'token', 'snapshot']) mkdirSync(join(folder, name));
  writeFileSync(join(folder, 'authority', 'ca.crt'), Buffer.from(data!['ca.crt']!, 'base64'));
  writeFileSync(join(folder, 'token', 'token'), 'of-the-pod');
  const words = pod.containers[0].args.map((word) =>
    word
      .replace('/var/run/daemun', folder)
      .replace('[::]:15000', '127.0.0.1:0')
      .replace(/^--controller=.*/, `--controller=https://127.0.0.1:${port}`),
  );
  const [, host] = /^--controller=https:\/\/(.*):\d+$/.exec(pod.containers[0].args[1]!)!;
  const here = ['--controller-server-name', host!, '--bind', '127.0.0.1', '--port-map', '80=0', '--drain-delay', '0s'];
  const dataPlane = new DaemunProcess([...words, ...here]);
  open.push(() => {
    dataPlane.child.kill('SIGTERM');
    return dataPlane.finished;
  });
  await expect.poll(() => conditionOf(api, 'Gateway', 'edge', 'Programmed')?.status, { timeout: 20_000 }).toBe('True');
  expect(find(api, 'Gateway', 'edge')!.status).toMatchObject({ addresses: [{ value: '192.0.2.8' }] });
  expect(find(api, 'Deployment', 'daemun-edge')).toBeUndefined();
});
