/** Keys as long as a head can be, in limits, hashes, sessions and caches: two that differ at their end are two, and what is longer is refused before. */

import http2 from 'node:http2';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { MAX_REQUEST_HEAD_BYTES, MAX_REQUEST_LINE_BYTES } from '../../src/proxy/http/h1/parse.ts';
import { backendRefs, endpointsOf, HTTP, httpRoute, manifests, service } from '../served/manifest.ts';
import { httpBackend, type TestBackend } from '../served/raw-backend.ts';
import { rawClient } from '../served/raw-client.ts';
import { type Rig, serveManifests } from '../served/rig.ts';
import { backendTraffic, requestPolicy } from './policy.ts';

/** It and its lines fit a head. */
const LONG = 'k'.repeat(MAX_REQUEST_HEAD_BYTES - 400);
/** The same of a request line. */
const LONG_TARGET = 'k'.repeat(MAX_REQUEST_LINE_BYTES - 100);
const TOO_LONG = 'k'.repeat(64 * 1024);
const GATEWAY = { kind: 'Gateway', name: 'gw' } as const;

let backends: TestBackend[];
let rig: Rig;
let asked = 0;
let edits = 0;
beforeAll(async () => {
  backends = await Promise.all(
    ['a', 'b', 'c', 'd', 'e'].map((name) =>
      httpBackend(
        (_request, answer) => {
          asked++;
          answer.writeHead(200, { 'cache-control': 'max-age=100', vary: 'X-Key', 'x-by': name }).end(name);
        },
        { maxHeaderSize: 128 * 1024 },
      ),
    ),
  );
  rig = await serveManifests(site(), { endpoints: [endpointsOf('s', ...backends.map(({ port }) => port))] });
});
afterAll(async () => {
  await rig.close();
  await Promise.all(backends.map((one) => one.close()));
});

function site(...policies: object[]): string {
  return manifests(
    [HTTP],
    httpRoute('r', [backendRefs('s')]),
    httpRoute('other', [backendRefs('s')], { hostnames: [`edit-${++edits}.example`] }),
    service('s'),
    ...policies,
  );
}

async function ask({
  path = '/',
  headers = {},
}: {
  path?: string;
  headers?: Record<string, string>;
}): Promise<{ status: number; by: string }> {
  const client = await rawClient(rig.port());
  const lines = Object.entries({ host: 'a.example', ...headers }).map(([name, value]) => `${name}: ${value}\r\n`);
  const [response] = await client.ask(`GET ${path} HTTP/1.1\r\n${lines.join('')}\r\n`);
  client.close();
  return { status: response!.status, by: response!.headers.get('x-by') ?? '' };
}

interface Sent {
  path?: string;
  headers?: Record<string, string>;
}

interface Case {
  key: { type: string; name?: string };
  long: string;
  /** What more than that is answered with. */
  refusal: number;
  sent: (value: string) => Sent;
}

const inHead = { long: LONG, refusal: 431 };
const inTarget = { long: LONG_TARGET, refusal: 414 };
const CASES: Case[] = [
  { ...inHead, key: { type: 'Header', name: 'X-Key' }, sent: (value) => ({ headers: { 'x-key': value } }) },
  { ...inHead, key: { type: 'Cookie', name: 'key' }, sent: (value) => ({ headers: { cookie: `a=1; key=${value}` } }) },
  { ...inTarget, key: { type: 'Query', name: 'key' }, sent: (value) => ({ path: `/?a=1&key=${value}` }) },
  { ...inTarget, key: { type: 'Path' }, sent: (value) => ({ path: `/${value}` }) },
];

describe.each(CASES)('$key.type', ({ key, long, refusal, sent }) => {
  test('a limit counts each apart', async () => {
    const name = `by-${key.type.toLowerCase()}`;
    const limits = [{ requests: 1, per: 'Day', key: [key] }];
    await rig.write(site(requestPolicy('RateLimitPolicy', name, GATEWAY, { limits })));
    const statuses = [];
    for (const value of [`${long}a`, `${long}b`, `${long}a`, `b${long}`, `${long}b`]) {
      statuses.push((await ask(sent(value))).status);
    }
    expect(statuses).toEqual([200, 200, 429, 200, 429]);
    expect((await ask(sent(TOO_LONG))).status).toBe(refusal);
    expect((await ask(sent('short'))).status).toBe(200);
  });

  test('a hash leads each to its endpoint', async () => {
    const loadBalancing = { type: 'ConsistentHash', consistentHash: { keys: [key] } };
    await rig.write(site(backendTraffic('s', { loadBalancing })));
    const seen = new Set<string>();
    for (let n = 0; n < 24; n++) {
      const value = `${long}${String.fromCharCode(97 + n)}`;
      const [first, again] = [await ask(sent(value)), await ask(sent(value))];
      expect([first.status, again.by]).toEqual([200, first.by]);
      seen.add(first.by);
    }
    expect(seen.size).toBeGreaterThan(2);
  });
});

test('a cache keeps answers apart by long names and long lines that vary, and serves no other one', async () => {
  await rig.write(site(requestPolicy('ResponsePolicy', 'kept', GATEWAY, { cache: {} })));
  asked = 0;
  const before = LONG.slice(0, -200);
  const all: Sent[] = [
    { path: `/${LONG_TARGET}a` },
    { path: `/${LONG_TARGET}b` },
    { headers: { 'x-key': `${before}a` } },
    { headers: { 'x-key': `${before}b` } },
  ];
  for (const { path = '/', headers = {} } of all) {
    const count = asked;
    expect((await ask({ path, headers })).status).toBe(200);
    expect(asked).toBe(count + 1);
    expect((await ask({ path, headers })).status).toBe(200);
    expect(asked).toBeLessThanOrEqual(count + 2);
  }
});

test('a cookie of a session that is as long as a head is none, and the next one is given', async () => {
  await rig.write(site(backendTraffic('s', { sessionPersistence: { type: 'Cookie', sessionName: 'sid' } })));
  for (const value of [`${LONG}a`, `"${LONG}"`, '.'.repeat(LONG.length)]) {
    expect((await ask({ headers: { cookie: `sid=${value}` } })).status).toBe(200);
  }
  expect((await ask({ headers: { cookie: `sid=${TOO_LONG}` } })).status).toBe(431);
});

test('over HTTP/2 the same: long keys are counted apart, and longer ones are refused', async () => {
  await rig.write(
    site(
      requestPolicy('RateLimitPolicy', 'over-http2', GATEWAY, {
        limits: [{ requests: 1, per: 'Day', key: [{ type: 'Header', name: 'X-Key' }] }],
      }),
    ),
  );
  const session = http2.connect(`http://127.0.0.1:${rig.port()}`);
  session.on('error', () => {});
  const status = (value: string): Promise<unknown> =>
    new Promise((resolve) => {
      const stream = session.request({ ':path': '/', 'x-key': value });
      stream.on('response', (headers) => resolve(headers[':status']));
      stream.on('error', () => resolve('refused')).resume();
    });
  expect([await status(`${LONG}c`), await status(`${LONG}d`), await status(`${LONG}c`)]).toEqual([200, 200, 429]);
  expect([431, 'refused']).toContain(await status(TOO_LONG));
  session.destroy();
});
