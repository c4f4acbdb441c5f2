/** Times, retries and limits of a BackendTrafficPolicy, over HTTP/1.1 and HTTP/2 to the backend. */
import http2 from 'node:http2';
import type net from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { backendRefs, HTTP, httpRoute, manifests, service } from '../served/manifest.ts';
import { httpBackend, rawBackend, type TestBackend } from '../served/raw-backend.ts';
import { rawClient } from '../served/raw-client.ts';
import { type Rig, serveManifests } from '../served/rig.ts';
import { h2Pod, type Pod, pod, slice } from './pods.ts';
import { backendTraffic } from './policy.ts';

let rig: Rig;
let written = '';
let pods: Pod[];
const closing: Array<() => unknown> = [];

beforeAll(async () => {
  pods = await Promise.all(['a', 'b', 'c'].map((name) => pod(name)));
  written = site(pods.slice(0, 2), {});
  rig = await serveManifests(written);
});
afterAll(async () => {
  await rig.close();
  for (const close of closing) await close();
  await Promise.all(pods.map((one) => one.close()));
});

interface More {
  rule?: object;
  h2?: boolean;
}

function site(
  among: readonly { name: string; port: number }[],
  spec: object,
  { rule = {}, h2 = false }: More = {},
): string {
  const port = h2 ? { port: 80, appProtocol: 'kubernetes.io/h2c' } : { port: 80 };
  const to = { ...service('s'), spec: { ports: [port] } };
  const slices = among.map((one) => slice('s', { ...one, close() {} }));
  const policies = Object.keys(spec).length === 0 ? [] : [backendTraffic('s', spec)];
  return manifests([HTTP], httpRoute('r', [{ ...backendRefs('s'), ...rule }]), to, ...slices, ...policies);
}

async function put(text: string): Promise<void> {
  if (text !== written) await rig.write(text);
  written = text;
}

interface Answer {
  status: number;
  body: string;
  milliseconds: number;
}

async function ask(headers: Record<string, string> = {}, method = 'GET', body = ''): Promise<Answer> {
  const client = await rawClient(rig.port());
  const all = { host: 'a.example', ...(body === '' ? {} : { 'content-length': String(body.length) }), ...headers };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  const began = performance.now();
  const [response] = await client.ask(`${method} / HTTP/1.1\r\n${lines.join('')}\r\n${body}`);
  client.close();
  return { status: response!.status, body: String(response!.body), milliseconds: performance.now() - began };
}

/** It answers in pieces of one byte, `gap` milliseconds apart, the head after the first gap. */
async function dripping(pieces: number, gap: number): Promise<TestBackend> {
  const backend = await httpBackend((_request, response) => {
    let sent = 0;
    const timer = setInterval(() => {
      response.write('.');
      if (++sent === pieces) response.end();
    }, gap);
    response.on('close', () => clearInterval(timer));
  });
  closing.push(() => backend.close());
  return backend;
}

/** The same over HTTP/2. */
async function h2Dripping(pieces: number, gap: number): Promise<{ port: number }> {
  const server = http2.createServer((_request, response) => {
    let sent = 0;
    const timer = setInterval(() => {
      response.write('.');
      if (++sent === pieces) response.end();
    }, gap);
    response.on('close', () => clearInterval(timer));
  });
  server.listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  closing.push(() => server.close());
  return { port: (server.address() as net.AddressInfo).port };
}

