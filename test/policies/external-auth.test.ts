/** The filter ExternalAuth of HTTPRoutes over real sockets: who passes, what the service is told, and what never opens. */
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { backendRefs, endpointsOf, HTTP, httpRoute, manifests, service } from '../served/manifest.ts';
import { type Rig, serveManifests } from '../served/rig.ts';
import type { GrpcAuth, HttpAuth } from './auth-service.ts';
import { type Asked, ExternalSite } from './external-site.ts';
import { requestPolicy } from './policy.ts';

const externalAuth = (protocol: 'HTTP' | 'GRPC', more: object = {}) => ({
  type: 'ExternalAuth',
  externalAuth: { protocol, backendRef: { name: protocol === 'HTTP' ? 'auth' : 'grpc-auth', port: 80 }, ...more },
});

function site(filter: object, ...objects: object[]): string {
  return manifests(
    [HTTP],
    httpRoute('a', [{ filters: [filter], ...backendRefs('web') }], { hostnames: ['a.example'] }),
    httpRoute('open', [backendRefs('web')], { hostnames: ['b.example'] }),
    ...['web', 'auth', 'grpc-auth', 'gone'].map(service),
    ...objects,
  );
}

let written = site(externalAuth('HTTP', { http: {} }));

/** What is written already changes nothing that could be waited for. */
async function write(text: string): Promise<void> {
  if (text !== written) await rig.write(text);
  written = text;
}

let served: ExternalSite;
let auth: HttpAuth;
let grpcAuth: GrpcAuth;
let origin: HttpAuth;
let rig: Rig;
beforeAll(async () => {
  served = await ExternalSite.serve(written);
  ({ auth, grpcAuth, origin, rig } = served);
});
afterAll(() => served.close());
beforeEach(() => served.forget((_question, response) => response.writeHead(200, { 'X-Origin': '1' }).end('welcome')));

const ask = (asked?: Asked) => served.ask(asked);

