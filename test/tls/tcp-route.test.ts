/** A TCPRoute on a listener that ends TLS: the bytes in the connection go to the backend, and back. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { backendRefs, manifests, service, tlsSecret } from '../served/manifest.ts';
import { rawTlsClient } from '../served/raw-client.ts';
import { type Rig, serveManifests } from '../served/rig.ts';
import { Authority } from './authority.ts';

let rig: Rig;

beforeAll(async () => {
  const authority = await Authority.make('ecdsa');
  const tls = { mode: 'Terminate', certificateRefs: [{ name: 'cert' }] };
  const route = {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'TCPRoute',
    metadata: { name: 'db', namespace: 'default' },
    spec: { parentRefs: [{ name: 'gw' }], rules: [backendRefs('db')] },
  };
  rig = await serveManifests(
    manifests(
      [{ name: 'tls', port: 443, protocol: 'TLS', hostname: '*.example.com', tls }],
      tlsSecret('cert', await authority.sign({ dns: ['*.example.com'] })),
      route,
      service('db'),
    ),
    { echo: true, ports: [443] },
  );
});
afterAll(() => rig.close());

test('what is sent over TLS reaches the TCP backend', async () => {
  const client = await rawTlsClient(rig.port(443), { servername: 'db.example.com' });
  client.send('hello');
  await client.until(() => client.text.length >= 5);
  expect(client.text).toBe('hello');
  client.close();
});
