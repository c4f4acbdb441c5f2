/** What a Service's port says that is spoken there, and whether the gateway may speak so: by requests, and by what the backend got. */
import { once } from 'node:events';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { answerTo } from '../policies/plain-asker.ts';
import { backendTraffic, requestPolicy } from '../policies/policy.ts';
import { endpointsOf, HTTP, httpRoute, manifests } from '../served/manifest.ts';
import { httpBackend, type TestBackend } from '../served/raw-backend.ts';
import { type Rig, serveManifests } from '../served/rig.ts';
import { Authority, caConfigMap } from './authority.ts';

/** By name: appProtocol of the port, and whether a BackendTLSPolicy says how it is verified. */
const SERVICES = {
  'wss-bare': ['kubernetes.io/wss', false],
  'wss-verified': ['kubernetes.io/wss', true],
  'https-bare': ['https', false],
  'https-verified': ['HTTPS', true],
  'https-unverified': ['https', true],
  'ws-bare': ['kubernetes.io/ws', false],
  'mysql-bare': ['mysql', false],
  'nfs-bare': ['kubernetes.io/nfs', false],
} as const;
const NAMES = Object.keys(SERVICES);

function objectsOf(name: string): object[] {
  const [appProtocol, verified] = SERVICES[name as keyof typeof SERVICES];
  const validation = { caCertificateRefs: [{ group: '', kind: 'ConfigMap', name: 'ca' }], hostname: 'backend.example' };
  const service = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name },
    spec: { ports: [{ port: 80, appProtocol }] },
  };
  const loud = backendTraffic(name, { tls: { verification: 'Disabled' } });
  const policy = {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'BackendTLSPolicy',
    metadata: { name },
    spec: { targetRefs: [{ group: '', kind: 'Service', name }], validation },
  };
  return [
    service,
    ...(verified ? [name.endsWith('unverified') ? loud : policy] : []),
    httpRoute(name, [{ backendRefs: [{ name, port: 80 }] }], { hostnames: [`${name}.example`] }),
  ];
}

let secure: https.Server;
let plain: TestBackend;
let rig: Rig;
beforeAll(async () => {
  const authority = await Authority.make('ours');
  const { certificate, privateKey } = await authority.sign({ dns: ['backend.example'] });
  secure = https.createServer({ cert: certificate, key: privateKey }, (_request, answer) => answer.end('over TLS'));
  secure.listen(0, '127.0.0.1');
  await once(secure, 'listening');
  plain = await httpBackend((_request, answer) => answer.end('in plain text'));
  const guarded = { kind: 'HTTPRoute', name: 'ws-bare' } as const;
  const methods = [{ external: { http: {}, backendRef: { name: 'https-bare', port: 80 } } }];
  const asks = requestPolicy('AuthenticationPolicy', 'asks', guarded, {
    methods,
    anonymousPaths: [{ value: '/open' }],
  });
  const site = manifests([HTTP], ...NAMES.flatMap(objectsOf), caConfigMap('ca', authority), asks);
  const { port } = secure.address() as AddressInfo;
  rig = await serveManifests(site, {
    endpoints: NAMES.map((name) => endpointsOf(name, SERVICES[name as keyof typeof SERVICES][1] ? port : plain.port)),
  });
});
afterAll(async () => {
  await rig.close();
  await plain.close();
  secure.closeAllConnections();
  secure.close();
});

test.each([
  ['wss-bare', 500, 'UnsupportedProtocol'],
  ['https-bare', 500, 'UnsupportedProtocol'],
  ['nfs-bare', 500, 'UnsupportedProtocol'],
  ['wss-verified', 200, 'ResolvedRefs'],
  ['https-verified', 200, 'ResolvedRefs'],
  ['https-unverified', 200, 'ResolvedRefs'],
  ['mysql-bare', 200, 'ResolvedRefs'],
])('%s is answered with %i, and told as %s', async (name, status, reason) => {
  const got = await answerTo(rig.port(), { path: '/', headers: { host: `${name}.example` } });
  expect(got.status).toBe(status);
  if (status === 200) expect(String(got.body)).toBe(name.endsWith('verified') ? 'over TLS' : 'in plain text');
  const route = rig.report().items.find(({ kind, metadata }) => kind === 'HTTPRoute' && metadata.name === name);
  expect(JSON.stringify(route)).toContain(`"reason":"${reason}"`);
});

test('a policy that would ask such a Service lets nobody in, asks it nothing, and is warned of', async () => {
  const before = plain.accepted;
  const got = await answerTo(rig.port(), { path: '/', headers: { host: 'ws-bare.example' } });
  expect(got.status).toBeGreaterThanOrEqual(500);
  expect(plain.accepted).toBe(before);
  const open = await answerTo(rig.port(), { path: '/open', headers: { host: 'ws-bare.example' } });
  expect([open.status, String(open.body)]).toEqual([200, 'in plain text']);
  const warned = rig.report().diagnostics.filter(({ object }) => object === 'AuthenticationPolicy/default/asks');
  expect(warned.map(({ message }) => message)).toEqual([expect.stringContaining('add a BackendTLSPolicy')]);
});
