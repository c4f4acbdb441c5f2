/** BackendTrafficPolicy.tls beside a BackendTLSPolicy: what is spoken to endpoints, how far away their authority may be, what is shown. */
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import type tls from 'node:tls';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { backendRefs, HTTP, httpRoute, manifests, service, tlsSecret } from '../served/manifest.ts';
import { rawClient } from '../served/raw-client.ts';
import { type Rig, serveManifests } from '../served/rig.ts';
import { Authority, caConfigMap, type Pair, VERIFIED } from '../tls/authority.ts';
import { slice } from './pods.ts';
import { backendTraffic } from './policy.ts';

interface Seen {
  version: string | null;
  cipher: string;
  client: string | undefined;
}

let rig: Rig;
let writes = 0;
let root: Authority;
let shown: Pair;
const seen: Seen[] = [];
const servers: https.Server[] = [];

async function listening(options: https.ServerOptions): Promise<number> {
  const server = https.createServer(
    { requestCert: true, rejectUnauthorized: false, ...options },
    (request, response) => {
      const socket = request.socket as tls.TLSSocket;
      const { subject } = socket.getPeerX509Certificate() ?? {};
      seen.push({ version: socket.getProtocol(), cipher: socket.getCipher().name, client: subject });
      response.end('ok');
    },
  );
  servers.push(server);
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

/** Of endpoints: of today, with TLS 1.0 and 1.1 alone, and with two authorities between their certificate and the root. */
let ports: { usual: number; old: number; far: number };

beforeAll(async () => {
  root = await Authority.make('root');
  const far = await (await root.authority('one')).authority('two');
  const [pair, farPair] = await Promise.all([root, far].map((one) => one.sign({ dns: ['s.example'], rsa: true })));
  shown = await root.sign({ name: 'shown' });
  const [usual, distant] = [pair!, farPair!].map(({ certificate: cert, privateKey: key }) => ({ cert, key }));
  const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'ALL:@SECLEVEL=0' } as const;
  ports = {
    usual: await listening(usual!),
    old: await listening({ ...usual, ...old }),
    far: await listening(distant!),
  };
  rig = await serveManifests(site('usual', VERIFIED));
});
afterAll(async () => {
  await rig.close();
  for (const server of servers) server.close();
});

function site(endpoint: keyof typeof ports, ...more: object[]): string {
  const pod = slice('s', { name: 'x', port: ports[endpoint], close() {} });
  // Each write changes something that is served, so that it is seen when it has come through.
  const rules = [backendRefs('s'), { matches: [{ path: { type: 'Exact', value: `/write-${writes++}` } }] }];
  return manifests([HTTP], httpRoute('r', rules), service('s'), pod, caConfigMap('ca', root), ...more);
}

async function status(): Promise<number> {
  const client = await rawClient(rig.port());
  const [response] = await client.ask('GET / HTTP/1.1\r\nHost: a.example\r\n\r\n');
  client.close();
  return response!.status;
}

async function ask(endpoint: keyof typeof ports, settings: object, ...more: object[]): Promise<number> {
  await rig.write(site(endpoint, VERIFIED, backendTraffic('s', { tls: settings }), ...more));
  return status();
}

const told = (): string => JSON.stringify(rig.report().items.filter(({ kind }) => kind === 'BackendTrafficPolicy'));

test('versions, suites and curves are those of the policy', async () => {
  expect(await ask('usual', { maxVersion: '1.2', ciphers: ['TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256'] })).toBe(200);
  expect(seen.at(-1)).toMatchObject({ version: 'TLSv1.2', cipher: 'ECDHE-RSA-AES128-GCM-SHA256' });
  expect(await ask('usual', { minVersion: '1.3', ciphers: ['TLS_CHACHA20_POLY1305_SHA256'], curves: ['P-256'] })).toBe(
    200,
  );
  expect(seen.at(-1)).toMatchObject({ version: 'TLSv1.3', cipher: 'TLS_CHACHA20_POLY1305_SHA256' });
});

test('an endpoint with nothing but old versions is spoken to only where the policy says so', async () => {
  expect(await ask('old', { ciphers: ['AES128-SHA'] })).toBe(502);
  expect(await ask('old', { minVersion: '1.0' })).toBe(200);
  expect(seen.at(-1)).toMatchObject({ version: 'TLSv1.1' });
  expect(await ask('old', { minVersion: '1.2' })).toBe(502);
  expect(await ask('usual', { minVersion: '1.3' })).toBe(200);
});

test('an authority that is too far away is none', async () => {
  expect(await ask('far', { verifyDepth: 2 })).toBe(200);
  expect(await ask('far', { verifyDepth: 1 })).toBe(502);
  expect(rig.accesses.at(-1)!.reason).toBe('tls_failed');
  expect(await ask('usual', { verifyDepth: 0 })).toBe(200);
});

