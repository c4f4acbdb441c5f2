import { once } from 'node:events';
import net from 'node:net';
import { afterEach, expect, test, vi } from 'vitest';
import { WHEEL_TICK } from '../ground/deadline.ts';
import { MAX_FAIR_HELLO } from './held-hellos.ts';
import { extension, handmadeHello, records, serverNameExtension } from './hello.suite.ts';
import { HELLO_GRACE, type HelloArrival, waitForHello } from './hello-wait.ts';
import { gone, listenLinks, relayRig } from './rig.suite.ts';
import type { StreamLimits } from './stream-limits.ts';

const servers: Array<{ close(): void }> = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

async function start(limits: Partial<StreamLimits> = {}, held = { bytes: 0 }) {
  const rig = relayRig(limits);
  const arrived = Promise.withResolvers<HelloArrival>();
  const waiting = Promise.withResolvers<void>();
  const counts = { failed: 0 };
  const { port, server } = await listenLinks((link) => {
    waitForHello(link, {
      ...rig,
      held,
      onHello: (arrival) => {
        arrived.resolve(arrival);
        arrival.link.close('reset');
      },
      onFailed: () => counts.failed++,
    });
    waiting.resolve();
  });
  servers.push(server);
  const socket = net.connect(port, '127.0.0.1').setNoDelay(true);
  socket.on('error', () => {});
  await Promise.all([once(socket, 'connect'), waiting.promise]);
  return { rig, socket, counts, arrived: arrived.promise };
}

const hello = records(handmadeHello([serverNameExtension('A.example.com.')]));

test('a hello that comes byte by byte is handed over whole', async () => {
  const { rig, socket, arrived, counts } = await start();
  for (const byte of hello) await new Promise<void>((sent) => socket.write(Buffer.of(byte), () => sent()));
  const { firstBytes, serverName } = await arrived;
  expect(serverName).toBe('a.example.com');
  expect(firstBytes.equals(hello)).toBe(true);
  expect(counts.failed).toBe(0);
  expect(rig.live.size).toBe(0);
});

test.each([
  ['no hello', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
  ['a hello with a broken name', records(handmadeHello([serverNameExtension('a b')]))],
])('%s is handed over without a name', async (_, bytes) => {
  const { socket, arrived } = await start();
  socket.write(bytes);
  const { firstBytes, serverName } = await arrived;
  expect(serverName).toBeUndefined();
  expect(firstBytes.equals(bytes)).toBe(true);
});

test('a client is on its way for a moment after it came, and from the first byte of its hello on', async () => {
  const { rig, socket, arrived } = await start();
  rig.time.pass(HELLO_GRACE - WHEEL_TICK);
  expect(rig.live.arriving).toBe(true);
  rig.time.pass(2 * WHEEL_TICK);
  expect(rig.live.arriving).toBe(false);
  socket.write(hello.subarray(0, 1));
  await vi.waitUntil(() => rig.live.arriving, { interval: 1 });
  socket.write(hello.subarray(1));
  await arrived;
  expect(rig.live.arriving).toBe(false);
});

test('a client that ends in the middle of its hello has failed', async () => {
  const { rig, socket, counts } = await start();
  socket.end(hello.subarray(0, 20));
  await gone(socket);
  expect(counts.failed).toBe(1);
  expect(rig.live.size).toBe(0);
});

test('a client that is silent for too long has failed', async () => {
  const { rig, socket, counts } = await start();
  socket.write(hello.subarray(0, 20));
  rig.time.pass(rig.limits.helloTimeout + WHEEL_TICK);
  await gone(socket);
  expect(counts.failed).toBe(1);
  expect(rig.live.size).toBe(0);
});

test('while its port drains, a connection without a hello ends', async () => {
  const { rig, socket, counts } = await start();
  const drained = rig.live.drain(10_000);
  await Promise.all([drained, gone(socket)]);
  expect(counts.failed).toBe(0);
});

test('where hellos on their way hold too much, one that holds more than its share has failed', async () => {
  const held = { bytes: 50_000 };
  const long = records(handmadeHello([extension(21, Buffer.alloc(12_000))]));
  const { socket, counts } = await start({ maxPeekedBytes: 50_000 }, held);
  socket.write(long.subarray(0, MAX_FAIR_HELLO));
  expect(await gone(socket)).toBe('ECONNRESET');
  expect(counts.failed).toBe(1);
  expect(held.bytes).toBe(50_000);

  const little = await start({ maxPeekedBytes: 50_000 }, held);
  little.socket.write(hello.subarray(0, 20));
  await vi.waitUntil(() => held.bytes > 50_000, { interval: 1 });
  little.socket.write(hello.subarray(20));
  await little.arrived;
  expect(held.bytes).toBe(50_000);
});
