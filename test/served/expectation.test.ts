/** `Expect: 100-continue`: the backend decides on the head whether the client sends the body. */
import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { demoCertificate } from '../../src/cli/demo-certificate.ts';
import { CONTINUE_TIMEOUT } from '../../src/proxy/http/exchange-attempt.ts';
import { backendRefs, endpointsOf, HTTP, httpRoute, manifests, service, tlsSecret } from './manifest.ts';
import { rawBackend, type TestBackend } from './raw-backend.ts';
import { type RawClient, rawClient, rawTlsClient } from './raw-client.ts';
import { type Rig, serveManifests } from './rig.ts';

const heads: string[] = [];
let rig: Rig;
let silent: TestBackend;
let strict: http.Server;
let strictH2: http2.Http2Server;

/** Says 401 to `/no`, and 100 to others, whose body it answers with. */
function decide(request: http.IncomingMessage | http2.Http2ServerRequest, response: http.ServerResponse): void {
  heads.push(`${request.url} ${request.headers.expect}`);
  if (request.url!.endsWith('no')) {
    response.writeHead(401, { 'content-length': 2 }).end('no');
    return;
  }
  response.writeContinue();
  request.on('data', (chunk: Buffer) => response.write(chunk)).on('end', () => response.end());
}

beforeAll(async () => {
  strict = http.createServer().on('checkContinue', decide).listen(0, '127.0.0.1');
  // Without a listener for requests Node makes no requests of streams.
  strictH2 = http2
    .createServer(() => {})
    .on('checkContinue', decide as never)
    .listen(0, '127.0.0.1');
  await Promise.all([once(strict, 'listening'), once(strictH2, 'listening')]);
  // One that does not know what Expect is.
  silent = await rawBackend((socket) => {
    let came = '';
    socket.on('data', (bytes: Buffer) => {
      came += bytes.latin1Slice();
      if (came.endsWith('abc')) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc');
    });
  });
  const pair = await demoCertificate(['a.test']);
  const secure = { name: 'https', port: 443, protocol: 'HTTPS', tls: { certificateRefs: [{ name: 'pair' }] } };
  const rule = (name: string): object => ({
    matches: [{ path: { type: 'PathPrefix', value: `/${name}` } }],
    ...backendRefs(name),
  });
  const h2c = { ...service('h2'), spec: { ports: [{ port: 80, appProtocol: 'kubernetes.io/h2c' }] } };
  const objects = [service('h1'), service('silent'), h2c, tlsSecret('pair', pair)];
  const routes = httpRoute('r', ['h1', 'h2', 'silent'].map(rule));
  rig = await serveManifests(manifests([HTTP, secure], routes, ...objects), {
    ports: [80, 443],
    endpoints: [
      endpointsOf('h1', (strict.address() as AddressInfo).port),
      endpointsOf('h2', (strictH2.address() as AddressInfo).port),
      endpointsOf('silent', silent.port),
    ],
  });
});
afterAll(async () => {
  await rig.close();
  strict.close();
  strictH2.close();
  await silent.close();
});

const post = (path: string): string =>
  `POST ${path} HTTP/1.1\r\nHost: a.test\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n`;

describe.each(['http', 'https'] as const)('over %s', (how) => {
  const connect = (): Promise<RawClient> =>
    how === 'http' ? rawClient(rig.port()) : rawTlsClient(rig.port(443), { servername: 'a.test' });

  test.each(['/h1', '/h2'])('%s: the backend’s 100 is passed on, and the body follows it', async (path) => {
    const client = await connect();
    const [interim] = await client.ask(post(path));
    expect(interim!.status).toBe(100);
    expect(heads.at(-1)).toBe(`${path} 100-continue`);
    const [response] = await client.ask('abc');
    expect(response).toMatchObject({ status: 200, body: 'abc' });
    client.close();
  });

  test.each(['/h1/no', '/h2/no'])('%s: a 401 stops the upload, and the connection ends', async (path) => {
    const client = await connect();
    const [response] = await client.ask(post(path));
    expect(response).toMatchObject({ status: 401, body: 'no' });
    expect(response!.headers.get('connection')).toBe('close');
    await client.end();
    client.close();
  });

  test('a backend that says nothing gets the body after a while', async () => {
    const client = await connect();
    const from = performance.now();
    const [interim] = await client.ask(post('/silent'));
    expect(interim!.status).toBe(100);
    expect(performance.now() - from).toBeGreaterThan(CONTINUE_TIMEOUT - 100);
    expect((await client.ask('abc'))[0]).toMatchObject({ status: 200, body: 'abc' });
    client.close();
  });

  test('a client that does not wait is not waited for', async () => {
    const client = await connect();
    const responses = await client.ask(`${post('/silent')}abc`);
    expect(responses[0]).toMatchObject({ status: 200, body: 'abc' });
    client.close();
  });
});

test.each([
  ['/h1', 200],
  ['/h2', 200],
  ['/h1/no', 401],
  ['/h2/no', 401],
])('over HTTP/2: %s is %i', async (path, status) => {
  const session = http2.connect(`http://127.0.0.1:${rig.port()}`);
  const stream = session.request({ ':path': path, ':method': 'POST', expect: '100-continue' }, { endStream: false });
  let continued = false;
  stream.on('continue', () => {
    continued = true;
    stream.end('abc');
  });
  const [answer] = (await once(stream, 'response')) as [http2.IncomingHttpHeaders];
  stream.resume();
  expect([answer[':status'], continued]).toEqual([status, status === 200]);
  stream.destroy();
  session.close();
});
