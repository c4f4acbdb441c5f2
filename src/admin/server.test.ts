import { once } from 'node:events';
import { request } from 'node:http';
import { networkInterfaces } from 'node:os';
import { text } from 'node:stream/consumers';
import { afterEach, expect, test } from 'vitest';
import { Snapshot } from '../config/index.ts';
import { Metrics } from '../observe/index.ts';
import { type Admin, type AdminParts, startAdmin } from './index.ts';
import { ROWS_SHOWN } from './page.ts';

const config = Snapshot.EMPTY.apply({
  version: 4,
  upserts: [{ kind: 'Certificate', key: 'infra/tls', certificate: 'PUBLIC', privateKey: 'SECRET' }],
  removals: [],
});

const parts: AdminParts = {
  readiness: () => ({
    ready: true,
    reason: 'every listener serves',
    checks: [
      { name: 'config', ok: true, message: 'applied' },
      { name: 'listener infra/edge/http', ok: false, message: 'DMN_PORT_IN_USE: taken' },
    ],
  }),
  async metrics() {
    const metrics = new Metrics();
    metrics.gauge('daemun_config_version', 'Version').value = 4;
    return metrics.snapshot();
  },
  status: () => ({ items: [], diagnostics: [] }),
  config: () => config,
  graph: () => ({ sources: [], collections: [] }),
  listeners: () => [{ key: 'infra/edge/http', state: 'serving' }],
};

let admin: Admin | undefined;
afterEach(async () => {
  await admin?.close();
  admin = undefined;
});

async function ask(
  path: string,
  options: { parts?: AdminParts; method?: string; host?: string; accept?: string } = {},
) {
  admin ??= await startAdmin({ host: '127.0.0.1', port: 0 }, options.parts ?? parts);
  const call = request(`http://${admin.address}${path}`, {
    method: options.method ?? 'GET',
    headers: {
      ...(options.host ? { host: options.host } : {}),
      ...(options.accept ? { accept: options.accept } : {}),
    },
  });
  call.end();
  const [response] = await once(call, 'response');
  return { status: response.statusCode, headers: response.headers, body: await text(response) };
}

test('readiness is 200 with a sentence, or 503 with what is waited for', async () => {
  expect(await ask('/readyz')).toMatchObject({ status: 200, body: 'every listener serves\n' });
  await admin!.close();
  admin = undefined;
  const waiting = { ...parts, readiness: () => ({ ready: false, reason: 'first sync', checks: [] }) };
  expect(await ask('/readyz', { parts: waiting })).toMatchObject({ status: 503, body: 'first sync\n' });
});

test('in detail, readiness lists what it is made of and each listener, with the same status', async () => {
  expect(await ask('/readyz?verbose')).toMatchObject({
    status: 200,
    body: '[+] config: applied\n[-] listener infra/edge/http: DMN_PORT_IN_USE: taken\nevery listener serves\n',
  });
});

test('health is 200 whatever readiness says', async () => {
  const waiting = { ...parts, readiness: () => ({ ready: false, reason: 'first sync', checks: [] }) };
  expect(await ask('/healthz', { parts: waiting })).toMatchObject({ status: 200, body: 'ok\n' });
  expect(await ask('/livez', { parts: waiting })).toMatchObject({ status: 200, body: 'ok\n' });
});

