import { once } from 'node:events';
import { request } from 'node:http';
import { networkInterfaces } from 'node:os';
import { text } from 'node:stream/consumers';
import { afterEach, expect, test } from 'vitest';
import { type CachePurge, Snapshot } from '../config/index.ts';
import { MAX_CHANGE_BYTES } from './change.ts';
import { type Admin, type AdminAddress, type AdminParts, startAdmin } from './index.ts';

let admin: Admin | undefined;
let purged: CachePurge[] = [];
afterEach(async () => {
  await admin?.close();
  admin = undefined;
  purged = [];
});

const parts: AdminParts = {
  readiness: () => ({ ready: true, reason: '', checks: [] }),
  metrics: async () => [],
  config: () => Snapshot.EMPTY,
  listeners: () => [],
  purge: async (purge) => {
    purged.push(purge);
    return { proxies: [{ name: 'worker-0', urls: 1, bytes: 2 }], unanswered: [] };
  },
};

interface Asked {
  at?: string;
  method?: string;
  headers?: Record<string, string>;
  body?: string;
}

async function serve(address: Partial<AdminAddress> = {}, more: Partial<AdminParts> = {}): Promise<string> {
  admin = await startAdmin({ host: '127.0.0.1', port: 0, ...address }, { ...parts, ...more });
  return admin.address.slice(admin.address.lastIndexOf(':') + 1);
}

const JSON_TYPE = { 'content-type': 'application/json' };

async function change(port: string, { at = '127.0.0.1', method = 'POST', headers = JSON_TYPE, body }: Asked = {}) {
  const call = request(`http://${at}:${port}/cache/purge`, { method, headers });
  call.on('error', () => {});
  call.end(method === 'POST' ? (body ?? '{"all":true}') : undefined);
  const [response] = await once(call, 'response');
  return { status: response.statusCode, allow: response.headers.allow, body: await text(response) };
}

test('what is to be forgotten is passed on, and what came of it told', async () => {
  const port = await serve();
  const answer = await change(port, { body: '{"policy":"shop/kept","dryRun":true}' });
  expect(answer.status).toBe(200);
  expect(JSON.parse(answer.body)).toEqual({ proxies: [{ name: 'worker-0', urls: 1, bytes: 2 }], unanswered: [] });
  expect(purged).toEqual([{ policy: 'ResponsePolicy/shop/kept', dryRun: true }]);
});

test.each<[string, Asked, number]>([
  ['another method', { method: 'GET' }, 405],
  ['a page that asks before it sends JSON', { method: 'OPTIONS', headers: { origin: 'https://evil.example' } }, 405],
  ['a form of a page', { headers: { 'content-type': 'application/x-www-form-urlencoded' } }, 415],
  ['text of a page', { headers: { 'content-type': 'text/plain' } }, 415],
  ['what says no type', { headers: {} }, 415],
  ['another origin', { headers: { ...JSON_TYPE, origin: 'https://evil.example' } }, 403],
  ['no origin that can be named', { headers: { ...JSON_TYPE, origin: 'null' } }, 403],
  ['another site', { headers: { ...JSON_TYPE, 'sec-fetch-site': 'cross-site' } }, 403],
  ['the same site', { headers: { ...JSON_TYPE, 'sec-fetch-site': 'same-site' } }, 403],
  ['a name of another machine', { headers: { ...JSON_TYPE, host: 'evil.example' } }, 421],
  ['no JSON', { body: '{' }, 400],
  ['nothing that can be meant', { body: '{}' }, 400],
  ['more than anybody needs', { body: JSON.stringify({ host: 'a'.repeat(MAX_CHANGE_BYTES) }) }, 400],
])('%s changes nothing', async (_, asked, status) => {
  const port = await serve();
  const answer = await change(port, asked);
  expect(answer.status).toBe(status);
  expect(answer.allow).toBe(status === 405 ? 'POST' : undefined);
  expect(purged).toEqual([]);
});

test('a token that is asked for must be there', async () => {
  const port = await serve({ token: 'a-token-of-16-characters' });
  expect((await change(port)).status).toBe(401);
  expect(purged).toEqual([]);
  const headers = { ...JSON_TYPE, authorization: 'Bearer a-token-of-16-characters' };
  expect((await change(port, { headers })).status).toBe(200);
});

test('without a token only this machine may, also where all others may read', async () => {
  const other = Object.values(networkInterfaces())
    .flat()
    .find((one) => one?.family === 'IPv4' && !one.internal)?.address;
  for (const beyondLoopback of ['all', 'probes'] as const) {
    const port = await serve({ host: '0.0.0.0', beyondLoopback });
    expect((await change(port)).status).toBe(200);
    // A machine without a network has nobody to keep out.
    if (other !== undefined) expect((await change(port, { at: other })).status).toBe(403);
    await admin!.close();
  }
  expect(purged).toHaveLength(2);
  admin = undefined;
});

test('who keeps nothing says who does', async () => {
  const { purge: _purge, ...own } = parts;
  admin = await startAdmin({ host: '127.0.0.1', port: 0 }, own);
  const port = admin.address.slice(admin.address.lastIndexOf(':') + 1);
  expect(await change(port)).toMatchObject({ status: 404, body: expect.stringContaining('data planes') });
});
