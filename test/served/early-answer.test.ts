/** A backend that answers before it has read the request: the client hears whether its connection lives on. */
import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import type net from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { demoCertificate } from '../../src/cli/demo-certificate.ts';
import { backendRefs, endpointsOf, HTTP, httpRoute, manifests, service, tlsSecret } from './manifest.ts';
import { rawBackend, type TestBackend } from './raw-backend.ts';
import { type RawClient, rawClient, rawTlsClient } from './raw-client.ts';
import { type Rig, serveManifests } from './rig.ts';

const MEGABYTE = 1024 * 1024;
const TOO_LARGE = 'HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n';
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

/** Answers a POST with 413 once 50 KB of it came, and what else comes with 200; `leave` is how it closes, where it does. */
function impatient(leave?: (socket: net.Socket) => void): Promise<TestBackend> {
  return rawBackend((socket) => {
    let came = 0;
    let posting = false;
    socket.on('data', (bytes: Buffer) => {
      if (bytes.toString('latin1').startsWith('GET ')) {
        socket.write(OK);
        return;
      }
      came += bytes.length;
      posting ||= came > 50_000;
      if (!posting) return;
      came = Number.NEGATIVE_INFINITY;
      posting = false;
      socket.write(`${TOO_LARGE}${leave === undefined ? '' : 'Connection: close\r\n'}\r\nno!`);
      leave?.(socket);
    });
    socket.on('end', () => socket.end());
  });
}

const backends: TestBackend[] = [];
let rig: Rig;
beforeAll(async () => {
  backends.push(
    await impatient((socket) => socket.end()),
    await impatient((socket) => setImmediate(() => socket.destroy())),
    await impatient(),
  );
  const pair = await demoCertificate(['a.test']);
  const secure = { name: 'https', port: 443, protocol: 'HTTPS', tls: { certificateRefs: [{ name: 'pair' }] } };
  const names = ['end', 'destroy', 'stay'];
  const rules = names.map((name) => ({
    matches: [{ path: { type: 'PathPrefix', value: `/${name}` } }],
    ...backendRefs(name),
  }));
  const objects = [httpRoute('r', rules), ...names.map(service), tlsSecret('pair', pair)];
  rig = await serveManifests(manifests([HTTP, secure], ...objects), {
    ports: [80, 443],
    endpoints: names.map((name, i) => endpointsOf(name, backends[i]!.port)),
  });
});
afterAll(async () => {
  await rig.close();
  for (const backend of backends) await backend.close();
});

const post = (path: string, bytes: number): string =>
  `POST ${path} HTTP/1.1\r\nHost: a.test\r\nContent-Length: ${bytes}\r\n\r\n`;
const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: a.test\r\n\r\n`;

describe.each(['http', 'https'] as const)('over %s', (how) => {
  const connect = (): Promise<RawClient> =>
    how === 'http' ? rawClient(rig.port()) : rawTlsClient(rig.port(443), { servername: 'a.test' });

  test.each(['/end', '/destroy', '/stay'])('%s: a long rest is not read, and the answer says so', async (path) => {
    const client = await connect();
    client.send(post(path, MEGABYTE) + 'x'.repeat(100_000));
    const [response] = await client.responses(1);
    expect([response!.status, response!.headers.get('connection')]).toEqual([413, 'close']);
    client.send('x'.repeat(MEGABYTE - 100_000));
    await client.end();
    expect(client.error).toBe(undefined);
    client.close();
  });

  test('a rest of unknown length is not read either', async () => {
    const client = await connect();
    const chunk = `${(60_000).toString(16)}\r\n${'x'.repeat(60_000)}\r\n`;
    client.send(`POST /stay HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n${chunk}`);
    const [response] = await client.responses(1);
    expect([response!.status, response!.headers.get('connection')]).toEqual([413, 'close']);
    await client.end();
    client.close();
  });

  test.each(['/stay', '/nobody'])('%s: a short rest is read, and the next request is answered', async (path) => {
    const client = await connect();
    client.send(post(path, 200_000) + 'x'.repeat(60_000));
    const [response] = await client.responses(1);
    expect([response!.status, response!.headers.get('connection')]).toEqual([path === '/stay' ? 413 : 404, undefined]);
    client.send('x'.repeat(140_000));
    const [next] = await client.ask(get('/stay'));
    expect(next).toMatchObject({ status: 200, body: 'ok' });
    client.close();
  });

  test('no request of a client that keeps its connections fails', async () => {
    const keeping = { keepAlive: true, maxSockets: 4 };
    const agent = how === 'http' ? new http.Agent(keeping) : new https.Agent({ ...keeping, rejectUnauthorized: false });
    const port = rig.port(how === 'http' ? 80 : 443);
    const ask = async (method: string, body: string): Promise<number> => {
      const options = { agent, host: '127.0.0.1', port, method, path: '/end', headers: { host: 'a.test' } };
      const request = (how === 'http' ? http : https).request({ ...options, servername: 'a.test' } as object);
      request.end(body);
      const [response] = (await once(request, 'response')) as [http.IncomingMessage];
      response.resume();
      await once(response, 'end');
      return response.statusCode!;
    };
    const body = 'x'.repeat(MEGABYTE);
    const streak = async (): Promise<number[]> => {
      const statuses: number[] = [];
      for (let i = 0; i < 10; i++) statuses.push(await ask('POST', body), await ask('GET', ''));
      return statuses;
    };
    const streaks = await Promise.all([streak(), streak(), streak(), streak()]);
    expect(streaks.flat()).toEqual(Array.from({ length: 40 }, () => [413, 200]).flat());
    agent.destroy();
  });
});

test('over HTTP/2 the stream ends alone', async () => {
  const session = http2.connect(`http://127.0.0.1:${rig.port()}`);
  for (const path of ['/end', '/destroy', '/stay']) {
    const stream = session.request({ ':path': path, ':method': 'POST', 'content-length': MEGABYTE });
    stream.on('error', () => {});
    stream.write('x'.repeat(100_000));
    const [answer] = (await once(stream, 'response')) as [http2.IncomingHttpHeaders];
    expect(answer[':status']).toBe(413);
    stream.resume();
    await once(stream, 'close');
    expect(stream.rstCode).toBe(0);
    const next = session.request({ ':path': '/stay' });
    const [ok] = (await once(next, 'response')) as [http2.IncomingHttpHeaders];
    expect(ok[':status']).toBe(200);
    next.resume();
  }
  session.close();
});
