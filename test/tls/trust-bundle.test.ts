/** A ClusterTrustBundle says which clients are let in and which backends are trusted, and a change of it is followed. */
import https from 'node:https';
import net from 'node:net';
import tls from 'node:tls';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { backendRefs, endpointsOf, httpRoute, manifests, service, tlsSecret } from '../served/manifest.ts';
import { RawClient } from '../served/raw-client.ts';
import { type Rig, serveManifests } from '../served/rig.ts';
import { Authority, type Pair } from './authority.ts';

const NAME = 'example.com:shop:v1';
const REFERENCE = { group: 'certificates.k8s.io', kind: 'ClusterTrustBundle', name: NAME };
const PORT = 443;

let ours: Authority;
let theirs: Authority;
let server: Pair;
const clients: Record<string, Pair> = {};
let backend: https.Server;
let rig: Rig;

function served(trustBundle: string): string {
  return manifests(
    [{ name: 'plain', port: 80, protocol: 'HTTP' }],
    {
      apiVersion: 'certificates.k8s.io/v1',
      kind: 'ClusterTrustBundle',
      metadata: { name: NAME },
      spec: { signerName: 'example.com/shop', trustBundle },
    },
    {
      apiVersion: 'gateway.networking.k8s.io/v1',
      kind: 'Gateway',
      metadata: { name: 'strict' },
      spec: {
        gatewayClassName: 'any',
        listeners: [{ name: 'a', port: PORT, protocol: 'HTTPS', tls: { certificateRefs: [{ name: 'server' }] } }],
        tls: { frontend: { default: { validation: { caCertificateRefs: [REFERENCE] } } } },
      },
    },
    {
      apiVersion: 'gateway.networking.k8s.io/v1',
      kind: 'BackendTLSPolicy',
      metadata: { name: 'secure' },
      spec: {
        targetRefs: [{ group: '', kind: 'Service', name: 'secure' }],
        validation: { hostname: 'secure.example', caCertificateRefs: [REFERENCE] },
      },
    },
    tlsSecret('server', server),
    httpRoute('all', [backendRefs('secure')], { parentRefs: [{ name: 'gw' }, { name: 'strict' }] }),
    service('secure'),
  );
}

beforeAll(async () => {
  [ours, theirs] = await Promise.all([Authority.make('ours'), Authority.make('theirs')]);
  server = await ours.sign({ dns: ['a.example'] });
  clients.ours = await ours.sign({ name: 'alice' });
  clients.theirs = await theirs.sign({ name: 'mallory' });
  const { certificate, privateKey } = await ours.sign({ dns: ['secure.example'] });
  backend = https.createServer({ cert: certificate, key: privateKey }, (_, response) => response.end('here'));
  await new Promise<void>((resolve) => backend.listen(0, '127.0.0.1', resolve));
  const { port } = backend.address() as { port: number };
  rig = await serveManifests(served(`${ours.certificate}\n`), {
    ports: [80, PORT],
    endpoints: [endpointsOf('secure', port)],
  });
});
afterAll(async () => {
  await rig.close();
  backend.close();
});

/** 0: the handshake was refused. */
async function statusOf(port: number, client?: string): Promise<number> {
  const pair = client === undefined ? {} : { cert: clients[client]!.certificate, key: clients[client]!.privateKey };
  const at = { host: '127.0.0.1', port: rig.port(port) };
  const socket =
    port === 80 ? net.connect(at) : tls.connect({ ...at, servername: 'a.example', rejectUnauthorized: false, ...pair });
  const asking = new RawClient(socket);
  asking.send('GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n');
  try {
    const [response] = await asking.responses(1);
    return response!.status;
  } catch {
    return 0;
  } finally {
    asking.close();
  }
}

test('clients and backends of its authorities are trusted, and nobody else', async () => {
  expect(await statusOf(80)).toBe(200);
  expect(await statusOf(PORT, 'ours')).toBe(200);
  expect(await statusOf(PORT, 'theirs')).toBe(0);
  expect(await statusOf(PORT)).toBe(0);
});

test('another bundle under its name is followed', async () => {
  await rig.write(served(`${theirs.certificate}\n`));
  await expect.poll(() => statusOf(PORT, 'ours')).toBe(0);
  // Let in, and then the backend is trusted no longer.
  await expect.poll(() => statusOf(PORT, 'theirs')).toBeGreaterThanOrEqual(500);
  await expect.poll(() => statusOf(80)).toBeGreaterThanOrEqual(500);
  await rig.write(served(`${ours.certificate}\n`));
  await expect.poll(() => statusOf(80)).toBe(200);
});
