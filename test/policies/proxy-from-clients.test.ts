/** ClientTrafficPolicy.proxyProtocol: the header of trusted sources is heard on every port that carries streams. */
import http2 from 'node:http2';
import net from 'node:net';
import tls from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { backendRefs, endpointsOf, httpRoute, manifests, service, tlsSecret } from '../served/manifest.ts';
import { rawBackend, type TestBackend } from '../served/raw-backend.ts';
import { RawClient, rawClient } from '../served/raw-client.ts';
import { type Rig, serveManifests } from '../served/rig.ts';
import { Authority } from '../tls/authority.ts';
import { clientTraffic } from './policy.ts';

const HEADER = 'PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n';
/** The same in version 2. */
const HEADER_V2 = Buffer.concat([
  Buffer.from('0d0a0d0a000d0a515549540a2111000c', 'hex'),
  Buffer.from([192, 0, 2, 1, 198, 51, 100, 2]),
  Buffer.from([56324 >> 8, 56324 & 255, 443 >> 8, 443 & 255]),
]).latin1Slice();
const GET = 'GET / HTTP/1.1\r\nHost: a.example\r\n\r\n';
const TRUSTED = { trustedSources: ['127.0.0.0/8'] };
const STRANGERS = { trustedSources: ['10.0.0.0/8', '2001:db8::/32'] };

const HTTP = { port: 80, protocol: 'HTTP' };
const L4_ROUTE = { apiVersion: 'gateway.networking.k8s.io/v1' };

let rig: Rig;
let echo: TestBackend;

beforeAll(async () => {
  const authority = await Authority.make('test');
  const pair = await authority.sign({ dns: ['a.example', 'ended.example'] });
  echo = await rawBackend((socket) => socket.pipe(socket));
  const certificateRefs = [{ name: 'cert' }];
  rig = await serveManifests(
    manifests(
      [
        { ...HTTP, name: 'required' },
        { ...HTTP, name: 'strangers', port: 81 },
        { ...HTTP, name: 'optional', port: 82 },
        { ...HTTP, name: 'unread', port: 83 },
        { name: 'https', port: 443, protocol: 'HTTPS', tls: { certificateRefs } },
        { name: 'through', port: 8443, protocol: 'TLS', hostname: 'a.example', tls: { mode: 'Passthrough' } },
        { name: 'ended', port: 8443, protocol: 'TLS', hostname: 'ended.example', tls: { certificateRefs } },
        { name: 'tcp', port: 5432, protocol: 'TCP' },
      ],
      clientTraffic('all', { proxyProtocol: TRUSTED }),
      clientTraffic('strangers', { proxyProtocol: { mode: 'Required', ...STRANGERS } }, 'strangers'),
      clientTraffic('optional', { proxyProtocol: { mode: 'Optional', ...TRUSTED } }, 'optional'),
      clientTraffic('unread', { proxyProtocol: { mode: 'Optional', ...STRANGERS } }, 'unread'),
      tlsSecret('cert', pair),
      httpRoute('all', [backendRefs('one')]),
      service('one'),
      service('bytes'),
      {
        ...L4_ROUTE,
        kind: 'TLSRoute',
        metadata: { name: 'tls' },
        spec: {
          parentRefs: [{ name: 'gw' }],
          hostnames: ['a.example', 'ended.example'],
          rules: [backendRefs('bytes')],
        },
      },
      {
        ...L4_ROUTE,
        kind: 'TCPRoute',
        metadata: { name: 'tcp' },
        spec: { parentRefs: [{ name: 'gw', sectionName: 'tcp' }], rules: [backendRefs('bytes')] },
      },
    ),
    {
      echo: true,
      ports: [80, 81, 82, 83, 443, 8443, 5432],
      endpoints: [endpointsOf('bytes', echo.port)],
    },
  );
});
afterAll(async () => {
  await rig.close();
  await echo.close();
});

async function forwardedFor(port: number, opening: string): Promise<string | undefined> {
  const client = await rawClient(rig.port(port));
  const [response] = await client.ask(`${opening}${GET}`);
  client.close();
  expect(response!.status).toBe(200);
  return (JSON.parse(response!.body) as { headers: Record<string, string> }).headers['x-forwarded-for'];
}