describe('ExternalAuth over HTTP', () => {
  beforeAll(() => write(site(externalAuth('HTTP', { http: {} }))));

  test('lets pass what the service answers with 200, over kept connections', async () => {
    for (let i = 0; i < 3; i++) expect(await ask()).toMatchObject({ status: 200, body: 'welcome' });
    expect([auth.asked.length, auth.connections, origin.asked.length]).toEqual([3, 1, 3]);
  });

  test('that says 1xx without end has not answered', async () => {
    auth.answer = (_question, response) => {
      for (let i = 0; i <= 64; i++) response.writeProcessing();
      response.end();
    };
    expect(await ask()).toMatchObject({ status: 503 });
    expect(origin.asked).toHaveLength(0);
    auth.answer = (_question, response) => {
      for (let i = 0; i < 64; i++) response.writeProcessing();
      response.end();
    };
    expect(await ask()).toMatchObject({ status: 200 });
  });

  test('whoever was let pass gets what was meant for him, and is given nothing that is kept of others', async () => {
    const kept = requestPolicy('ResponsePolicy', 'kept', { kind: 'HTTPRoute', name: 'a' }, { cache: {} });
    await write(site(externalAuth('HTTP', { http: {} }), kept));
    origin.answer = ({ headers, url }, response) => {
      const control = url.includes('all') ? 'public, max-age=60' : 'max-age=60';
      response.writeHead(200, { 'cache-control': control }).end(`for ${headers.cookie}`);
    };
    const as = (cookie: string, path = '/'): Asked => ({ path, headers: { cookie } });
    for (const who of ['ann', 'bob']) expect(await ask(as(who))).toMatchObject({ status: 200, body: `for ${who}` });
    for (const who of ['ann', 'bob']) expect(await ask(as(who, '/all'))).toMatchObject({ body: 'for ann' });
    await write(site(externalAuth('HTTP', { http: {} })));
  });

  test('tells Host, method, path, Content-Length and Authorization, and nothing else that the client said', async () => {
    const headers = { authorization: 'Bearer t', cookie: 'a=b', 'x-mine': '1', 'x-forwarded-for': '203.0.113.9' };
    await ask({ path: '/x?y=1', method: 'PUT', headers, body: 'hello' });
    const { method, url, headers: told, body } = auth.last;
    expect({ method, url, body }).toEqual({ method: 'PUT', url: '/x?y=1', body: '' });
    expect(told).toMatchObject({ host: 'a.example', authorization: 'Bearer t', 'content-length': '0' });
    expect(told['x-forwarded-for']).toBe('127.0.0.1');
    expect(Object.keys(told)).not.toEqual(expect.arrayContaining(['cookie']));
    expect(told['x-mine']).toBeUndefined();
    expect(origin.last).toMatchObject({ method: 'PUT', url: '/x?y=1', body: 'hello' });
    expect(origin.last.headers.authorization).toBe('Bearer t');
  });

  test.each([201, 204, 302, 401, 403, 404, 429])('a %i refuses, and the client gets it as it is', async (status) => {
    const headers = { 'www-authenticate': 'Bearer', location: '/in', 'set-cookie': ['a=1', 'b=2'] };
    auth.answer = (_question, response) => response.writeHead(status, headers).end(status === 204 ? '' : 'no');
    const answer = await ask();
    if (status < 300) expect(answer.status).toBe(503);
    else expect(answer).toMatchObject({ status, body: 'no', headers });
    expect(origin.asked).toEqual([]);
    const reason = status < 300 ? 'external_auth_failed' : 'external_auth_denied';
    expect(rig.accesses.at(-1)).toMatchObject({ reason });
  });

  test('access log and metrics tell what it decided, as they do of policies, until its rule is gone', async () => {
    const decision = (): unknown => {
      const { policy, decision: made } = rig.accesses.at(-1)!;
      return [policy, made];
    };
    const counted = (made: string): number | undefined =>
      rig.proxy
        .metrics()
        .find(({ name }) => name === 'daemun_policy_decisions_total')
        ?.series.find(({ labels }) => labels.rule === 'ExternalAuth' && labels.decision === made)?.value as
        | number
        | undefined;
    const before = ['allowed', 'denied', 'failed-closed'].map((made) => counted(made) ?? 0);
    await ask();
    expect(decision()).toEqual(['HTTPRoute/default/a/0#ExternalAuth', 'allowed']);
    auth.answer = (_question, response) => response.writeHead(403).end();
    await ask();
    expect(decision()).toEqual(['HTTPRoute/default/a/0#ExternalAuth', 'denied']);
    auth.answer = (_question, response) => response.destroy();
    await ask();
    expect(decision()).toEqual(['HTTPRoute/default/a/0#ExternalAuth', 'failed-closed']);
    const after = ['allowed', 'denied', 'failed-closed'].map((made) => counted(made) ?? 0);
    expect(after).toEqual(before.map((count) => count + 1));
  });

  test('what comes with a 200 goes to the backend in the place of what the client said', async () => {
    auth.answer = (_question, response) =>
      response
        .writeHead(200, {
          'X-User': 'ann',
          'Content-Type': 'text/html',
          'Set-Cookie': 'a=1',
          Host: 'evil',
          Authority: 'evil',
        })
        .end('ok');
    const headers = { 'x-user': 'forged', 'content-type': 'text/plain' };
    const answer = await ask({ method: 'POST', body: 'x', headers });
    expect(origin.last.headers).toMatchObject({ 'x-user': 'ann', host: 'a.example', 'content-type': 'text/plain' });
    expect(origin.last.headers.authority).toBeUndefined();
    expect(answer.headers['set-cookie']).toBeUndefined();
  });
});

describe('what is allowed', () => {
  beforeAll(() => {
    const http = { path: '/check/', allowedHeaders: ['X-Mine'], allowedResponseHeaders: ['X-User', 'X-Role'] };
    return write(site(externalAuth('HTTP', { http })));
  });

  test('path, lines of the request and lines of the answer', async () => {
    auth.answer = (_question, response) => response.writeHead(200, { 'X-User': 'ann', 'X-More': '1' }).end();
    const headers = { 'x-mine': '1', 'x-other': '2', 'x-user': 'forged', 'x-role': 'forged', x_role: 'forged' };
    await ask({ path: '/a/b?c', headers });
    expect(auth.last.url).toBe('/check/a/b?c');
    expect(auth.last.headers).toMatchObject({ 'x-mine': '1' });
    expect(auth.last.headers['x-other']).toBeUndefined();
    const told = origin.last.headers;
    expect([told['x-user'], told['x-role'], told.x_role, told['x-more']]).toEqual([
      'ann',
      undefined,
      undefined,
      undefined,
    ]);
  });
});

