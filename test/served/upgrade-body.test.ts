/** An Upgrade behind a body, as `docker exec` asks for it: the body first, then what both sides say. */
import { once } from 'node:events';
import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { backendRefs, endpointsOf, HTTP, httpRoute, manifests, service } from './manifest.ts';
import { rawBackend, type TestBackend } from './raw-backend.ts';
import { type RawClient, rawClient } from './raw-client.ts';
import { type Rig, serveManifests } from './rig.ts';

const SWITCHED = 'HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n';
const ASKED = '{"Tty":true}';

const open: Array<{ close(): unknown }> = [];
afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
});

async function serve(port: number, ...objects: object[]): Promise<Rig> {
  const all = objects.length > 0 ? objects : [service('one'), httpRoute('all', [backendRefs('one')])];
  const rig = await serveManifests(manifests([HTTP], ...all), { endpoints: [endpointsOf('one', port)] });
  open.unshift(rig);
  return rig;
}

async function client(rig: Rig): Promise<RawClient> {
  const one = await rawClient(rig.port());
  open.unshift(one);
  return one;
}

/** Says `answer` when it has seen `sign`, and from then on what it gets, in capitals. `heard`: all, connection by connection. */
async function backend(sign: string, answer: string): Promise<{ port: number; heard: string[]; server: TestBackend }> {
  const heard: string[] = [];
  const server = await rawBackend((socket) => {
    const at = heard.push('') - 1;
    let switched = false;
    socket.on('data', (bytes: Buffer) => {
      const text = bytes.latin1Slice();
      heard[at] += text;
      if (switched) socket.write(text.toUpperCase());
      else if (heard[at]!.includes(sign)) {
        switched = answer === SWITCHED;
        const ahead = heard[at]!.slice(heard[at]!.indexOf(sign) + sign.length);
        socket.write(answer + (switched ? ahead.toUpperCase() : ''));
      }
    });
    socket.on('end', () => socket.end('.'));
  });
  open.push(server);
  return { port: server.port, heard, server };
}

const head = (framing: string, method = 'POST'): string =>
  `${method} /exec/1/start HTTP/1.1\r\nHost: a.example\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n${framing}\r\n\r\n`;
const LENGTH = head(`Content-Length: ${ASKED.length}`);
const CHUNKED = head('Transfer-Encoding: chunked');
const CHUNKS = `5\r\n${ASKED.slice(0, 5)}\r\n${(ASKED.length - 5).toString(16)}\r\n${ASKED.slice(5)}\r\n0\r\n\r\n`;

test.each([
  ['Content-Length', [LENGTH, ASKED], `\r\n\r\n${ASKED}`],
  ['Content-Length, all in one piece and more behind it', [`${LENGTH}${ASKED}early `], `\r\n\r\n${ASKED}`],
  ['Content-Length: 0, as of kubectl over SPDY', [head('Content-Length: 0'), ''], '\r\n\r\n'],
  ['chunks', [CHUNKED, CHUNKS], '0\r\n\r\n'],
  ['chunks, all in one piece and more behind them', [`${CHUNKED}${CHUNKS}early `], '0\r\n\r\n'],
])('a body by %s goes first, then bytes both ways', async (_, pieces, sign) => {
  const { port, heard } = await backend(sign, SWITCHED);
  const one = await client(await serve(port));
  for (const piece of pieces) {
    one.send(piece);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await one.until(() => one.text.includes('\r\n\r\n'));
  expect(one.text).toMatch(/^HTTP\/1\.1 101 UPGRADED\r\n[\s\S]*connection: upgrade\r\nupgrade: tcp\r\n/i);
  expect(heard[0]).toMatch(/Connection: upgrade\r\nUpgrade: tcp\r\n/);
  one.send('input');
  await one.until(() => one.text.endsWith('INPUT'));
  if (pieces.length === 1) expect(one.text).toMatch(/\r\n\r\nEARLY INPUT$/);
  one.socket.end();
  await one.end();
  expect(one.text).toMatch(/INPUT\.$/);
});

test('a backend that declines answers, the client goes on, and the connection is not used again', async () => {
  const { port, server } = await backend(ASKED, 'HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnone');
  const one = await client(await serve(port));
  for (let accepted = 1; accepted <= 2; accepted++) {
    const [answer] = await one.ask(LENGTH + ASKED);
    expect(answer).toMatchObject({ status: 404, body: 'none' });
    expect(server.accepted).toBe(accepted);
  }
});

test('a backend that switches in the middle of the body gives 502', async () => {
  const { port } = await backend('\r\n\r\n', SWITCHED);
  const one = await client(await serve(port));
  const [answer] = await one.ask(LENGTH + ASKED.slice(0, 3));
  expect(answer!.status).toBe(502);
});

test('of a WebSocket with a body the body goes on, and Upgrade does not', async () => {
  const { port, heard } = await backend(ASKED, 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
  const one = await client(await serve(port));
  const [answer] = await one.ask(LENGTH.replace('tcp', 'WebSocket') + ASKED);
  expect(answer!.status).toBe(200);
  expect(heard[0]).not.toMatch(/upgrade/i);
});

test('its body counts for what limits bodies, and the bytes behind it do not', async () => {
  const { port } = await backend(ASKED, SWITCHED);
  const limit = (maxBodyBytes: number): object => ({
    apiVersion: 'policies.daemun.dev/v1alpha1',
    kind: 'AccessPolicy',
    metadata: { name: 'limit' },
    spec: { targetRefs: [{ group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', name: 'all' }], maxBodyBytes },
  });
  const served = [service('one'), httpRoute('all', [backendRefs('one')])];
  const rig = await serve(port, ...served, limit(ASKED.length));
  const one = await client(rig);
  one.send(LENGTH + ASKED);
  await one.until(() => one.text.includes('101 UPGRADED'));
  one.send('x'.repeat(1000));
  await one.until(() => one.text.endsWith('X'.repeat(1000)));
  await rig.write(manifests([HTTP], ...served, limit(ASKED.length - 1)));
  const two = await client(rig);
  const [answer] = await two.ask(CHUNKED + CHUNKS);
  expect(answer!.status).toBe(413);
});

test('over HTTP/2 there is no such switch: the backend gets the request without it', async () => {
  const server = http2.createServer();
  const seen: string[] = [];
  server.on('stream', (stream: http2.ServerHttp2Stream, headers) => {
    seen.push(String(headers.upgrade ?? headers.connection ?? 'neither'));
    stream.on('data', (data: Buffer) => seen.push(data.latin1Slice()));
    stream.on('end', () => {
      stream.respond({ ':status': 200 });
      stream.end('ok');
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  open.push(server);
  const over2 = { ...service('one'), spec: { ports: [{ port: 80, appProtocol: 'kubernetes.io/h2c' }] } };
  const one = await client(
    await serve((server.address() as AddressInfo).port, over2, httpRoute('all', [backendRefs('one')])),
  );
  const [answer] = await one.ask(LENGTH + ASKED);
  expect(answer).toMatchObject({ status: 200, body: 'ok' });
  expect(seen).toEqual(['neither', ASKED]);
});
