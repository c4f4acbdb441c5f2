/** ExternalAuth before clients of every protocol, and while the config changes. */
import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { backendRefs, endpointsOf, HTTP, httpRoute, manifests, service } from '../served/manifest.ts';
import { type Rig, serveManifests } from '../served/rig.ts';
import { HttpAuth } from './auth-service.ts';

const filter = (more: object = {}) => ({
  type: 'ExternalAuth',
  externalAuth: { protocol: 'HTTP', backendRef: { name: 'auth', port: 80 }, http: {}, ...more },
});

function site({ rule = [filter()], backend = [] }: { rule?: object[]; backend?: object[] } = {}, extra = ''): string {
  const refs = [{ name: 'web', port: 80, filters: backend }];
  return manifests(
    [HTTP],
    httpRoute('a', [{ filters: rule, backendRefs: refs }]),
    httpRoute('b', [backendRefs('web')], { hostnames: [`b${extra}.example`] }),
    ...['web', 'auth'].map(service),
  );
}

let auth: HttpAuth;
let origin: HttpAuth;
let rig: Rig;
beforeEach(async () => {
  [auth, origin] = [await HttpAuth.open(), await HttpAuth.open()];
  auth.answer = ({ headers }, response) =>
    response.writeHead(headers.authorization === 'yes' ? 200 : 401, { 'X-User': 'ann' }).end('sign in');
  origin.answer = (_question, response) => response.end('welcome');
  rig = await serveManifests(site(), { endpoints: [endpointsOf('web', origin.port), endpointsOf('auth', auth.port)] });
});
afterEach(async () => {
  await rig.close();
  await auth.close();
  await origin.close();
});

interface Answer {
  status: unknown;
  headers: http2.IncomingHttpHeaders;
  trailers: http2.IncomingHttpHeaders;
  body: string;
}

async function askH2(headers: http2.OutgoingHttpHeaders, body = ''): Promise<Answer> {
  const session = http2.connect(`http://127.0.0.1:${rig.port()}`);
  const stream = session.request({ ':authority': 'a.example', ...headers }, { endStream: body === '' });
  if (body !== '') stream.end(body);
  let trailers: http2.IncomingHttpHeaders = {};
  stream.on('trailers', (lines) => (trailers = lines));
  const [answer] = (await once(stream, 'response')) as [http2.IncomingHttpHeaders & http2.IncomingHttpStatusHeader];
  const told = { status: answer[':status'], headers: answer, trailers, body: await text(stream) };
  session.close();
  return { ...told, trailers };
}

test('clients of HTTP/2 pass and are refused', async () => {
  expect(await askH2({ authorization: 'yes' })).toMatchObject({ status: 200, body: 'welcome' });
  expect(origin.last.headers['x-user']).toBe('ann');
  expect(await askH2({ authorization: 'no' })).toMatchObject({ status: 401, body: 'sign in' });
});

test('a call of gRPC that is refused ends with a status of gRPC', async () => {
  const call = { ':method': 'POST', ':path': '/a.B/C', 'content-type': 'application/grpc', te: 'trailers' };
  const { status, headers, trailers } = await askH2(call, 'x');
  expect(status).toBe(200);
  expect({ ...headers, ...trailers }).toMatchObject({ 'grpc-status': '16' });
  expect(origin.asked).toEqual([]);
});

describe('a WebSocket', () => {
  const open = (headers: Record<string, string>): WebSocket =>
    new WebSocket(`ws://127.0.0.1:${rig.port()}/chat`, { headers });

  test.each([{}, { forwardBody: { maxSize: 100 } }])('is asked about once, before it begins: %j', async (more) => {
    const sockets = new WebSocketServer({ port: 0, host: '127.0.0.1' });
    await once(sockets, 'listening');
    sockets.on('connection', (socket) => socket.on('message', (data) => socket.send(`heard ${String(data)}`)));
    const { port } = sockets.address() as { port: number };
    const own = await serveManifests(site({ rule: [filter(more)] }), {
      endpoints: [endpointsOf('web', port), endpointsOf('auth', auth.port)],
    });
    const [before, mine] = [rig, own];
    rig = mine;
    try {
      const refused = open({ authorization: 'no' });
      const [, response] = (await once(refused, 'unexpected-response')) as [unknown, http.IncomingMessage];
      expect(response.statusCode).toBe(401);
      refused.on('error', () => {}).terminate();
      const socket = open({ authorization: 'yes' });
      await once(socket, 'open');
      socket.send('hello');
      const [message] = (await once(socket, 'message')) as [Buffer];
      expect(String(message)).toBe('heard hello');
      expect(auth.asked.map(({ headers }) => headers.upgrade)).toEqual([undefined, undefined]);
      socket.terminate();
    } finally {
      rig = before;
      await own.close();
      sockets.close();
    }
  });
});

function get(authorization: string): http.ClientRequest {
  const headers = { host: 'a.example', authorization };
  return http.get({ port: rig.port(), host: '127.0.0.1', headers, agent: false }).on('error', () => {});
}

async function statusOf(request: http.ClientRequest): Promise<number> {
  const [answer] = (await once(request, 'response')) as [http.IncomingMessage];
  answer.resume();
  return answer.statusCode!;
}

test('a service is asked about a backend that was chosen, where that has the filter', async () => {
  await rig.write(site({ rule: [], backend: [filter()] }));
  expect(await statusOf(get('yes'))).toBe(200);
  expect(await statusOf(get('no'))).toBe(401);
  expect(origin.asked).toHaveLength(1);
});

test('two services must both let pass', async () => {
  await rig.write(site({ rule: [filter(), filter({ http: { path: '/second' } })] }));
  auth.answer = ({ url }, response) => response.writeHead(url.startsWith('/second') ? 403 : 200).end();
  expect(await statusOf(get('yes'))).toBe(403);
  expect([auth.asked.length, origin.asked.length]).toEqual([2, 0]);
});

test('what is asked while the config changes is asked to its end', async () => {
  const late: Array<() => void> = [];
  auth.answer = ({ headers }, response) =>
    late.push(() => response.writeHead(headers.authorization === 'yes' ? 200 : 401).end());
  const requests = [get('yes'), get('no')].map(statusOf);
  await vi.waitFor(() => expect(late).toHaveLength(2));
  await rig.write(site({}, '2'));
  for (const answer of late) answer();
  expect(await Promise.all(requests)).toEqual([200, 401]);
});

test('a service that leaves while it is asked lets nobody in', async () => {
  auth.answer = () => {};
  const request = statusOf(get('yes'));
  await vi.waitFor(() => expect(auth.asked).toHaveLength(1));
  await auth.close();
  expect(await request).toBe(503);
  expect(origin.asked).toEqual([]);
});

test('a client that leaves is asked about no more', async () => {
  auth.answer = () => {};
  const request = get('yes');
  await vi.waitFor(() => expect(auth.asked).toHaveLength(1));
  request.socket!.resetAndDestroy();
  await vi.waitFor(() => expect(rig.accesses).toHaveLength(1));
  expect(rig.accesses[0]).toMatchObject({ status: 499 });
});