test('of the machine’s authorities the depth counts, too', async () => {
  const system = structuredClone(VERIFIED);
  system.spec.validation = { hostname: 's.example', wellKnownCACertificates: 'System' } as never;
  await rig.write(site('usual', system, backendTraffic('s', { tls: { verifyDepth: 1 } })));
  expect(await status()).toBe(502);
});

test('what a younger policy says of TLS holds, and nothing is sent where the older one says something else', async () => {
  const named = (name: string, spec: object): object => ({ ...backendTraffic('s', spec), metadata: { name } });
  const younger = named('b', { tls: { maxVersion: '1.2' } });
  await rig.write(site('usual', VERIFIED, named('a', { timeouts: { read: '5s' } }), younger));
  expect(await status()).toBe(200);
  expect(seen.at(-1)).toMatchObject({ version: 'TLSv1.2' });
  expect(told()).toContain('its settings count, and of these tls alone, since they guard');
  await rig.write(site('usual', VERIFIED, named('a', { tls: { maxVersion: '1.2' } }), younger));
  expect(await status()).toBe(200);
  await rig.write(site('usual', VERIFIED, named('a', { tls: { minVersion: '1.3' } }), younger));
  expect(await status()).toBeGreaterThanOrEqual(500);
  expect(told().match(/nothing is sent until one of the two goes/g)!.length).toBeGreaterThanOrEqual(2);
});

test('the certificate of the policy is shown, and one that is gone has its last good form', async () => {
  const settings = { clientCertificateRef: { name: 'shown' } };
  expect(await ask('usual', settings, tlsSecret('shown', shown))).toBe(200);
  expect(seen.at(-1)!.client).toBe('CN=shown');
  const next = await root.sign({ name: 'next' });
  expect(await ask('usual', settings, tlsSecret('shown', next))).toBe(200);
  expect(seen.at(-1)!.client).toBe('CN=next');
  expect(await ask('usual', settings)).toBe(200);
  expect(seen.at(-1)!.client).toBe('CN=next');
  expect(told()).toContain('its last good form stays in service');
});

test('it goes before the Gateway’s, and to endpoints that nobody asks for', async () => {
  const own = await root.sign({ name: 'of the gateway' });
  const secrets = [tlsSecret('shown', shown), tlsSecret('gateway', own)];
  const settings = { clientCertificateRef: { name: 'shown' } };
  const withGateway = (text: string): string =>
    text.replace(
      'spec:\n  gatewayClassName: any',
      'spec:\n  tls: {backend: {clientCertificateRef: {name: gateway}}}\n  gatewayClassName: any',
    );
  await rig.write(withGateway(site('usual', VERIFIED, ...secrets)));
  expect(await status()).toBe(200);
  expect(seen.at(-1)!.client).toBe('CN=of the gateway');
  await rig.write(withGateway(site('usual', VERIFIED, backendTraffic('s', { tls: settings }), ...secrets)));
  expect(await status()).toBe(200);
  expect(seen.at(-1)!.client).toBe('CN=shown');
  await rig.write(site('usual', backendTraffic('s', { tls: { verification: 'Disabled', ...settings } }), ...secrets));
  expect(await status()).toBe(200);
  expect(seen.at(-1)!.client).toBe('CN=shown');
});

test.each([
  [
    'a suite that OpenSSL has not got',
    { ciphers: ['ECDHE-RSA-NOTHING'] },
    'spec.tls.ciphers[0]: ECDHE-RSA-NOTHING is no cipher suite',
  ],
  ['a certificate that is not there', { clientCertificateRef: { name: 'nowhere' } }, 'nowhere'],
  ['a setting that nobody knows', { verifyDepht: 1 }, 'verifyDepth'],
  ['a setting of the wrong kind', { minVersion: '2.0' }, 'minVersion'],
])('%s: nothing is sent, and it is told', async (_name, settings, message) => {
  const other = await serveManifests(site('usual', VERIFIED, backendTraffic('s', { tls: settings })));
  try {
    const client = await rawClient(other.port());
    const [response] = await client.ask('GET / HTTP/1.1\r\nHost: a.example\r\n\r\n');
    client.close();
    expect(response!.status).toBe(500);
    expect(JSON.stringify(other.report())).toContain(message.split(': ').at(-1)!);
  } finally {
    await other.close();
  }
});

test('where no TLS is spoken, the status says that it means nothing', async () => {
  await rig.write(site('usual', backendTraffic('s', { tls: { minVersion: '1.3' } })));
  expect(told()).toContain('spec.tls means nothing on port 80: no BackendTLSPolicy has TLS spoken there');
  await rig.write(site('usual', VERIFIED, backendTraffic('s', { tls: { minVersion: '1.3' } })));
  expect(told()).not.toContain('means nothing');
});