describe('a required header', () => {
  test.each([
    ['version 1', HEADER],
    ['version 2', HEADER_V2],
  ])('of %s tells backends and the access log who the client is', async (_version, header) => {
    const before = rig.accesses.length;
    expect(await forwardedFor(80, header)).toBe('192.0.2.1');
    expect(rig.accesses.slice(before).map(({ client }) => client)).toEqual(['192.0.2.1']);
  });

  test('that says nothing leaves the connection its own address', async () => {
    expect(await forwardedFor(80, 'PROXY UNKNOWN\r\n')).toBe('127.0.0.1');
  });

  test('may come in pieces, before a request in pieces', async () => {
    const client = await rawClient(rig.port(80), { noDelay: true });
    for (const byte of `${HEADER}${GET}`) await new Promise<void>((sent) => client.socket.write(byte, () => sent()));
    const [response] = await client.responses(1);
    expect(response!.body).toContain('192.0.2.1');
    client.close();
  });

  test.each([
    ['is missing', GET],
    ['is wrong', `PROXY TCP4 1.2.3.4\r\n${GET}`],
    ['comes twice', `${HEADER}${HEADER}${GET}`],
  ])('that %s is no way in', async (_how, opening) => {
    const client = await rawClient(rig.port(80));
    client.send(opening);
    await client.end();
    expect(client.text).not.toContain('200 OK');
    client.close();
  });

  test('is not taken from elsewhere than trusted sources: the connection is closed', async () => {
    const client = new RawClient(net.connect(rig.port(81), '127.0.0.1'));
    client.send(`${HEADER}${GET}`);
    await client.end();
    expect(client.text).toBe('');
  });
});

describe('an optional header', () => {
  test('is heard where it comes, and need not come', async () => {
    expect(await forwardedFor(82, HEADER)).toBe('192.0.2.1');
    expect(await forwardedFor(82, '')).toBe('127.0.0.1');
  });

  test('of an untrusted source is not read: it is no HTTP', async () => {
    expect(await forwardedFor(83, '')).toBe('127.0.0.1');
    const client = await rawClient(rig.port(83));
    client.send(`${HEADER}${GET}`);
    const [response] = await client.responses(1);
    expect(response!.status).toBe(400);
    expect(client.text).not.toContain('192.0.2.1');
    client.close();
  });
});

/** A TLS client behind a proxy that sends the header. */
async function tlsClient(port: number, options: tls.ConnectionOptions): Promise<tls.TLSSocket> {
  const socket = net.connect(port, '127.0.0.1');
  socket.write(HEADER);
  const secure = tls.connect({ socket, rejectUnauthorized: false, ...options });
  await new Promise<void>((resolve, reject) => secure.once('secureConnect', resolve).once('error', reject));
  return secure;
}

describe('before TLS', () => {
  test('the header is read, and HTTP/1.1 goes on', async () => {
    const client = new RawClient(await tlsClient(rig.port(443), { servername: 'a.example' }));
    const [response] = await client.ask(GET);
    expect(JSON.parse(response!.body)).toMatchObject({ headers: { 'x-forwarded-for': '192.0.2.1' } });
    client.close();
  });

  test('the header is read, and HTTP/2 goes on', async () => {
    const socket = await tlsClient(rig.port(443), { servername: 'a.example', ALPNProtocols: ['h2'] });
    const session = http2.connect('https://a.example', { createConnection: () => socket });
    const stream = session.request({ ':path': '/' });
    let body = '';
    for await (const chunk of stream.setEncoding('utf8')) body += chunk;
    expect(JSON.parse(body)).toMatchObject({ headers: { 'x-forwarded-for': '192.0.2.1' } });
    session.destroy();
  });

  test('a connection without it is closed', async () => {
    const client = await rawClient(rig.port(443));
    client.send('\x16\x03\x01\x00\x05hello');
    await client.end();
    expect(client.text).toBe('');
  });

  test('the header is read where TLS is ended for a TLSRoute, and where it goes through', async () => {
    const ended = new RawClient(await tlsClient(rig.port(8443), { servername: 'ended.example' }));
    ended.send('said');
    await ended.until(() => ended.text === 'said');
    ended.socket.end();
    await ended.end();
    const through = await rawClient(rig.port(8443));
    through.socket.write(`${HEADER}`);
    // The backend sends the hello back, which is what the client's TLS makes nothing of.
    const secure = tls.connect({ socket: through.socket, servername: 'a.example', rejectUnauthorized: false });
    await new Promise((resolve) => secure.once('error', resolve));
    through.close();
    await expect.poll(() => rig.accesses.filter(({ protocol }) => protocol === 'tls').length).toBeGreaterThan(1);
    const clients = rig.accesses.filter(({ protocol }) => protocol === 'tls').map(({ client }) => client);
    expect(new Set(clients)).toEqual(new Set(['192.0.2.1']));
  });
});

test('HTTP/2 with prior knowledge follows the header', async () => {
  const socket = net.connect(rig.port(80), '127.0.0.1');
  socket.write(HEADER);
  const session = http2.connect('http://a.example', { createConnection: () => socket });
  const stream = session.request({ ':path': '/' });
  let body = '';
  for await (const chunk of stream.setEncoding('utf8')) body += chunk;
  expect(JSON.parse(body)).toMatchObject({ headers: { 'x-forwarded-for': '192.0.2.1' } });
  session.destroy();
});

test('a TCP connection goes on without the header', async () => {
  const client = await rawClient(rig.port(5432));
  client.send(`${HEADER}hello`);
  await client.until(() => client.text === 'hello');
  client.socket.end();
  await client.end();
  await expect.poll(() => rig.accesses.find(({ protocol }) => protocol === 'tcp')?.client).toBe('192.0.2.1');
});
