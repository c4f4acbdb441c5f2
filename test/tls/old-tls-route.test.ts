/** A TLSRoute of version v1alpha2 may name no hostname: it takes all those of its listener. */
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
    apiVersion: 'gateway.networking.k8s.io/v1alpha2',
    kind: 'TLSRoute',
    metadata: { name: 'db', namespace: 'default' },
    spec: { parentRefs: [{ name: 'gw' }], rules: [backendRefs('db'), backendRefs('gone')] },
  };
  rig = await serveManifests(
    manifests(
      [
        { name: 'any', port: 443, protocol: 'TLS', tls },
        { name: 'some', port: 8443, protocol: 'TLS', hostname: '*.example.com', tls },
      ],
      tlsSecret('cert', await authority.sign({ dns: ['*.example.com'] })),
      route,
      service('db'),
    ),
    { echo: true, ports: [443, 8443] },
  );
});
afterAll(() => rig.close());

test.each([
  ['any name', 443, { servername: 'db.example.org' }],
  ['no name', 443, {}],
  ["a name of the listener's", 8443, { servername: 'db.example.com' }],
])('a connection with %s reaches the backend of the first rule', async (_, port, options) => {
  const client = await rawTlsClient(rig.port(port), options);
  client.send('hello');
  await client.until(() => client.text.length >= 5);
  expect(client.text).toBe('hello');
  client.close();
});