describe('the body', () => {
  beforeAll(() => write(site(externalAuth('HTTP', { http: {}, forwardBody: { maxSize: 10 } }))));

  test('goes to the service and to the backend', async () => {
    expect(await ask({ method: 'POST', body: '0123456789' })).toMatchObject({ status: 200 });
    expect(auth.last).toMatchObject({ body: '0123456789', headers: { 'content-length': '10' } });
    expect(origin.last.body).toBe('0123456789');
  });

  test.each([{}, { 'transfer-encoding': 'chunked' }])('longer than it may be, is refused: %j', async (headers) => {
    const answer = await ask({ method: 'POST', body: '0123456789a', headers });
    expect(answer.status).toBe(413);
    expect([...auth.asked, ...origin.asked]).toEqual([]);
  });

  test('of a request that asks for another protocol is told, too', async () => {
    const headers = { connection: 'upgrade', upgrade: 'tcp' };
    expect(await ask({ method: 'POST', body: '0123456789', headers })).toMatchObject({ status: 200 });
    expect(auth.last).toMatchObject({ body: '0123456789' });
    expect(await ask({ method: 'POST', body: '0123456789a', headers })).toMatchObject({ status: 413 });
  });
});

describe('a service that cannot be asked lets nobody in', () => {
  const broken: Array<[string, (socket: net.Socket) => void]> = [
    ['resets', (socket) => socket.resetAndDestroy()],
    ['answers garbage', (socket) => socket.end('hello\r\n\r\n')],
    ['answers half a head', (socket) => socket.end('HTTP/1.1 200 OK\r\nContent-')],
    ['answers half a body', (socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc')],
    ['has a huge head', (socket) => socket.end(`HTTP/1.1 200 OK\r\nX-A: ${'a'.repeat(300_000)}\r\n\r\n`)],
    [
      'has a huge body',
      (socket) => socket.end(`HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n${'a'.repeat(200_000)}`),
    ],
    [
      'switches protocols',
      (socket) => socket.end('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n'),
    ],
    ['answers 500', (socket) => socket.end('HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n')],
    ['answers only in part', (socket) => socket.end('HTTP/1.1 206 Partial Content\r\nContent-Length: 0\r\n\r\n')],
  ];
  test.each(broken)('it %s', async (_name, behave) => {
    const server = net.createServer((socket) => socket.on('error', () => {}).once('data', () => behave(socket)));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as net.AddressInfo;
    const endpoints = [endpointsOf('web', origin.port), endpointsOf('auth', port)];
    const own = await serveManifests(site(externalAuth('HTTP', { http: {} })), { endpoints });
    const request = http.get({ port: own.port(), host: '127.0.0.1', headers: { host: 'a.example' }, agent: false });
    const [answer] = (await once(request, 'response')) as [http.IncomingMessage];
    expect(answer.statusCode).toBe(503);
    expect(origin.asked).toEqual([]);
    await own.close();
    server.close();
  });

  test.each([
    ['is not there', 'nobody', 500],
    ['has no endpoint that answers', 'gone', 503],
  ])('its Service %s', async (_name, name, status) => {
    await write(site(externalAuth('HTTP', { http: {}, backendRef: { name, port: 80 } })));
    expect((await ask()).status).toBe(status);
    expect((await ask({ host: 'b.example' })).status).toBe(200);
    expect(origin.asked).toHaveLength(1);
  });

  test('its answer comes too late', async () => {
    await write(site(externalAuth('HTTP', { http: {} })));
    auth.answer = () => {};
    expect(await ask()).toMatchObject({ status: 503 });
    expect(rig.accesses.at(-1)).toMatchObject({ reason: 'external_auth_failed' });
    expect(origin.asked).toEqual([]);
  }, 10_000);

  test('the one that is asked changes, and the next request asks the other', async () => {
    await write(site(externalAuth('HTTP', { http: {} })));
    expect((await ask()).status).toBe(200);
    grpcAuth.answer = () => ({ status: { code: 7 } });
    await write(site(externalAuth('GRPC', { grpc: {} })));
    expect((await ask()).status).toBe(403);
  });
});

describe('ExternalAuth by ext_authz', () => {
  beforeAll(() => write(site(externalAuth('GRPC', { grpc: {}, forwardBody: { maxSize: 20 } }))));

  test('tells the request, and lets pass what is OK', async () => {
    const headers = { 'x-mine': '1', cookie: 'a=b', authorization: 'Bearer t' };
    expect(await ask({ path: '/x?y=1', method: 'POST', headers, body: 'hello' })).toMatchObject({ status: 200 });
    const asked = grpcAuth.asked[0]!;
    expect(asked.source.address.socketAddress).toMatchObject({ address: '127.0.0.1' });
    expect(asked.source.address.socketAddress.portValue).toBeGreaterThan(0);
    expect(asked.request.http).toMatchObject({
      method: 'POST',
      path: '/x?y=1',
      host: 'a.example',
      scheme: 'http',
      protocol: 'HTTP/1.1',
      size: 5,
      body: 'hello',
      headers: { ':path': '/x?y=1', 'x-mine': '1', cookie: 'a=b', authorization: 'Bearer t' },
    });
    expect(asked.request.time.seconds).toBeGreaterThan(1_700_000_000);
    expect(origin.last.body).toBe('hello');
  });

  test('changes lines of the request and of the answer as the service says', async () => {
    const header = (key: string, value: string, more: object = {}) => ({ header: { key, value }, ...more });
    grpcAuth.answer = () => ({
      status: { code: 0 },
      okResponse: {
        headers: [
          header('x-user', 'ann'),
          header('x-list', 'b', { append: { value: true } }),
          header('x-absent', 'no', { appendAction: 1 }),
          header('x-new', 'yes', { appendAction: 1 }),
          header('x-missing', 'no', { appendAction: 3 }),
        ],
        headersToRemove: ['x-secret'],
        responseHeadersToAdd: [header('x-checked', '1')],
      },
    });
    const headers = { 'x-user': 'forged', 'x-list': 'a', 'x-absent': 'mine', 'x-secret': 's' };
    const answer = await ask({ headers });
    expect(answer.headers['x-checked']).toBe('1');
    const told = origin.last.headers;
    expect(told).toMatchObject({ 'x-user': 'ann', 'x-list': 'a, b', 'x-absent': 'mine', 'x-new': 'yes' });
    expect([told['x-secret'], told['x-missing']]).toEqual([undefined, undefined]);
  });

  test('refuses with what the service says', async () => {
    grpcAuth.answer = () => ({
      status: { code: 7 },
      deniedResponse: {
        status: { code: 401 },
        headers: [{ header: { key: 'x-why', value: 'no' } }],
        body: 'who are you',
      },
    });
    expect(await ask()).toMatchObject({ status: 401, body: 'who are you', headers: { 'x-why': 'no' } });
    grpcAuth.answer = () => ({ status: { code: 7 } });
    expect((await ask()).status).toBe(403);
    expect(origin.asked).toEqual([]);
  });

  test.each<[string, () => object | Buffer]>([
    ['an error of gRPC', () => Object.assign(new Error('no'), { code: 14 })],
    ['nothing at all', () => Buffer.alloc(0)],
    ['garbage', () => Buffer.from('ffffffffff', 'hex')],
    ['a length that is too long', () => Buffer.from('0aff01', 'hex')],
    ['a line that ends the head', () => ok('x-a', 'b\r\nx-evil: 1')],
    ['a line of the gateway’s own', () => ok('transfer-encoding', 'chunked')],
    ['another Host', () => ok('host', 'evil')],
    ['a pseudo field', () => ok(':path', '/evil')],
    [
      'another query',
      () => ({ status: { code: 0 }, okResponse: { queryParametersToSet: [{ key: 'a', value: 'b' }] } }),
    ],
    ['a refusal with 200', () => ({ status: { code: 7 }, deniedResponse: { status: { code: 200 } } })],
  ])('%s lets nobody in', async (_name, answer) => {
    grpcAuth.answer = answer;
    expect((await ask()).status).toBe(503);
    expect(origin.asked).toEqual([]);
  });
});

function ok(key: string, value: string): object {
  return { status: { code: 0 }, okResponse: { headers: [{ header: { key, value } }] } };
}

test('a filter with a field that nobody knows opens nothing: its route is not taken over, and others are served', async () => {
  for (const filter of [
    externalAuth('HTTP', { http: { allowedHeaderz: ['x-tenant'] } }),
    externalAuth('HTTP', { http: {}, forwardBdy: { maxSize: 10 } }),
    { ...externalAuth('HTTP', { http: {} }), externalauth: {} },
  ]) {
    const other = await ExternalSite.serve(site(filter));
    try {
      other.forget((_question, response) => response.writeHead(200).end('welcome'));
      expect((await other.ask()).status).toBe(404);
      expect((await other.ask({ headers: { host: 'b.example' } })).status).toBe(200);
      expect(JSON.stringify(other.rig.report().diagnostics)).toContain('this filter guards');
    } finally {
      await other.close();
    }
  }
});
