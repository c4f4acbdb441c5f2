/** Kong's annotations on Services over real sockets: how long endpoints have, how often they are tried, how they are spoken to. */
import http from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { TLSSocket } from 'node:tls';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { backendRefs, endpointsOf, HTTP, httpRoute, manifests, service, tlsSecret } from '../served/manifest.ts';
import { type Rig, serveManifests } from '../served/rig.ts';
import { Authority, type Pair } from '../tls/authority.ts';
import { backendTraffic, requestPolicy } from './policy.ts';

type Annotations = Record<string, string>;
const closing: Array<() => unknown> = [];
afterAll(async () => {
  for (const close of closing.reverse()) await close();
});

async function listen(server: http.Server | https.Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

let tries = 0;
let asked: string | undefined;
/** Ends connections without a word as often as the path says, and says nothing at `/slow`. */
const web: http.RequestListener = (request, response) => {
  tries++;
  asked = request.url;
  if (request.url === '/slow') return;
  if (request.url === `/resets/${tries}` || request.url === '/resets') request.socket.destroy();
  else response.end('plain');
};

function annotated(name: string, annotations: Annotations): object {
  const { metadata, ...rest } = service(name) as { metadata: object };
  return { ...rest, metadata: { ...metadata, annotations } };
}

let rig: Rig;
/** What the gateway shows. */
let shown: Pair;
beforeAll(async () => {
  const plain = await listen(http.createServer(web));
  const authority = await Authority.make('nobody');
  const pair = await authority.sign({ dns: ['inside.example'] });
  shown = await authority.sign({ name: 'kong' });
  const tls = { cert: pair.certificate, key: pair.privateKey, requestCert: true, rejectUnauthorized: false };
  const known: http.RequestListener = ({ socket }, response) => {
    const { subject } = (socket as TLSSocket).getPeerX509Certificate() ?? {};
    response.end(subject === undefined ? 'secure' : `secure for ${subject}`);
  };
  const secure = await listen(https.createServer(tls, known));
  const endpoints = [endpointsOf('web', plain), endpointsOf('secure', secure)];
  rig = await serveManifests(manifests([HTTP], service('web')), { endpoints });
  closing.push(() => rig.close());
});

let edits = 0;
async function serve(web: Annotations, secure: Annotations = {}, ...more: object[]): Promise<void> {
  const routes = [
    httpRoute('web', [backendRefs('web')], { hostnames: ['web.example'] }),
    httpRoute('secure', [backendRefs('secure')], { hostnames: ['secure.example'] }),
    httpRoute('edit', [backendRefs('web')], { hostnames: [`edit-${++edits}.example`] }),
  ];
  await rig.write(manifests([HTTP], ...routes, annotated('web', web), annotated('secure', secure), ...more));
}

async function ask(host: string, path = '/', method = 'GET'): Promise<{ status: number; said: string }> {
  const options = { port: rig.port(), host: '127.0.0.1', path, method, headers: { host: `${host}.example` } };
  const answer = await new Promise<http.IncomingMessage>((resolve, reject) => {
    http.request(options, resolve).on('error', reject).end();
  });
  return { status: answer.statusCode!, said: await text(answer) };
}

const told = (): string =>
  rig
    .report()
    .diagnostics.map(({ object, field, message }) => `${object} ${field} ${message}`)
    .join('\n');

test('client-cert: it is shown to endpoints, and where it cannot be read nothing is sent', async () => {
  const asked = { 'konghq.com/protocol': 'https', 'konghq.com/client-cert': 'shown' };
  await serve({}, asked, tlsSecret('shown', shown));
  expect(await ask('secure')).toEqual({ status: 200, said: 'secure for CN=kong' });
  await serve({}, { ...asked, 'konghq.com/client-cert': 'absent' });
  expect((await ask('secure')).status).toBe(500);
  expect(told()).toContain('Secret default/absent');
});

test('upstream-policy: what is to be written in its place is told', async () => {
  await serve({ 'konghq.com/upstream-policy': 'sticky' });
  expect((await ask('web')).status).toBe(200);
  expect(told()).toContain('KongUpstreamPolicy sticky is not read: write { kind: BackendTrafficPolicy');
});

test('read-timeout', async () => {
  await serve({ 'konghq.com/read-timeout': '200', 'konghq.com/retries': '0' });
  expect((await ask('web', '/slow')).status).toBe(504);
  expect(told()).toContain('read: "200ms"');
});

test('retries, as many as there are', async () => {
  for (const [retries, expected] of [
    ['0', 1],
    ['2', 3],
  ] as const) {
    await serve({ 'konghq.com/retries': retries });
    tries = 0;
    expect((await ask('web', '/resets')).status).toBe(502);
    expect(tries).toBe(expected);
  }
});

test('protocol: TLS, which is not verified and is told so', async () => {
  await serve({}, { 'konghq.com/protocol': 'https' });
  expect(await ask('secure')).toEqual({ status: 200, said: 'secure' });
  expect(told()).toContain('WARNING');
  await serve({}, {});
  expect((await ask('secure')).status).not.toBe(200);
});

test.each([
  ['a protocol that is none', { 'konghq.com/protocol': 'httpss' }],
  ['a protocol of connections', { 'konghq.com/protocol': 'tcp' }],
  [
    'verification, for which authorities are needed',
    { 'konghq.com/protocol': 'https', 'konghq.com/tls-verify': 'true' },
  ],
  ['verification in words that nobody knows', { 'konghq.com/protocol': 'https', 'konghq.com/tls-verify': 'yes' }],
] as Array<[string, Annotations]>)('%s: nothing is sent there', async (_name, annotations) => {
  await serve({}, annotations);
  expect((await ask('secure')).status).toBe(500);
  expect(await ask('web')).toEqual({ status: 200, said: 'plain' });
  expect(told()).toContain('requests get a 500 until then');
});

test('what is asked of certificates and paths is told as what is to be written', async () => {
  await serve(
    {},
    {
      'konghq.com/protocol': 'https',
      'konghq.com/tls-verify': 'true',
      'konghq.com/ca-certificates-secret': 'inner, outer',
      'konghq.com/ca-certificates-configmap': 'third',
      'konghq.com/host-header': 'inside.example',
      'konghq.com/path': '/$api/',
    },
  );
  expect((await ask('secure')).status).toBe(500);
  const all = told();
  for (const name of ['inner', 'outer', 'third', 'hostname: inside.example']) expect(all).toContain(name);
  expect(all).toContain('kind: BackendTLSPolicy');
  expect(all).toContain('kind: RewritePolicy');
  expect(all).toContain('/$$api$1');
  expect(all).not.toContain('is no annotation that is known');
  // As it was told.
  const paths = [{ pattern: '^(/.*)$', substitution: '/resets$1' }];
  await serve(
    { 'konghq.com/path': '/' },
    {},
    requestPolicy('RewritePolicy', 'p', { kind: 'Service', name: 'web' }, { paths }),
  );
  expect(await ask('web')).toEqual({ status: 200, said: 'plain' });
  expect(asked).toMatch(/^\/resets\//);
  await serve({ 'konghq.com/path': '/public' });
  expect((await ask('web')).status).toBe(500);
});

test('numbers that are none do nothing, and are told', async () => {
  await serve({ 'konghq.com/read-timeout': '1s', 'konghq.com/retries': '-1', 'konghq.com/connect-timeout': '0' });
  expect((await ask('web')).status).toBe(200);
  expect(told()).toContain('metadata.annotations["konghq.com/read-timeout"] must be a whole number');
  expect(told()).toContain('metadata.annotations["konghq.com/retries"] must be a whole number');
  expect(told()).toContain('metadata.annotations["konghq.com/connect-timeout"] is no time');
});

test('a policy of our own acts beside, and counts where both say the same', async () => {
  const asked = { 'konghq.com/read-timeout': '200', 'konghq.com/retries': '0' };
  await serve(asked, {}, backendTraffic('web', { retry: { attempts: 1 } }));
  tries = 0;
  expect((await ask('web', '/resets')).status).toBe(502);
  expect(tries).toBe(2);
  expect((await ask('web', '/slow')).status).toBe(504);
  expect(told()).toContain('BackendTrafficPolicy default/web has the same target');
});
