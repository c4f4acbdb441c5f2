/** Bodies that are kept for a service that must see them, or for mirrors that read nothing: all of them together are bounded. */
import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { MAX_FAIR_KEPT, MAX_KEPT_BODIES } from '../../src/proxy/http/counted-body.ts';
import { h2cService } from '../served/framed-backend.ts';
import { backendRefs, endpointsOf, HTTP, httpRoute, manifests, service } from '../served/manifest.ts';
import { httpBackend, type TestBackend } from '../served/raw-backend.ts';
import { type Rig, serveManifests } from '../served/rig.ts';
import { requestPolicy } from './policy.ts';

/** As much as a filter may see, and less than a mirror may wait with. */
const LARGE = Buffer.alloc(1_000_000, 'x');
const SMALL = LARGE.subarray(0, MAX_FAIR_KEPT);
/** Requests that take all there is; of copies, what HTTP/2 has taken of each waits elsewhere. */
const MANY = Math.ceil(MAX_KEPT_BODIES / (LARGE.length - 65_536)) + 1;

let origin: TestBackend;
let mirror: http2.Http2Server;
let rig: Rig;
const sessions = new Set<http2.ServerHttp2Session>();
const copies: http2.ServerHttp2Stream[] = [];

beforeAll(async () => {
  origin = await httpBackend((asked, answer) => asked.resume().on('end', () => answer.end()));
  mirror = http2.createServer({ settings: { maxConcurrentStreams: 1000 } });
  mirror.on('session', (session) => sessions.add(session.on('error', () => {})));
  // It reads nothing.
  mirror.on('stream', (stream: http2.ServerHttp2Stream) => {
    stream.on('error', () => {});
    copies.push(stream);
  });
  mirror.listen(0, '127.0.0.1');
  await once(mirror, 'listening');
  const copied = { type: 'RequestMirror', requestMirror: { backendRef: { name: 'mirror', port: 80 } } };
  const external = { backendRef: { name: 'web', port: 80 }, http: {}, timeout: '60s', body: { maxBytes: 1 << 20 } };
  const site = manifests(
    [HTTP],
    httpRoute('asked', [backendRefs('web')], { hostnames: ['asked.example'] }),
    httpRoute('copied', [{ filters: [copied], ...backendRefs('web') }], { hostnames: ['copied.example'] }),
    ...[service('web'), h2cService('mirror')],
    requestPolicy('AuthenticationPolicy', 'ask', { kind: 'HTTPRoute', name: 'asked' }, { methods: [{ external }] }),
  );
  const { port } = mirror.address() as AddressInfo;
  rig = await serveManifests(site, { endpoints: [endpointsOf('web', origin.port), endpointsOf('mirror', port)] });
});
afterAll(async () => {
  await rig.close();
  for (const session of sessions) session.destroy();
  mirror.close();
  await origin.close();
});

function upload(host: string, body: Buffer, length = body.length): http.ClientRequest {
  const headers = { host, 'content-length': length };
  const options = { host: '127.0.0.1', port: rig.port(), method: 'POST', agent: false, headers };
  const request = http.request(options).on('error', () => {});
  request.write(body);
  return request;
}

async function ask(host: string, body: Buffer): Promise<number> {
  const request = upload(host, body);
  request.end();
  const [answer] = (await once(request, 'response')) as [http.IncomingMessage];
  answer.resume();
  return answer.statusCode!;
}

/** Statuses of uploads that are refused. */
function refused(uploads: readonly http.ClientRequest[]): Promise<number>[] {
  return uploads.map(async (request) => {
    const [answer] = (await once(request, 'response')) as [http.IncomingMessage];
    answer.resume();
    return answer.statusCode!;
  });
}

test('uploads that a service must see and that never end leave room for others, and for all once they are gone', async () => {
  const statuses: number[] = [];
  const hostile = Array.from({ length: MANY + 10 }, () => upload('asked.example', LARGE, LARGE.length + 1));
  for (const status of refused(hostile)) status.then((one) => statuses.push(one)).catch(() => {});
  await expect.poll(() => statuses.length, { timeout: 30_000 }).toBeGreaterThanOrEqual(10);
  expect(new Set(statuses)).toEqual(new Set([503]));
  expect(await ask('asked.example', SMALL)).toBe(200);
  // What nobody must see is not kept.
  expect(await ask('copied.example', LARGE)).toBe(200);
  for (const request of hostile) request.destroy();
  await expect.poll(() => ask('asked.example', LARGE), { timeout: 20_000 }).toBe(200);
}, 60_000);

test('copies for a mirror that reads nothing are given up where there is no room, and nobody waits for them', async () => {
  for (let i = 0; i < MANY + 40; i += 10) {
    const statuses = await Promise.all(Array.from({ length: 10 }, () => ask('copied.example', LARGE)));
    expect(new Set(statuses)).toEqual(new Set([200]));
  }
  await expect.poll(() => copies.filter(({ closed }) => closed).length, { timeout: 10_000 }).toBeGreaterThanOrEqual(10);
  expect(await ask('asked.example', SMALL)).toBe(200);
  for (const session of sessions) session.destroy();
  await expect.poll(() => ask('asked.example', LARGE), { timeout: 20_000 }).toBe(200);
}, 60_000);
