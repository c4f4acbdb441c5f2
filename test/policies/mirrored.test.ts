/** Copies of requests (RequestMirror) meet what guards the Service that they go to, as requests do. */
import http from 'node:http';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { backendRefs, endpointsOf, HTTP, httpRoute, manifests, service } from '../served/manifest.ts';
import { httpBackend, type TestBackend } from '../served/raw-backend.ts';
import { type Rig, serveManifests } from '../served/rig.ts';
import { type PolicyAim, requestPolicy } from './policy.ts';

const COPIES: PolicyAim = { kind: 'Service', name: 'copies' };

interface Seen {
  path: string;
  headers: http.IncomingHttpHeaders;
  body: string;
}
const seen: Seen[] = [];
let [copies, plain]: TestBackend[] = [];
let rig: Rig;

function site(...objects: object[]): string {
  const mirror = (name: string) => ({
    type: 'RequestMirror',
    requestMirror: { backendRef: { name, port: 80 } },
  });
  const rule = { filters: [mirror('copies'), mirror('plain')], ...backendRefs('web') };
  const keys = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'keys' }, stringData: { ann: 'the key of ann' } };
  return manifests(
    [HTTP],
    httpRoute('r', [rule], { hostnames: ['a.example'] }),
    ...['web', 'copies', 'plain'].map(service),
    ...[keys, ...objects],
  );
}

beforeAll(async () => {
  copies = await httpBackend((request, response) => {
    let body = '';
    request.on('data', (piece: Buffer) => {
      body += String(piece);
    });
    request.on('end', () => {
      seen.push({ path: request.url!, headers: request.headers, body });
      response.end();
    });
  });
  // Whatever nobody guards gets all: it tells when a copy has gone.
  plain = await httpBackend((request, response) => {
    plainly.push(request.url!);
    request.resume().on('end', () => response.end());
  });
  rig = await serveManifests(site(), {
    echo: true,
    endpoints: [endpointsOf('copies', copies.port), endpointsOf('plain', plain.port)],
  });
});
const plainly: string[] = [];
afterAll(async () => {
  await rig.close();
  await copies!.close();
  await plain!.close();
});

let asked = 0;
/** Returns the status, once all copies that may have gone have come. */
async function ask(
  headers: Record<string, string> = {},
  { method = 'GET', pieces = [] as string[] } = {},
): Promise<number> {
  const path = `/${++asked}`;
  const options = { port: rig.port(), host: '127.0.0.1', method, path, agent: false };
  const status = await new Promise<number>((resolve, reject) => {
    const request = http.request({ ...options, headers: { host: 'a.example', ...headers } }, (answer) => {
      answer.resume().on('end', () => resolve(answer.statusCode!));
    });
    request.on('error', reject);
    for (const piece of pieces) request.write(piece);
    request.end();
  });
  await vi.waitFor(() => expect(plainly).toContain(path));
  return status;
}
/** What came in between. */
async function copied(...asking: Array<() => Promise<number>>): Promise<Seen[]> {
  seen.length = 0;
  for (const one of asking) expect(await one()).toBe(200);
  // The last of all is let through whatever stands there: what was to come has come before.
  await ask({ 'x-team': 'ops', 'x-api-key': 'the key of ann', 'x-last': '1' });
  await vi.waitFor(() => expect(seen.some(({ headers }) => headers['x-last'] === '1')).toBe(true));
  return seen.filter(({ headers }) => headers['x-last'] === undefined);
}

test('without a guard a copy goes as the request does', async () => {
  expect(await copied(() => ask({ 'x-a': '1' }))).toMatchObject([{ headers: { 'x-a': '1' } }]);
});

test('who may not come there does not come by a copy either, and the request is none the worse', async () => {
  await rig.write(
    site(requestPolicy('AccessPolicy', 'p', COPIES, { allow: [{ headers: [{ name: 'x-team', value: 'ops' }] }] })),
  );
  expect(
    await copied(
      () => ask(),
      () => ask({ 'x-team': 'dev' }),
    ),
  ).toEqual([]);
  expect(await copied(() => ask({ 'x-team': 'ops' }))).toHaveLength(1);
});

test('who asks must be known there, and what its guard hides or tells is of the copy alone', async () => {
  const methods = [{ apiKey: { secretRefs: [{ name: 'keys' }], forwardCredential: false } }];
  const claimsToHeaders = [{ name: 'x-user', claim: 'sub' }];
  await rig.write(site(requestPolicy('AuthenticationPolicy', 'p', COPIES, { methods, claimsToHeaders })));
  expect(
    await copied(
      () => ask(),
      () => ask({ 'x-api-key': 'another' }),
    ),
  ).toEqual([]);
  const [one] = await copied(() => ask({ 'x-api-key': 'the key of ann', 'x-user': 'forged' }));
  expect(one!.headers['x-user']).toBe('ann');
  expect(one!.headers['x-api-key']).toBeUndefined();
});

test('limits of requests, and of bodies of whatever length, hold for copies', async () => {
  const requests = { requests: 2, per: 'Day', burst: 2, key: [{ type: 'Header', name: 'x-last' }] };
  await rig.write(site(requestPolicy('RateLimitPolicy', 'p', COPIES, { limits: [requests] })));
  expect(await copied(...Array.from({ length: 5 }, () => () => ask()))).toHaveLength(2);
  await rig.write(site(requestPolicy('RateLimitPolicy', 'p', COPIES, { limits: [{ maxConnections: 1 }] })));
  // One that has ended makes room for the next.
  for (let i = 0; i < 3; i++) {
    seen.length = 0;
    await vi.waitFor(async () => {
      await ask();
      expect(seen.length).toBeGreaterThan(0);
    });
  }
  await rig.write(site(requestPolicy('AccessPolicy', 'p', COPIES, { maxBodyBytes: 4 })));
  const post = (...pieces: string[]) => ask({}, { method: 'POST', pieces });
  const got = await copied(
    () => post('12', '34'),
    () => post('12', '345'),
  );
  expect(got.map(({ body }) => body)).toEqual(['1234']);
  const { series } = rig.proxy.metrics().find(({ name }) => name === 'daemun_policy_decisions_total')!;
  expect(series.find(({ labels }) => labels.rule === 'maxBodyBytes')).toMatchObject({ value: 1 });
});

test('a guard that cannot be followed, or has to ask somebody, has no copy sent', async () => {
  const nowhere = { methods: [{ basic: { secretRef: { name: 'nowhere' } } }] };
  const external = { methods: [{ external: { backendRef: { name: 'web', port: 80 } } }] };
  for (const spec of [nowhere, external]) {
    await rig.write(site(requestPolicy('AuthenticationPolicy', 'p', COPIES, spec)));
    seen.length = 0;
    for (let i = 0; i < 3; i++) expect(await ask({ 'x-api-key': 'the key of ann' })).toBe(200);
    expect(seen).toEqual([]);
  }
  await rig.write(site());
  expect(await copied(() => ask())).toHaveLength(1);
});
