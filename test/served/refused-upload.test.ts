/** Requests with a body that a backend says it has not looked at, or that may be tried again: no body is lost for that. */

import { once } from 'node:events';
import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { backendRefs, endpointsOf, HTTP, httpRoute, manifests, service } from './manifest.ts';
import { httpBackend, rawBackend, type TestBackend } from './raw-backend.ts';
import { rawClient } from './raw-client.ts';
import { type Rig, serveManifests } from './rig.ts';

const open: Array<{ close(): unknown }> = [];
afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
});

const overHttp2 = {
  ...service('one'),
  spec: { ports: [{ port: 80, appProtocol: 'kubernetes.io/h2c' }] },
};

/** Answers with the length of the body; `meet` is called for each stream, and true where it has dealt with it. */
async function backendOver2(meet: (stream: http2.ServerHttp2Stream, count: number) => boolean): Promise<number> {
  const server = http2.createServer();
  let count = 0;
  server.on('stream', (stream: http2.ServerHttp2Stream) => {
    stream.on('error', () => {});
    if (meet(stream, ++count)) return;
    let length = 0;
    stream.on('data', (data: Buffer) => (length += data.length));
    stream.on('end', () => {
      stream.respond({ ':status': 200 });
      stream.end(`${length} bytes`);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  open.push(server);
  return (server.address() as AddressInfo).port;
}

async function serve(objects: object[], ...endpoints: string[]): Promise<Rig> {
  const rig = await serveManifests(manifests([HTTP], ...objects), { endpoints });
  open.unshift(rig);
  return rig;
}

/** The body comes after the head, as clients send it. */
async function post(rig: Rig, length: number): Promise<{ status: number; body: string }> {
  const client = await rawClient(rig.port());
  client.send(`POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: ${length}\r\n\r\n`);
  await new Promise((resolve) => setImmediate(resolve));
  client.send('x'.repeat(length));
  const [answer] = await client.responses(1);
  client.close();
  return { status: answer!.status, body: answer!.body };
}

test.each([1, 10, 60_000])('a POST of %i bytes that a backend refuses unseen is sent again', async (length) => {
  const port = await backendOver2((stream, count) => {
    if (count % 2 === 0) return false;
    stream.once('data', () => stream.close(http2.constants.NGHTTP2_REFUSED_STREAM));
    return true;
  });
  const rig = await serve([httpRoute('all', [backendRefs('one')]), overHttp2], endpointsOf('one', port));
  expect(await post(rig, length)).toEqual({ status: 200, body: `${length} bytes` });
});

test('so is one that lies beyond the last stream of a GOAWAY', async () => {
  const frame = (type: number, payload: number[]): Buffer =>
    Buffer.from([0, 0, payload.length, type, 0, 0, 0, 0, 0, ...payload]);
  const goaway = Buffer.concat([frame(4, []), frame(7, Array(8).fill(0))]);
  const server = http2.createServer((request, response) => {
    let length = 0;
    request.on('data', (data: Buffer) => (length += data.length)).on('end', () => response.end(`${length} bytes`));
  });
  let accepted = 0;
  const backend = await rawBackend((socket) => {
    if (++accepted > 1) server.emit('connection', socket);
    else socket.on('data', (data) => data.includes('xxx') && socket.write(goaway));
  });
  open.push(backend);
  const rig = await serve([httpRoute('all', [backendRefs('one')]), overHttp2], endpointsOf('one', backend.port));
  expect(await post(rig, 10)).toEqual({ status: 200, body: '10 bytes' });
});

test('a body that came while a filter waited is kept where the policy of the backend retries', async () => {
  let asked = 0;
  const backend: TestBackend = await httpBackend((request, response) => {
    let length = 0;
    request.on('data', (data: Buffer) => (length += data.length));
    request.on('end', () => {
      response.statusCode = ++asked === 1 ? 503 : 200;
      response.end(`${length} bytes`);
    });
  });
  const auth = await httpBackend((request, response) => {
    request.resume();
    setImmediate(() => setImmediate(() => response.end()));
  });
  open.push(backend, auth);
  const policy = (kind: string, target: object, spec: object): object => ({
    apiVersion: 'policies.daemun.dev/v1alpha1',
    kind,
    metadata: { name: 'it' },
    spec: { targetRefs: [target], ...spec },
  });
  const external = { backendRef: { name: 'auth', port: 80 }, body: { maxBytes: 1_000, onLarger: 'Refuse' } };
  const rig = await serve(
    [
      httpRoute('all', [backendRefs('one')]),
      service('one'),
      service('auth'),
      policy(
        'AuthenticationPolicy',
        { group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', name: 'all' },
        { methods: [{ external }] },
      ),
      policy(
        'BackendTrafficPolicy',
        { group: '', kind: 'Service', name: 'one' },
        { retry: { attempts: 1, codes: [503], nonIdempotent: true } },
      ),
    ],
    endpointsOf('one', backend.port),
    endpointsOf('auth', auth.port),
  );
  expect(await post(rig, 10)).toEqual({ status: 200, body: '10 bytes' });
  expect(asked).toBe(2);
});
