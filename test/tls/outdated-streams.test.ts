/** What has no end of its own, of a client whose certificate would not do any more: it ends when the time for draining is over. */
import tls from 'node:tls';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { clientTraffic } from '../policies/policy.ts';
import { backendRefs, httpRoute, manifests, service, tlsSecret } from '../served/manifest.ts';
import { RawClient } from '../served/raw-client.ts';
import { type Rig, serveManifests } from '../served/rig.ts';
import { Authority, caConfigMap, type Pair } from './authority.ts';

const [WEB, BYTES] = ['web.example', 'bytes.example'];
let root: Authority;
let other: Authority;
let server: Pair;
let client: Pair;
let rig: Rig;

const certificateRefs = [{ name: 'server' }];
const LISTENERS = [
  { name: 'web', port: 443, protocol: 'HTTPS', hostname: WEB, tls: { certificateRefs } },
  { name: 'bytes', port: 443, protocol: 'TLS', hostname: BYTES, tls: { mode: 'Terminate', certificateRefs } },
];
const RELAYED = {
  apiVersion: 'gateway.networking.k8s.io/v1',
  kind: 'TLSRoute',
  metadata: { name: 'bytes', namespace: 'default' },
  spec: { parentRefs: [{ name: 'gw', sectionName: 'bytes' }], hostnames: [BYTES], rules: [backendRefs('one')] },
};

function site(authority: string): string {
  const asked = { clientCertificates: { caCertificateRefs: [{ group: '', kind: 'ConfigMap', name: authority }] } };
  return manifests(
    LISTENERS,
    caConfigMap('root', root),
    caConfigMap('other', other),
    tlsSecret('server', server),
    httpRoute('web', [backendRefs('one')], { parentRefs: [{ name: 'gw', sectionName: 'web' }] }),
    RELAYED,
    service('one'),
    ...['web', 'bytes'].map((listener) => clientTraffic(`of-${listener}`, asked, listener)),
  );
}

beforeAll(async () => {
  [root, other] = await Promise.all([Authority.make('root'), Authority.make('other')]);
  server = await root.sign({ dns: [WEB, BYTES] });
  client = await root.sign({ name: 'alice' });
  rig = await serveManifests(site('root'), { echo: true, ports: [443], drainTimeout: 300 });
});
afterAll(() => rig.close());

function connect(servername: string): RawClient {
  const shown = { cert: client.certificate, key: client.privateKey };
  const where = { host: '127.0.0.1', port: rig.port(443), servername };
  return new RawClient(tls.connect({ ...where, ...shown, rejectUnauthorized: false }));
}

const UPGRADE = [
  ...['GET / HTTP/1.1', `Host: ${WEB}`, 'Connection: upgrade', 'Upgrade: websocket'],
  ...['Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==', '', ''],
].join('\r\n');

test('a WebSocket, and what is relayed, of a client of an authority that went', async () => {
  const socket = connect(WEB).send(UPGRADE);
  await socket.until(() => socket.text.startsWith('HTTP/1.1 101 '));
  const relayed = connect(BYTES).send('hello');
  await relayed.until(() => relayed.text.length > 0);
  await rig.write(site('other'));
  await Promise.all([socket.end(), relayed.end()]);
  const again = connect(BYTES);
  await again.end();
  expect(again.text).toBe('');
});
