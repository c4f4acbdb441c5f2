/** What the gateway does at a call's deadline, and where a backend ends badly, as the frames of HTTP/2 show it. */
import { once } from 'node:events';
import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Rig, serveManifests } from '../served/rig.ts';
import { gateway, route, service } from './manifest.ts';

const backend = http2.createServer();
/** Ends of streams that the backend saw: reset codes. */
const resets: number[] = [];
let refusals = 0;
let rig: Rig;
let session: http2.ClientHttp2Session;

beforeAll(async () => {
  backend.on('stream', (stream: http2.ServerHttp2Stream, headers) => {
    stream.on('error', () => {});
    stream.on('close', () => resets.push(stream.rstCode));
    const method = String(headers[':path']).split('/')[2];
    if (method === 'Refuse' && refusals++ === 0) return stream.close(http2.constants.NGHTTP2_REFUSED_STREAM);
    if (method === 'Silent') return;
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    if (method === 'Refuse') return stream.end();
    stream.write(Buffer.alloc(5));
    if (method === 'Broken') setImmediate(() => stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR));
  });
  backend.listen(0, '127.0.0.1');
  await once(backend, 'listening');
  const { port } = backend.address() as AddressInfo;
  const manifests = [
    gateway([{ name: 'http', port: 80, protocol: 'HTTP' }]),
    route('GRPCRoute', 'all', { rules: [{ backendRefs: [{ name: 'one', port: 50 }] }] }),
    service('one', 50),
  ];
  rig = await serveManifests(manifests.join(''), { endpoints: [`default/one:50=127.0.0.1:${port}`] });
  session = http2.connect(`http://127.0.0.1:${rig.port()}`);
});

afterAll(async () => {
  session.close();
  backend.close();
  await rig.close();
});

interface Ended {
  head: Record<string, unknown>;
  trailers: Record<string, unknown>;
  /** Code of RST_STREAM. */
  code: number;
}

async function call(method: string, headers: Record<string, string> = {}, end = true): Promise<Ended> {
  const stream = session.request({
    ':method': 'POST',
    ':path': `/any.Service/${method}`,
    'content-type': 'application/grpc',
    te: 'trailers',
    ...headers,
  });
  let head: Record<string, unknown> = {};
  let trailers: Record<string, unknown> = {};
  stream.on('response', (got) => (head = got));
  stream.on('trailers', (got) => (trailers = got));
  stream.on('error', () => {});
  stream.write(Buffer.alloc(5));
  if (end) stream.end();
  stream.resume();
  await new Promise((resolve) => stream.once('close', resolve));
  return { head, trailers, code: stream.rstCode };
}

test('a backend that is silent at the deadline is DEADLINE_EXCEEDED, and is told to stop', async () => {
  resets.length = 0;
  const { head } = await call('Silent', { 'grpc-timeout': '60m' });
  expect(head).toMatchObject({ ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '4' });
  await expect.poll(() => resets).toEqual([http2.constants.NGHTTP2_CANCEL]);
  expect(rig.accesses.at(-1)).toMatchObject({ reason: 'timeout' });
});

test.each([true, false])('an answer that has begun ends with the status (request ended: %s)', async (ended) => {
  const { head, trailers, code } = await call('Hang', { 'grpc-timeout': '60m' }, ended);
  expect(head).toMatchObject({ ':status': 200 });
  expect(trailers).toMatchObject({ 'grpc-status': '4' });
  expect(code).toBe(http2.constants.NGHTTP2_NO_ERROR);
});

test('a backend that breaks off in the middle is UNAVAILABLE', async () => {
  const { trailers } = await call('Broken');
  expect(trailers).toMatchObject({ 'grpc-status': '14' });
});

test('a malformed timeout is no deadline', async () => {
  const { trailers } = await call('Broken', { 'grpc-timeout': '5 minutes' });
  expect(trailers).toMatchObject({ 'grpc-status': '14' });
});

test('a call that the backend refused to look at is sent again, by the gateway or by the client', async () => {
  const first = await call('Refuse');
  const outcome = first.code === http2.constants.NGHTTP2_REFUSED_STREAM ? await call('Refuse') : first;
  expect(outcome).toMatchObject({ code: http2.constants.NGHTTP2_NO_ERROR, trailers: { 'grpc-status': '0' } });
});
