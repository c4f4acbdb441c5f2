/** Hundreds of clients and backends that behave in every way there is, over real sockets: nothing stays behind. */

import type net from 'node:net';
import fc from 'fast-check';
import { expect, test, vi } from 'vitest';
import { backendRefs, endpointsOf, HTTP, httpRoute, manifests, service } from './manifest.ts';
import { rawBackend } from './raw-backend.ts';
import { rawClient } from './raw-client.ts';
import { serveManifests } from './rig.ts';

const CLIENTS = 400;
const AT_ONCE = 40;

const BODY = 'x'.repeat(100_000);
const REQUESTS = [
  'GET / HTTP/1.1\r\nHost: a\r\n\r\n',
  `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${BODY.length}\r\n\r\n${BODY}`,
  `POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n186a0\r\n${BODY}\r\n0\r\n\r\n`,
  'GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: own\r\n\r\nbytes of the tunnel',
  'GET / HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(5),
  'GET / HTTP/1.0\r\n\r\n',
  'BAD\r\n\r\n',
];

/** Node never closes a socket that is reset while its own FIN is on the way. */
function cut(socket: net.Socket): void {
  if (socket.writableEnded) socket.destroy();
  else socket.resetAndDestroy();
}

const ANSWERS: ReadonlyArray<(socket: net.Socket) => void> = [
  (socket) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'),
  (socket) => socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${BODY.length}\r\n\r\n${BODY}`),
  (socket) => socket.write(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n186a0\r\n${BODY}\r\n0\r\n\r\n`),
  (socket) => socket.end(`HTTP/1.1 200 OK\r\n\r\n${BODY}`),
  (socket) => socket.write('HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: own\r\n\r\nhello'),
  (socket) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort'),
  (socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort'),
  cut,
  () => {},
  (socket) => socket.write('nonsense\r\n\r\n'),
];

const LEAVE: ReadonlyArray<(socket: net.Socket) => void> = [
  (socket) => socket.end(),
  (socket) => socket.destroy(),
  cut,
];

interface Behaviour {
  request: string;
  /** How much of the request is sent. */
  share: number;
  /** Bytes of the answer that are waited for; then the client leaves. */
  patience: number;
  leave: (socket: net.Socket) => void;
}

const BEHAVIOUR: fc.Arbitrary<Behaviour> = fc.record({
  request: fc.constantFrom(...REQUESTS),
  share: fc.constantFrom(1, 1, 1, 0.9, 0.5, 0.1),
  patience: fc.constantFrom(0, 1, 50_000, 1_000_000),
  leave: fc.constantFrom(...LEAVE),
});

test('connections, requests and deadlines all end', async () => {
  const behaviours = fc.sample(BEHAVIOUR, CLIENTS);
  const answers = fc.sample(fc.constantFrom(...ANSWERS), 5_000);
  let asked = 0;
  const backend = await rawBackend((socket) => {
    socket.on('data', () => answers[asked++ % answers.length]!(socket));
    socket.on('end', () => socket.end());
  });
  const retry = { codes: [503], attempts: 1, backoff: '5ms' };
  const text = manifests([HTTP], httpRoute('r', [{ retry, ...backendRefs('one') }]), service('one'));
  const limits = { headTimeout: 200, keepAliveTimeout: 200, streamIdleTimeout: 200 };
  const rig = await serveManifests(text, { endpoints: [endpointsOf('one', backend.port)], limits });
  const port = rig.port();

  const act = async ({ request, share, patience, leave }: Behaviour): Promise<void> => {
    const client = await rawClient(port);
    client.send(request.slice(0, Math.ceil(request.length * share)));
    await client.until(() => client.text.length >= patience || client.ended).catch(() => {});
    if (client.closed) return;
    const closed = new Promise((resolve) => client.socket.once('close', resolve));
    leave(client.socket);
    // Data that nobody reads would keep the end from being seen.
    client.socket.resume();
    await closed;
  };
  for (let at = 0; at < CLIENTS; at += AT_ONCE) await Promise.all(behaviours.slice(at, at + AT_ONCE).map(act));

  const open = (): number | undefined =>
    rig.proxy.metrics().find(({ name }) => name === 'daemun_connections_open')?.series[0]?.value;
  await vi.waitFor(() => expect(open()).toBe(0), { timeout: 10_000 });
  await rig.close();
  // What the gateway gave up is reset, and what it kept is closed.
  await vi.waitFor(() => expect(backend.open).toBe(0), { timeout: 10_000 });
  await backend.close();
  for (const { status } of rig.accesses) expect(status).toBeGreaterThan(99);
});