test('metrics come in the format that Prometheus asks for', async () => {
  const { headers, body } = await ask('/metrics');
  expect(headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
  expect(body).toContain('\ndaemun_config_version 4\n');
});

test('the config is shown without private keys', async () => {
  const { body } = await ask('/config');
  expect(JSON.parse(body)).toEqual({
    version: 4,
    objects: [{ kind: 'Certificate', key: 'infra/tls', certificate: 'PUBLIC', privateKey: 'redacted' }],
  });
  expect(body).not.toContain('SECRET');
});

test('statuses and listeners are shown as they are', async () => {
  expect(JSON.parse((await ask('/status')).body)).toEqual({ items: [], diagnostics: [] });
  expect(JSON.parse((await ask('/listeners')).body)).toEqual(parts.listeners());
  expect(JSON.parse((await ask('/graph')).body)).toEqual(parts.graph!());
});

test('unknown pages are 404 with those that exist, other methods 405, HEAD has no body', async () => {
  expect(await ask('/nothing')).toMatchObject({ status: 404, body: expect.stringContaining('/metrics') });
  expect(await ask('/status', { method: 'DELETE' })).toMatchObject({ status: 405 });
  expect(await ask('/status', { method: 'HEAD' })).toMatchObject({ status: 200, body: '' });
});

test('a web page that points its own name here learns nothing', async () => {
  expect(await ask('/config', { host: 'evil.example' })).toMatchObject({ status: 421 });
  expect(await ask('/config', { host: 'localhost:15000' })).toMatchObject({ status: 200 });
});

test.each(['127.0.0.2', '127.255.255.254'])('nor by any other address of this machine alone: %s', async (at) => {
  admin = await startAdmin({ host: '0.0.0.0', port: 0, beyondLoopback: 'all' }, parts);
  const port = admin.address.split(':')[1];
  for (const [host, status] of [
    ['evil.example', 421],
    ['localhost', 200],
  ] as const) {
    const call = request(`http://${at}:${port}/config`, { headers: { host } });
    call.end();
    const [response] = await once(call, 'response');
    expect(response.statusCode).toBe(status);
    response.resume();
  }
});

test('an address in use is named with its code', async () => {
  await ask('/healthz');
  const port = Number(admin!.address.split(':')[1]);
  await expect(startAdmin({ host: '127.0.0.1', port }, parts)).rejects.toMatchObject({
    code: 'DMN_PORT_IN_USE',
    message: expect.stringContaining(admin!.address),
  });
});

test('a part that fails is a 500, not the end', async () => {
  const failing = {
    ...parts,
    status() {
      throw new Error('no status yet');
    },
  };
  expect(await ask('/status', { parts: failing })).toMatchObject({ status: 500, body: 'no status yet\n' });
});

test('where only the probes are for others, they get those and nothing that tenants wrote', async () => {
  const address = { host: '0.0.0.0', port: 0, beyondLoopback: 'probes' as const };
  admin = await startAdmin(address, parts);
  const port = Number(admin.address.split(':')[1]);
  const other = Object.values(networkInterfaces())
    .flat()
    .find((one) => one?.family === 'IPv4' && !one.internal)?.address;
  const from = async (host: string, path: string) => (await fetch(`http://${host}:${port}${path}`)).status;
  for (const path of ['/readyz', '/livez', '/metrics', '/config', '/readyz?verbose']) {
    expect(await from('127.0.0.1', path)).toBe(200);
  }
  // A machine without a network has nobody to keep out.
  if (other === undefined) return;
  for (const path of ['/readyz', '/livez', '/healthz', '/metrics']) expect(await from(other, path)).toBe(200);
  for (const path of ['/config', '/status', '/listeners', '/graph', '/', '/readyz?verbose']) {
    expect(await from(other, path)).toBe(403);
  }
});

test('what a data plane does not tell says who does', async () => {
  const { status: _status, graph: _graph, ...own } = parts;
  expect(await ask('/status', { parts: own })).toMatchObject({
    status: 404,
    body: expect.stringContaining('controller'),
  });
});

test('a browser gets a page of listeners and mistakes, in which nothing that tenants wrote is more than text', async () => {
  const evil = '<script>alert("1")</script>';
  const message = `not <b>valid</b> & '${evil}'`;
  const problem = {
    severity: 'error',
    file: 'a.yaml',
    line: 3,
    object: `HTTPRoute/shop/${evil}`,
    field: 'spec',
    message,
  } as const;
  const told: AdminParts = {
    ...parts,
    status: () => ({ diagnostics: Array.from({ length: ROWS_SHOWN + 7 }, () => problem) }),
    listeners: () => [
      { key: 'infra/edge/http', state: 'serving', protocol: 'HTTP', bound: ['[::]:80'] },
      { key: 'infra/edge/https', state: 'refused', protocol: 'HTTPS', port: 443, hostname: evil, message },
    ],
  };
  const { status, headers, body } = await ask('/', { parts: told, accept: 'text/html,*/*;q=0.8' });
  expect({ status, type: headers['content-type'] }).toEqual({ status: 200, type: 'text/html; charset=utf-8' });
  expect(headers['content-security-policy']).toContain("default-src 'none'");
  expect(body).toContain('every listener serves');
  expect(body).toContain('[::]:80');
  expect(body).toContain('port 443 refused: not &#60;b&#62;valid');
  expect(body).toContain('and 7 more');
  expect(body).not.toMatch(/<script|<b>/);
  expect((await ask('/', { accept: '*/*' })).headers['content-type']).toBe('text/plain; charset=utf-8');
});

test('the page says first what is broken, and since when', async () => {
  const problem = (severity: 'error' | 'warning', object: string, field: string) =>
    ({ severity, file: '', line: 0, object, field, message: 'Service shop/web does not exist' }) as const;
  const parent = (status: string, message: string, lastTransitionTime: string) => ({
    conditions: [{ type: 'ResolvedRefs', status, message, lastTransitionTime }],
  });
  const route = {
    kind: 'HTTPRoute',
    metadata: { namespace: 'shop', name: 'cart' },
    status: {
      parents: [
        parent('False', 'spec.rules[0].backendRefs[0]: Service shop/web does not exist', '2026-11-30T04:05:06Z'),
        parent('False', 'spec.rules[1].backendRefs[0]: Service shop/web does not exist', '2026-11-29T01:02:03Z'),
        parent('True', 'spec.rules[0].backendRefs[0]: well', '2026-11-28T01:02:03Z'),
      ],
    },
  };
  const told: AdminParts = {
    ...parts,
    status: () => ({
      items: [route],
      diagnostics: [
        ...Array.from({ length: ROWS_SHOWN }, () => problem('warning', 'Secret/shop/old', '')),
        problem('error', 'GatewayClass//daemun', ''),
        problem('error', 'HTTPRoute/shop/cart', 'spec.rules[0].backendRefs[0]'),
      ],
    }),
    listeners: () => [
      ...Array.from({ length: ROWS_SHOWN }, (_, at) => ({ key: `infra/edge/l${at}`, state: 'serving' })),
      { key: 'infra/edge/broken', state: 'failed', port: 443 },
    ],
  };
  const { body } = await ask('/', { parts: told, accept: 'text/html' });
  expect(body).toContain('<title>ready in part: 2 errors: Daemun</title>');
  expect(body).toContain('<strong class="warn">ready in part</strong>');
  expect(body).toContain(`<a href="#mistakes">2 errors, ${ROWS_SHOWN} warnings</a>`);
  expect(body).toContain('infra/edge/broken');
  expect(body).toContain('>GatewayClass daemun<');
  // On a phone the table has no head.
  expect(body).toContain('<td data-name="Since (UTC)">2026-11-30 04:05:06</td>');
  expect(body).not.toContain('2026-11-29 01:02:03');
});

test.each([
  ['every listener serves', ['serving'], 'good">ready</strong>'],
  ['none serves', ['failed', 'refused'], 'bad">serves nothing</strong>'],
  ['there is none', [], 'good">ready</strong>'],
])('the page says whether anything is served: %s', async (_, states, verdict) => {
  const told = { ...parts, listeners: () => states.map((state) => ({ key: 'infra/edge/http', state })) };
  expect((await ask('/', { parts: told, accept: 'text/html' })).body).toContain(verdict);
});

test('the page of a data plane has no mistakes to show, and a run that waits says for what', async () => {
  const { status: _status, ...own } = parts;
  const waiting = {
    ...own,
    readiness: () => ({ ready: false, reason: 'first <sync>', checks: [] }),
    listeners: () => [],
  };
  const { body } = await ask('/', { parts: waiting, accept: 'text/html' });
  expect(body).toContain('not ready</strong>: first &#60;sync&#62;');
  expect(body).toContain('No Gateway has a listener');
  expect(body).not.toContain('Mistakes');
});
