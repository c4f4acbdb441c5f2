/** A TCPRoute on a listener that ends TLS: the bytes in the connection go to the backend, and back. */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import tls from 'node:tls';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { clientTraffic } from '../policies/policy.ts';
import { backendRefs, endpointsOf, manifests, service, tlsSecret } from '../served/manifest.ts';
import { rawClient, rawTlsClient } from '../served/raw-client.ts';
import { type Rig, serveManifests } from '../served/rig.ts';
import { Authority, caConfigMap } from './authority.ts';

let rig: Rig;
/** It speaks nothing but this, says what was settled on, and who offers others alone is turned away. */
let secure: tls.Server;

beforeAll(async () => {
  const authority = await Authority.make('ecdsa');
  const { certificate: cert, privateKey: key } = await authority.sign({ dns: ['backend.example'] });
  secure = tls.createServer({ cert, key, ALPNProtocols: ['postgresql'] }, (socket) => {
    socket.on('error', () => {}).write(`settled on ${socket.alpnProtocol}`);
  });
  secure.listen(0, '127.0.0.1');
  await once(secure, 'listening');
  const validation = { caCertificateRefs: [{ group: '', kind: 'ConfigMap', name: 'ca' }], hostname: 'backend.example' };
  const policy = {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'BackendTLSPolicy',
    metadata: { name: 'secure' },
    spec: { targetRefs: [{ group: '', kind: 'Service', name: 'secure' }], validation },
  };
  const terminate = { mode: 'Terminate', certificateRefs: [{ name: 'cert' }] };
  const route = {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'TCPRoute',
    metadata: { name: 'db', namespace: 'default' },
    spec: { parentRefs: ['tls', 'pg'].map((sectionName) => ({ name: 'gw', sectionName })), rules: [backendRefs('db')] },
  };
  const parentRefs = ['secure', 'plain'].map((sectionName) => ({ name: 'gw', sectionName }));
  const secured = { ...route, metadata: { name: 'secure' }, spec: { parentRefs, rules: [backendRefs('secure')] } };
  rig = await serveManifests(
    manifests(
      [
        { name: 'tls', port: 443, protocol: 'TLS', hostname: '*.example.com', tls: terminate },
        { name: 'pg', port: 443, protocol: 'TLS', hostname: 'pg.example.com', tls: terminate },
        { name: 'secure', port: 444, protocol: 'TLS', tls: terminate },
        { name: 'plain', port: 445, protocol: 'TCP' },
      ],
      tlsSecret('cert', await authority.sign({ dns: ['*.example.com'] })),
      route,
      secured,
      policy,
      caConfigMap('ca', authority),
      service('db'),
      service('secure'),
      clientTraffic('secure', { tls: { streamAlpn: ['postgresql'] } }, 'secure'),
      clientTraffic('pg', { tls: { alpn: ['h2'], streamAlpn: ['postgresql', 'h2'] } }, 'pg'),
    ),
    { echo: true, ports: [443, 444, 445], endpoints: [endpointsOf('secure', (secure.address() as AddressInfo).port)] },
  );
});
afterAll(async () => {
  await rig.close();
  secure.close();
});

test('what is sent over TLS reaches the TCP backend', async () => {
  const client = await rawTlsClient(rig.port(443), { servername: 'db.example.com' });
  client.send('hello');
  await client.until(() => client.text.length >= 5);
  expect(client.text).toBe('hello');
  client.close();
});

/** What a handshake settles on; undefined: it fails. */
async function settled(servername: string, ALPNProtocols: string[]): Promise<string | false | undefined | null> {
  const client = await rawTlsClient(rig.port(443), { servername, ALPNProtocols }).catch(() => undefined);
  if (client === undefined) return undefined;
  client.send('hello');
  await client.until(() => client.text.length >= 5);
  client.close();
  return (client.socket as tls.TLSSocket).alpnProtocol;
}

test('what the bytes are is agreed to by ALPN where a policy says it, and nowhere else', async () => {
  expect(await settled('pg.example.com', ['h2', 'postgresql'])).toBe('postgresql');
  expect(await settled('pg.example.com', ['http/1.1', 'h2'])).toBe('h2');
  expect(await settled('pg.example.com', ['mqtt'])).toBeUndefined();
  expect(await settled('pg.example.com', [])).toBe(false);
  expect(await settled('db.example.com', ['postgresql'])).toBe(false);
});

test('a backend that is reached by TLS is offered what was agreed to with the client, and nothing where nothing was', async () => {
  for (const [ALPNProtocols, said] of [
    [['postgresql'], 'settled on postgresql'],
    [[], 'settled on false'],
  ] as const) {
    const client = await rawTlsClient(rig.port(444), {
      servername: 'db.example.com',
      ALPNProtocols: [...ALPNProtocols],
    });
    await client.until(() => client.text.length >= said.length);
    expect(client.text).toBe(said);
    client.close();
  }
  const plain = await rawClient(rig.port(445));
  await plain.until(() => plain.text.length >= 16);
  expect(plain.text).toBe('settled on false');
  plain.close();
});
