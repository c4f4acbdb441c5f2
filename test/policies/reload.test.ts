/** Edits in the middle of what policies have under way: nothing begins anew, nothing is let through, nothing breaks off. */
import { once } from 'node:events';
import http from 'node:http';
import { buffer } from 'node:stream/consumers';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { backendRefs, endpointsOf, HTTP, httpRoute, manifests, service } from '../served/manifest.ts';
import { httpBackend, type TestBackend } from '../served/raw-backend.ts';
import { type Rig, serveManifests } from '../served/rig.ts';
import { requestPolicy } from './policy.ts';

const TEXT = 'the quick brown fox jumps over the lazy dog. '.repeat(4_000);

/** `edit`: what else there is, and what each policy says besides. */
function site(edit: number): string {
  const policy = (kind: string, name: string, spec: object): object =>
    requestPolicy(kind, `on-${name}`, { kind: 'HTTPRoute', name }, spec);
  const more = edit === 0 ? {} : { headers: edit % 2 === 1 ? 'None' : 'All' };
  const another = { name: 'another', requests: 1_000 + edit, per: 'Hour' };
  return manifests(
    [HTTP],
    ...['counted', 'busy', 'kept', 'small'].map((name) =>
      httpRoute(name, [backendRefs('web')], { hostnames: [`${name}.example`] }),
    ),
    ...Array.from({ length: edit }, (_, n) => httpRoute(`more-${n}`, [backendRefs('web')])),
    service('web'),
    policy('RateLimitPolicy', 'counted', { limits: [{ name: 'few', requests: 6, per: 'Day' }, another], ...more }),
    policy('RateLimitPolicy', 'busy', { limits: [{ name: 'one', maxConnections: 1 }, another], ...more }),
    policy('ResponsePolicy', 'kept', { cache: {} }),
    policy('ResponsePolicy', 'small', {
      compression: {},
      ...(edit === 0 ? {} : { securityHeaders: { frameOptions: 'DENY' } }),
    }),
  );
}

let origin: TestBackend;
let rig: Rig;
const waiting: http.ServerResponse[] = [];
let fetched = 0;
beforeAll(async () => {
  origin = await httpBackend(({ url, headers }, answer) => {
    if (url === '/wait') return void waiting.push(answer);
    if (headers.host === 'kept.example') fetched++;
    answer.writeHead(200, { 'cache-control': 'max-age=100', 'content-type': 'text/plain' }).end('welcome');
  });
  rig = await serveManifests(site(0), { endpoints: [endpointsOf('web', origin.port)] });
});
afterAll(async () => {
  await rig.close();
  await origin.close();
});

async function begin(host: string, path = '/', headers: Record<string, string> = {}): Promise<http.IncomingMessage> {
  const request = http.get({
    host: '127.0.0.1',
    port: rig.port(),
    path,
    agent: false,
    headers: { host: `${host}.example`, ...headers },
  });
  const [answer] = (await once(request, 'response')) as [http.IncomingMessage];
  return answer;
}

async function status(host: string): Promise<number> {
  const answer = await begin(host);
  answer.resume();
  return answer.statusCode!;
}

test('limits go on counting, what is under way is counted, what was kept is kept, and what is being sent comes whole', async () => {
  expect([await status('counted'), await status('counted')]).toEqual([200, 200]);
  expect(await status('kept')).toBe(200);
  const busy = begin('busy', '/wait');
  await vi.waitFor(() => expect(waiting).toHaveLength(1));
  const small = begin('small', '/wait', { 'accept-encoding': 'gzip' });
  await vi.waitFor(() => expect(waiting).toHaveLength(2));
  const [held, sending] = waiting as [http.ServerResponse, http.ServerResponse];
  sending.writeHead(200, { 'content-type': 'text/plain' }).write(TEXT);
  const answer = await small;
  const body = buffer(answer);
  for (const edit of [1, 2, 3]) {
    await rig.write(site(edit));
    expect(await status('busy')).toBe(429);
    expect(await status('counted')).toBe(200);
    expect([await status('kept'), fetched]).toEqual([200, 1]);
    sending.write(TEXT);
  }
  expect([await status('counted'), await status('counted')]).toEqual([200, 429]);
  sending.end();
  expect(String(gunzipSync(await body))).toBe(TEXT.repeat(4));
  held.end('at last');
  expect((await busy).statusCode).toBe(200);
  await vi.waitFor(async () => expect(await status('busy')).toBe(200));
});
