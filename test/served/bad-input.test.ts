/** Bad input over real sockets: each gets a clear answer, and an access entry that says why. */
import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { demoCertificate } from '../../src/cli/demo-certificate.ts';
import type { HttpLimits } from '../../src/proxy/index.ts';
import { backendRefs, endpointsOf, HTTP, httpRoute, manifests, service, tlsSecret } from './manifest.ts';
import { httpBackend, rawBackend, type TestBackend } from './raw-backend.ts';
import { type RawClient, rawClient } from './raw-client.ts';
import { type Rig, serveManifests } from './rig.ts';

const ROUTE = [httpRoute('all', [backendRefs('one')]), service('one')];
const GET = 'GET / HTTP/1.1\r\nHost: a.example\r\n\r\n';
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

const closing: Array<{ close(): unknown }> = [];
afterEach(async () => {
  for (const one of closing.splice(0).reverse()) await one.close();
});

async function serve(backend: TestBackend, limits: Partial<HttpLimits> = {}): Promise<{ rig: Rig; client: RawClient }> {
  closing.push(backend);
  const rig = await serveManifests(manifests([HTTP], ...ROUTE), {
    endpoints: [endpointsOf('one', backend.port)],
    limits,
  });
  closing.push(rig);
  const client = await rawClient(rig.port());
  closing.push(client);
  return { rig, client };
}

function answering(): Promise<TestBackend> {
  return httpBackend((request, response) => {
    request.resume().on('end', () => response.end(`${request.method} ${request.url}`));
  });
}

