/** A data plane whose ports another process has taken over: what the kernel gave to it is answered before it ends. */
import { once } from 'node:events';
import net, { type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import tls from 'node:tls';
import { afterEach, beforeAll, expect, test, vi } from 'vitest';
import type { Listener, RouteRule } from '../../config/index.ts';
import { selfSigned } from '../stream/certificate.suite.ts';
import { certificate, listener, PlaneRig, rule } from './plane.suite.ts';
import { ARRIVAL_GRACE } from './port-set.ts';

let pair: { key: Buffer; cert: Buffer };
beforeAll(async () => {
  pair = await selfSigned('a.example');
});

let rig: PlaneRig;
afterEach(() => rig.close());

const GET = 'GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n';
const ANSWERING: Partial<RouteRule> = {
  filters: [{ type: 'DirectAnswer', status: 200, contentType: 'text/plain', body: 'here' }],
  backends: [],
};
/** More than one turn of the event loop accepts. */
const COUNT = 20;

async function start(protocol: Listener['protocol']): Promise<number> {
  rig = new PlaneRig({ handsOver: true, reusePort: true });
  await rig.apply([certificate(pair), listener(protocol), rule('HTTPRoute', ANSWERING)]);
  return rig.port();
}

/** They are in the kernel's hands when this resolves, and nobody has accepted one. */
async function queued(port: number): Promise<Socket[]> {
  const sockets = Array.from({ length: COUNT }, () => net.connect({ port, host: '127.0.0.1' }).on('error', () => {}));
  await new Promise<void>((resolve) => process.nextTick(resolve));
  return sockets;
}

/** Somebody listens there. */
async function connects(port: number): Promise<boolean> {
  const socket = net.connect({ port, host: '127.0.0.1' });
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

test.for(['HTTP', 'HTTPS'] as const)('%s connections that waited to be accepted are answered', async (protocol) => {
  const port = await start(protocol);
  const raw = await queued(port);
  const drained = rig.plane.drain(5_000);
  const sockets =
    protocol === 'HTTP'
      ? raw
      : raw.map((socket) => tls.connect({ socket, servername: 'a.example', rejectUnauthorized: false }));
  const answers = await Promise.all(
    sockets.map((socket) => {
      socket.write(GET);
      return text(socket);
    }),
  );
  expect(answers.map((answer) => answer.slice(0, 15))).toEqual(answers.map(() => 'HTTP/1.1 200 OK'));
  await drained;
  await expect(
    new Promise((resolve, reject) => {
      net.connect({ port, host: '127.0.0.1' }).on('connect', resolve).on('error', reject);
    }),
  ).rejects.toThrow('ECONNREFUSED');
});

test('nothing stands between the look whether somebody waits and the close of the socket', async () => {
  await start('HTTP');
  const before: number[] = [];
  const closing = vi.spyOn(net.Server.prototype, 'close').mockImplementationOnce(function (this: net.Server) {
    before.push((this as net.Server & { _handle: { fd: number } })._handle.fd);
    closing.mockRestore();
    return this.close();
  });
  await rig.plane.drain(5_000);
  expect(before).toHaveLength(1);
  // The kernel has it no more: Node's own steps, which take a while, come after.
  expect(before[0]).toBeLessThan(0);
});

test('nobody who has nothing to say holds it for longer than a moment', async () => {
  const port = await start('HTTP');
  const [idle] = await queued(port);
  const began = performance.now();
  await rig.plane.drain(30_000);
  expect(performance.now() - began).toBeLessThan(10_000);
  idle!.destroy();
});

test('one that is there and has nothing under way has a moment for what it may be about to ask', async () => {
  const port = await start('HTTP');
  const client = net.connect({ port, host: '127.0.0.1' });
  client.write(GET.replace('Connection: close\r\n', ''));
  await once(client, 'data');
  const drained = rig.plane.drain(30_000);
  while (await connects(port));
  client.write(GET.replace('Connection: close\r\n', ''));
  const [answer] = (await once(client, 'data')) as [Buffer];
  expect(answer.latin1Slice(0, 15)).toBe('HTTP/1.1 200 OK');
  // Who asks every now and then would ask once more in the very moment in which it is ended.
  expect(answer.latin1Slice()).toContain('Connection: close');
  await once(client, 'end');
  client.destroy();
  await drained;
});

test.each(['HTTP', 'UDP'] as const)('where nobody came last, none of %s is waited for', async (protocol) => {
  rig = new PlaneRig({ handsOver: true, reusePort: true });
  await rig.apply([listener(protocol)]);
  const began = performance.now();
  await rig.plane.drain(30_000);
  expect(performance.now() - began).toBeLessThan(ARRIVAL_GRACE - 100);
});

test('where the time is over there is none for those who come last, either', async () => {
  const port = await start('HTTP');
  await queued(port);
  const began = performance.now();
  await rig.plane.drain(0);
  expect(performance.now() - began).toBeLessThan(400);
});
