/** What every answer of the gateway itself has, whoever asked and whatever for: Date, and a reason that is so. */
import { once } from 'node:events';
import http2 from 'node:http2';
import net, { type AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { backendRefs, endpointsOf, HTTP, httpRoute, manifests, service } from './manifest.ts';
import { rawClient } from './raw-client.ts';
import { type Rig, serveManifests } from './rig.ts';

/** A port where nothing listens. */
async function deadPort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

const at = (value: string): object => ({ path: { type: 'PathPrefix', value } });
const allowed = { type: 'CORS', cors: { allowOrigins: ['https://a.test'], allowMethods: ['PUT'] } };
const dated = { type: 'ResponseHeaderModifier', responseHeaderModifier: { set: [{ name: 'Date', value: 'never' }] } };
const moved = { type: 'RequestRedirect', requestRedirect: { hostname: 'b.test' } };

let rig: Rig;
beforeAll(async () => {
  const rules = [
    { matches: [at('/moved')], filters: [moved] },
    { matches: [at('/cors')], filters: [allowed], ...backendRefs('down') },
    { matches: [at('/dated')], filters: [dated], ...backendRefs('down') },
    { matches: [at('/none')], ...backendRefs('none') },
    { matches: [at('/down')], ...backendRefs('down') },
  ];
  const objects = [httpRoute('r', rules), service('down'), service('none')];
  rig = await serveManifests(manifests([HTTP], ...objects), {
    endpoints: [endpointsOf('down', await deadPort())],
    limits: { maxBodyBytes: 10, maxListenerConnections: 2 },
  });
});
afterAll(() => rig.close());

async function ask(request: string): Promise<{ status: number; headers: Map<string, string>; body: string }> {
  const client = await rawClient(rig.port());
  const [response] = await client.ask(request);
  client.close();
  return response!;
}

function expectNow(date: string | undefined): void {
  expect(date).toMatch(/^\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$/);
  expect(Math.abs(Date.parse(date!) - Date.now())).toBeLessThan(10_000);
}

const get = (path: string, lines = ''): string => `GET ${path} HTTP/1.1\r\nHost: a.test\r\n${lines}\r\n`;

test('a backend that refuses connections is said to, in the answer and in the access log', async () => {
  const { status, body } = await ask(get('/down'));
  expect(status).toBe(502);
  expect(JSON.parse(body)).toMatchObject({ message: 'The backend refuses connections, or cannot be reached.' });
  expect(rig.accesses.at(-1)).toMatchObject({ status: 502, reason: 'connect_refused' });
});

describe('Date stands in the gateway’s own answers', () => {
  test.each<[string, number, string]>([
    ['no route', 404, get('/')],
    ['a page of HTML', 404, get('/', 'Accept: text/html\r\n')],
    ['one to HEAD', 404, get('/').replace('GET', 'HEAD')],
    ['no endpoint', 503, get('/none')],
    ['a redirect', 302, get('/moved')],
    [
      'a preflight',
      204,
      get('/cors', 'Origin: https://a.test\r\nAccess-Control-Request-Method: PUT\r\n').replace('GET', 'OPTIONS'),
    ],
    ['a body that is too long', 413, get('/down', 'Content-Length: 11\r\n')],
    ['no HTTP', 400, 'GET / HTTP/1.1\r\nHost : a\r\n\r\n'],
  ])('%s', async (_, status, request) => {
    const response = await ask(request);
    expect(response.status).toBe(status);
    expectNow(response.headers.get('date'));
  });

  test('over HTTP/2, also what no exchange answers, and to gRPC', async () => {
    const session = http2.connect(`http://127.0.0.1:${rig.port()}`);
    const dateOf = async (headers: http2.OutgoingHttpHeaders): Promise<[number, string | undefined]> => {
      const stream = session.request(headers);
      const [answer] = (await once(stream, 'response')) as [http2.IncomingHttpHeaders];
      stream.resume();
      return [Number(answer[':status']), answer.date];
    };
    const many = Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`x-${i}`, '1']));
    const calls: Array<[number, http2.OutgoingHttpHeaders]> = [
      [404, { ':path': '/' }],
      [431, { ':path': '/', ...many }],
      [200, { ':path': '/a.B/C', ':method': 'POST', 'content-type': 'application/grpc' }],
    ];
    for (const type of ['application/grpc+proto', 'application/grpc-web']) {
      const call = session.request({ ':path': '/a.B/C', ':method': 'POST', 'content-type': type, ...many });
      const [answer] = (await once(call, 'response')) as [http2.IncomingHttpHeaders];
      expect(answer).toMatchObject({ ':status': 200, 'content-type': type.replace('+proto', ''), 'grpc-status': '8' });
      call.resume();
    }
    for (const [status, headers] of calls) {
      const [answered, date] = await dateOf(headers);
      expect(answered).toBe(status);
      expectNow(date);
    }
    session.close();
  });

  test('a header modifier has the last word', async () => {
    const { status, headers } = await ask(get('/dated'));
    expect([status, headers.get('date')]).toEqual([502, 'never']);
  });

  test('one connection too many', async () => {
    const others = [await rawClient(rig.port()), await rawClient(rig.port())];
    const client = await rawClient(rig.port());
    const [response] = await client.responses(1);
    expect(response!.status).toBe(503);
    expectNow(response!.headers.get('date'));
    for (const one of [...others, client]) one.close();
  });
});