describe('timeouts', () => {
  test.each([
    ['HTTP/1.1', dripping, false],
    ['HTTP/2', h2Dripping, true],
  ] as const)('read counts between reads, not in all: %s', async (_, make, h2) => {
    const patient = { name: 'x', ...(await make(6, 150)) };
    await put(site([patient], { timeouts: { read: '400ms' } }, { h2 }));
    expect(await ask()).toMatchObject({ status: 200, body: '......' });
    const slow = { name: 'y', ...(await make(1, 5_000)) };
    await put(site([slow], { timeouts: { read: '400ms' } }, { h2 }));
    const { status, milliseconds } = await ask();
    expect(status).toBe(504);
    expect(milliseconds).toBeGreaterThan(300);
    expect(milliseconds).toBeLessThan(3_000);
  });

  test('read counts from when the request was sent: a client that is slow is borne', async () => {
    await put(site(pods.slice(0, 1), { timeouts: { read: '300ms' } }));
    const client = await rawClient(rig.port());
    client.send('POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 2\r\n\r\n1');
    const began = performance.now();
    await expect.poll(() => performance.now() - began, { timeout: 3_000 }).toBeGreaterThan(900);
    const [response] = await client.ask('2');
    expect(response!.status).toBe(200);
    client.close();
  });

  test('read ends an answer that stops in the middle', async () => {
    const stopping = await rawBackend(
      (socket) => void socket.on('data', () => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf')),
    );
    closing.push(() => stopping.close());
    await put(site([{ name: 'x', port: stopping.port }], { timeouts: { read: '300ms' } }));
    const client = await rawClient(rig.port());
    client.send('GET / HTTP/1.1\r\nHost: a.example\r\n\r\n');
    await client.end();
    expect(client.text).toContain('half');
  });

  test('send ends a request that the backend does not take', async () => {
    const deaf = await rawBackend((socket) => void socket.pause());
    closing.push(() => deaf.close());
    await put(site([{ name: 'x', port: deaf.port }], { timeouts: { send: '300ms' } }));
    const client = await rawClient(rig.port());
    const size = 32 * 1024 * 1024;
    const [response] = await client.ask(
      `POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: ${size}\r\n\r\n${'x'.repeat(size)}`,
    );
    expect(response!.status).toBe(504);
    client.close();
  });

  test('request ends all of it, unless the rule says something else', async () => {
    const slow = { name: 'x', ...(await dripping(30, 100)) };
    await put(site([slow], { timeouts: { request: '400ms' } }));
    const client = await rawClient(rig.port());
    client.send('GET / HTTP/1.1\r\nHost: a.example\r\n\r\n');
    await client.end();
    expect(client.text).toContain('200 OK');
    expect(client.text).not.toContain('0\r\n\r\n');
    await put(
      site(
        [{ name: 'y', ...(await dripping(6, 100)) }],
        { timeouts: { request: '200ms' } },
        { rule: { timeouts: { request: '5s' } } },
      ),
    );
    expect(await ask()).toMatchObject({ status: 200, body: '......' });
  });
});

describe('retry', () => {
  const RETRY = { attempts: 2, causes: ['ConnectFailure', 'Reset', 'Timeout'], codes: [503], backoff: '1ms' };

  test.each(['reset', '503'])('goes to another endpoint: %s', async (how) => {
    await put(site(pods.slice(0, 2), { retry: RETRY }));
    for (let i = 0; i < 4; i++) expect(await ask({ 'x-fail': `a=${how}` })).toMatchObject({ status: 200, body: 'b' });
  });

  test('without a word of it, a GET whose new connection ends goes to another endpoint', async () => {
    await put(site(pods.slice(0, 2), {}));
    for (let i = 0; i < 4; i++) expect(await ask({ 'x-fail': 'a=reset' })).toMatchObject({ status: 200, body: 'b' });
    await put(site(pods.slice(1), { retry: { ...RETRY, causes: ['ConnectFailure'], codes: [] } }));
    const statuses = [];
    for (let i = 0; i < 2; i++) statuses.push((await ask({ 'x-fail': 'c=reset' })).status);
    expect(statuses.sort()).toEqual([200, 502]);
  });

  test('what is no idempotent method is tried again only by choice', async () => {
    await put(site(pods.slice(0, 1), { retry: RETRY }));
    const posted = async (): Promise<number> => {
      await ask({ 'x-fail': 'a=503' }, 'POST', 'x');
      return rig.accesses.at(-1)!.attempts;
    };
    expect(await posted()).toBe(1);
    await ask({ 'x-fail': 'a=503' }, 'PUT', 'x');
    expect(rig.accesses.at(-1)!.attempts).toBe(3);
    await put(site(pods.slice(0, 1), { retry: { ...RETRY, nonIdempotent: true } }));
    expect(await posted()).toBe(3);
  });

  test('on says which failures, and the rule counts before the policy', async () => {
    await put(site(pods.slice(0, 1), { retry: { ...RETRY, causes: ['ConnectFailure'], codes: [] } }));
    expect((await ask({ 'x-fail': 'a=503' })).status).toBe(503);
    expect(rig.accesses.at(-1)!.attempts).toBe(1);
    await put(site(pods.slice(0, 1), { retry: RETRY }, { rule: { retry: { attempts: 1, codes: [503] } } }));
    await ask({ 'x-fail': 'a=503' });
    expect(rig.accesses.at(-1)!.attempts).toBe(2);
  });

  test('a try has a time of its own, and a read that takes too long is a try', async () => {
    const slow = { name: 'x', ...(await dripping(1, 5_000)) };
    for (const spec of [
      { retry: { ...RETRY, perTryTimeout: '200ms' } },
      { retry: RETRY, timeouts: { read: '200ms' } },
    ]) {
      await put(site([slow, pods[0]!], spec));
      for (let i = 0; i < 2; i++) expect(await ask()).toMatchObject({ status: 200, body: 'a' });
    }
  });

  test('no try begins after the time for all of them', async () => {
    const slow = { name: 'x', ...(await dripping(1, 5_000)) };
    await put(site([slow], { retry: { ...RETRY, attempts: 20, perTryTimeout: '200ms', timeout: '500ms' } }));
    const { status, milliseconds } = await ask();
    expect(status).toBe(504);
    expect(milliseconds).toBeLessThan(2_000);
  });

  test('a budget of nothing: the answer stands', async () => {
    const tries = async (): Promise<number> => {
      expect((await ask({ 'x-fail': 'a=503' })).status).toBe(503);
      return rig.accesses.at(-1)!.attempts;
    };
    await put(site(pods.slice(0, 1), { retry: { ...RETRY, budget: { percent: 0, perSecond: 0 } } }));
    for (let i = 0; i < 12; i++) await tries();
    expect(await tries()).toBe(1);
    await put(site(pods.slice(0, 1), { retry: { ...RETRY, budget: { percent: 100, perSecond: 10_000 } } }));
    await expect.poll(tries, { timeout: 5_000 }).toBe(3);
    await put(site(pods.slice(0, 1), { retry: RETRY, circuitBreaker: { maxRetries: 0 } }));
    expect(await tries()).toBe(1);
  });

  test('a call of gRPC that ends with a status that is named', async () => {
    let calls = 0;
    const server = http2.createServer((_request, response) => {
      calls++;
      response.writeHead(200, { 'content-type': 'application/grpc', 'grpc-status': calls % 2 === 1 ? '14' : '0' });
      response.end();
    });
    server.listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    closing.push(() => server.close());
    const port = (server.address() as net.AddressInfo).port;
    const post = { 'content-type': 'application/grpc', te: 'trailers' };
    const spec = { attempts: 1, grpcCodes: ['Unavailable'], nonIdempotent: true, backoff: '1ms' };
    await put(site([{ name: 'g', port }], { retry: spec }, { h2: true }));
    expect((await ask(post, 'POST', 'x')).status).toBe(200);
    expect(calls).toBe(2);
  });
});

describe('connections', () => {
  test.each([
    ['HTTP/1.1', false],
    ['HTTP/2', true],
  ] as const)('carry as many requests as they may: %s', async (_, h2) => {
    let connections = 0;
    const server = h2 ? http2.createServer((_request, response) => response.end('ok')) : undefined;
    const front = await rawBackend((socket) => {
      connections++;
      if (server !== undefined) return void server.emit('connection', socket);
      socket.on('end', () => socket.end());
      socket.on('data', () => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'));
    });
    closing.push(() => front.close());
    await put(site([{ name: 'x', port: front.port }], { connection: { maxRequests: 3 } }, { h2 }));
    for (let i = 0; i < 6; i++) expect((await ask()).status).toBe(200);
    expect(connections).toBe(2);
    connections = 0;
    await put(site([{ name: 'x', port: front.port }], { connection: { maxRequests: 100 } }, { h2 }));
    for (let i = 0; i < 4; i++) expect((await ask()).status).toBe(200);
    expect(connections).toBeLessThanOrEqual(1);
  });

  test('are closed when they have been idle for so long, and none is kept where none may be', async () => {
    const backend = await httpBackend((_request, response) => void response.end('ok'));
    closing.push(() => backend.close());
    await put(site([{ name: 'x', port: backend.port }], { connection: { idleTimeout: '200ms' } }));
    await ask();
    await expect.poll(() => backend.open, { timeout: 3_000 }).toBe(0);
    await put(site([{ name: 'x', port: backend.port }], { connection: { maxIdle: 0 } }));
    await ask();
    await ask();
    await expect.poll(() => backend.open, { timeout: 3_000 }).toBe(0);
    expect(backend.accepted).toBe(3);
  });

  test.each([
    ['HTTP/1.1', false],
    ['HTTP/2', true],
  ] as const)('more requests at a time than may be get a 503: %s', async (_, h2) => {
    const held: Array<() => void> = [];
    const answer = (): void => {
      for (const end of held.splice(0)) end();
    };
    const handler = (_request: unknown, response: { end(text: string): unknown }): void =>
      void held.push(() => response.end('ok'));
    const server = h2 ? http2.createServer(handler as never) : undefined;
    const port =
      server === undefined
        ? (await httpBackend(handler as never)).port
        : await new Promise<number>((resolve) =>
            server.listen(0, '127.0.0.1', () => resolve((server.address() as net.AddressInfo).port)),
          );
    await put(site([{ name: 'x', port }], { circuitBreaker: { maxRequests: 2 } }, { h2 }));
    const two = [ask(), ask()];
    await expect.poll(() => held.length).toBe(2);
    expect((await ask()).status).toBe(503);
    answer();
    expect((await Promise.all(two)).map(({ status }) => status)).toEqual([200, 200]);
    server?.close();
  });
});

test('h2 pods are asked, too', async () => {
  const one = await h2Pod('h');
  closing.push(() => one.close());
  await put(site([one], { timeouts: { connect: '1s', read: '1s' }, connection: { idleTimeout: '1s' } }, { h2: true }));
  expect(await ask()).toMatchObject({ status: 200, body: 'h' });
});