describe('requests', () => {
  test.each<[string, string, number]>([
    [
      'both Content-Length and Transfer-Encoding',
      `${GET.slice(0, -2)}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n`,
      400,
    ],
    ['a bare LF', 'GET / HTTP/1.1\nHost: a\n\n', 400],
    ['an oversized head', `${GET.slice(0, -2)}X: ${'y'.repeat(40_000)}\r\n\r\n`, 431],
    ['too many fields', `${GET.slice(0, -2)}${'X: y\r\n'.repeat(200)}\r\n`, 431],
    ['a request line without end', `GET /${'y'.repeat(40_000)}`, 414],
    ['a method that is no token', 'G{T / HTTP/1.1\r\nHost: a\r\n\r\n', 400],
    ['an invalid Host', 'GET / HTTP/1.1\r\nHost: a/b\r\n\r\n', 400],
    ['an asterisk with GET', 'GET * HTTP/1.1\r\nHost: a\r\n\r\n', 400],
    ['another scheme', 'GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n', 400],
    ['an unknown expectation', `${GET.slice(0, -2)}Expect: more\r\n\r\n`, 417],
    ['TLS on a plain port', '\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03\r\n\r\n', 400],
  ])('%s', async (_name, raw, status) => {
    const { rig, client } = await serve(await answering());
    const [response] = await client.ask(raw);
    expect(response!.status).toBe(status);
    expect(response!.headers.get('connection')).toBe('close');
    const { message, request_id: id } = JSON.parse(response!.body) as { message: string; request_id: string };
    expect(message).toMatch(/\w+ .+\./);
    await client.end();
    expect(rig.accesses).toMatchObject([{ status, requestId: id, reason: 'malformed_request' }]);
  });

  test('an unknown method and an absolute target are forwarded, and so is * with OPTIONS', async () => {
    const { client } = await serve(
      await httpBackend((request, response) => response.end(`${request.method} ${request.url}`)),
    );
    expect((await client.ask('PROPFIND /x HTTP/1.1\r\nHost: a\r\n\r\n'))[0]!.body).toBe('PROPFIND /x');
    expect((await client.ask('GET http://a.example/y?z HTTP/1.1\r\nHost: a.example\r\n\r\n'))[0]!.body).toBe(
      'GET /y?z',
    );
    expect((await client.ask('OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n'))[0]!.body).toBe('OPTIONS *');
  });

  test('a head that does not come whole in time', async () => {
    const { rig, client } = await serve(await answering(), { headTimeout: 100 });
    const [response] = await client.ask('GET / HTTP/1.1\r\nHost:');
    expect(response!.status).toBe(408);
    await client.end();
    expect(rig.accesses).toMatchObject([{ status: 408, reason: 'head_timeout' }]);
  });

  test('a connection that says nothing is closed', async () => {
    const { client } = await serve(await answering(), { keepAliveTimeout: 100 });
    await client.end();
    expect(client.text).toBe('');
  });

  test('a body over the limit, counted while it streams', async () => {
    const { rig, client } = await serve(await answering(), { maxBodyBytes: 100_000 });
    client.send('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n');
    const chunk = `${(50_000).toString(16)}\r\n${'x'.repeat(50_000)}\r\n`;
    const [response] = await client.ask(chunk.repeat(3));
    expect(response!.status).toBe(413);
    expect(rig.accesses).toMatchObject([{ status: 413, reason: 'body_too_large' }]);
    const other = await rawClient(rig.port());
    closing.push(other);
    const [byLength] = await other.ask('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100001\r\n\r\n');
    expect(byLength!.status).toBe(413);
  });

  test.each<[string, string]>([
    ['in the middle of its body', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc'],
    ['while it waits', GET],
  ])('a client that vanishes %s', async (_name, raw) => {
    const arrived = Promise.withResolvers<void>();
    const gone = Promise.withResolvers<void>();
    const backend = await rawBackend((socket) => {
      socket.once('data', () => arrived.resolve());
      socket.on('close', () => gone.resolve());
    });
    const { rig, client } = await serve(backend);
    client.send(raw);
    await arrived.promise;
    client.close();
    await gone.promise;
    expect(rig.accesses).toMatchObject([
      { status: 499, reason: expect.stringMatching(/^client_(closed_early|reset)$/) },
    ]);
  });
});

describe('backends', () => {
  test.each<[string, (socket: net.Socket) => void, number, string]>([
    ['reset', (socket) => socket.resetAndDestroy(), 502, 'reset'],
    ['close without a word', (socket) => socket.end(), 502, 'closed_early'],
    ['speak nonsense', (socket) => socket.write('220 mail.example ESMTP\r\n'), 502, 'protocol_error'],
    [
      'end their head with a bare LF',
      (socket) => socket.write('HTTP/1.1 200 OK\nContent-Length: 0\n\n'),
      502,
      'protocol_error',
    ],
    ['close within their head', (socket) => socket.end('HTTP/1.1 200 OK\r\nConte'), 502, 'closed_early'],
    ['hang', () => {}, 504, 'timeout'],
    ['begin and hang', (socket) => socket.write('HTTP/1.1 200 OK\r\n'), 504, 'timeout'],
  ])('that %s', async (_name, misbehave, status, reason) => {
    const backend = await rawBackend((socket) => socket.on('data', () => misbehave(socket)));
    const { rig, client } = await serve(backend, { streamIdleTimeout: 150 });
    const [response] = await client.ask(GET);
    expect(response!.status).toBe(status);
    expect(rig.accesses).toMatchObject([{ status, reason, endpoint: `127.0.0.1:${backend.port}` }]);
  });

  test.each<[string, string]>([
    ['a body of known length', 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc'],
    ['a chunked body', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc'],
  ])('that close early within %s end the client connection, which so sees it', async (_name, answer) => {
    const { rig, client } = await serve(await rawBackend((socket) => socket.on('data', () => socket.end(answer))));
    client.send(GET);
    await client.end();
    expect(client.text).toMatch(/abc(\r\n)?$/);
    expect(rig.accesses).toMatchObject([{ status: 200, reason: 'closed_early', bytesOut: 3 }]);
  });

  test('that send too much: the surplus answers nobody', async () => {
    const evil = 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil';
    const backend = await rawBackend((socket) => socket.on('data', () => socket.write(OK + evil)));
    const { client } = await serve(backend);
    const responses = await client.ask(GET.repeat(3), 3);
    expect(responses.map(({ body }) => body)).toEqual(['ok', 'ok', 'ok']);
    expect(backend.accepted).toBe(3);
  });

  test('that refuse', async () => {
    const backend = await answering();
    const { rig, client } = await serve(backend);
    await backend.close();
    closing.splice(closing.indexOf(backend), 1);
    const [response] = await client.ask(GET);
    expect(response!.status).toBe(502);
    expect(rig.accesses).toMatchObject([{ reason: 'connect_refused' }]);
  });
});

describe('listeners', () => {
  test('a port that is taken is named, and the others serve', async () => {
    const taken = net.createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    closing.push({ close: () => taken.close() });
    const { port } = taken.address() as AddressInfo;
    const listeners = [HTTP, { name: 'taken', port, protocol: 'HTTP' }];
    const rig = await serveManifests(manifests(listeners, ...ROUTE), { echo: true });
    closing.push(rig);
    expect((await fetch(`http://127.0.0.1:${rig.port()}/`)).status).toBe(200);
    const gateway = rig.report().items.find(({ kind }) => kind === 'Gateway');
    const text = JSON.stringify(gateway);
    expect(text).toContain(String(port));
    expect(text).toContain('taken by another process');
  });

  const HTTPS = {
    name: 'https',
    port: 443,
    protocol: 'HTTPS',
    tls: { certificateRefs: [{ name: 'cert' }] },
  };

  test('plain HTTP on a TLS port gets a clear 400', async () => {
    const secret = tlsSecret('cert', await demoCertificate(['a.example']));
    const rig = await serveManifests(manifests([HTTPS], secret, ...ROUTE), { echo: true, ports: [443] });
    closing.push(rig);
    const client = await rawClient(rig.port(443));
    closing.push(client);
    const [response] = await client.ask(GET);
    expect(response!.status).toBe(400);
    expect(response!.body).toContain('TLS');
  });

  test.each<[string, () => Promise<object[]>]>([
    ['a missing Secret', async () => []],
    [
      'a key that does not fit its certificate',
      async () => {
        const [one, two] = await Promise.all([demoCertificate(['a.example']), demoCertificate(['a.example'])]);
        return [tlsSecret('cert', { certificate: one.certificate, privateKey: two.privateKey })];
      },
    ],
  ])('%s hurts its own listener only', async (_name, secrets) => {
    const rig = await serveManifests(manifests([HTTP, HTTPS], ...(await secrets()), ...ROUTE), {
      echo: true,
      ports: [80, 443],
    });
    closing.push(rig);
    expect((await fetch(`http://127.0.0.1:${rig.port()}/`)).status).toBe(200);
    await vi.waitFor(() => {
      const gateway = JSON.stringify(rig.report().items.find(({ kind }) => kind === 'Gateway'));
      expect(gateway).toContain('InvalidCertificateRef');
    });
  });
});
