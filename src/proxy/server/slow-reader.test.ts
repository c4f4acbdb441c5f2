/** An answer is done when its bytes have left, not when they were handed to the kernel or to a stream. */
import { once } from 'node:events';
import http from 'node:http';
import net, { type AddressInfo, type Socket } from 'node:net';
import { afterAll, describe, expect, test } from 'vitest';
import * as frame from '../http/h2/frame.ts';
import { block, frameBytes, GET, setting, word } from '../http/h2/wire.fixture.ts';
import { backend, listener, PlaneRig, rule } from './plane.suite.ts';

const SIZE = 8 * 1024 * 1024;
/**
 * Milliseconds that a reader takes for a part: some 1.5 MB/s. The last megabytes, which the kernel has long taken, so
 * take longer than a connection is given after its last frame where nobody looks.
 */
const PAUSE = 40;
const WIDE = 2 ** 30;

const closers: Array<() => unknown> = [];
afterAll(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function served(): Promise<{ rig: PlaneRig; answered: Promise<unknown> }> {
  const answered = Promise.withResolvers<void>();
  const server = http.createServer((_request, response) => {
    response.end(Buffer.alloc(SIZE, 'x'));
    response.on('finish', answered.resolve);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const rig = new PlaneRig();
  closers.push(() => {
    server.closeAllConnections();
    server.close();
  });
  closers.push(() => rig.close());
  await rig.apply([listener('HTTP'), ...backend((server.address() as AddressInfo).port), rule('HTTPRoute')]);
  return { rig, answered: answered.promise };
}

function connect(port: number): Socket {
  const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  closers.push(() => socket.destroy());
  return socket.on('error', () => {});
}

/** Reads a part, rests, and reads the next; `onPart` may say something to each part. */
async function readSlowly(socket: Socket, onPart: () => void = () => {}): Promise<Buffer> {
  const parts: Buffer[] = [];
  socket.on('data', (part: Buffer) => {
    parts.push(part);
    onPart();
    socket.pause();
    setTimeout(() => socket.resume(), PAUSE);
  });
  await new Promise((resolve) => socket.on('end', resolve).on('close', resolve));
  socket.end();
  return Buffer.concat(parts);
}

/** Windows so wide that flow control does not hold the answer back. */
function askH2(port: number): Socket {
  const socket = connect(port);
  socket.write(frame.PREFACE);
  socket.write(frameBytes(frame.SETTINGS, 0, 0, setting(4, WIDE)));
  socket.write(frameBytes(frame.WINDOW_UPDATE, 0, 0, word(WIDE)));
  socket.write(frameBytes(frame.SETTINGS, frame.ACK, 0));
  socket.write(frameBytes(frame.HEADERS, frame.END_HEADERS | frame.END_STREAM, 1, block(GET)));
  return socket.pause();
}

function dataIn(bytes: Buffer): { size: number; whole: boolean } {
  let size = 0;
  let whole = false;
  for (let at = 0; at + 9 <= bytes.length; at += 9 + bytes.readUIntBE(at, 3)) {
    if (bytes[at + 3] !== frame.DATA) continue;
    size += bytes.readUIntBE(at, 3);
    if ((bytes[at + 4]! & frame.END_STREAM) !== 0) whole = true;
  }
  return { size, whole };
}

const EVENTS = {
  'the gateway drains': (rig: PlaneRig): Promise<unknown> => rig.plane.drain(30_000),
  'its listener is gone': async (rig: PlaneRig): Promise<unknown> => {
    await rig.apply([], [{ kind: 'Listener', key: 'd/g/l' }]);
    return undefined;
  },
};

describe.each([
  ['says so', frameBytes(frame.WINDOW_UPDATE, 0, 0, word(1024))],
  ['says nothing', Buffer.alloc(0)],
])('HTTP/2: a slow reader who %s while he reads', (_, said) => {
  test.concurrent.each(Object.entries(EVENTS))('gets every byte while %s', async (_, happens) => {
    const { rig } = await served();
    const socket = askH2(rig.port());
    await once(socket, 'readable');
    const done = happens(rig);
    const bytes = await readSlowly(socket, () => socket.write(said));
    expect(dataIn(bytes)).toEqual({ size: SIZE, whole: true });
    await done;
  });
});

test.concurrent.each(Object.entries(EVENTS))('HTTP/1.1: a slow reader gets every byte while %s', async (_, happens) => {
  const { rig } = await served();
  const socket = connect(rig.port());
  socket.write('GET / HTTP/1.1\r\nHost: a.example\r\n\r\n');
  socket.pause();
  await once(socket, 'readable');
  const done = happens(rig);
  const bytes = await readSlowly(socket);
  expect(bytes.length - bytes.indexOf('\r\n\r\n') - 4).toBe(SIZE);
  await done;
});

test.concurrent('HTTP/2: what is left of an answer is cut when the time is over', async () => {
  const { rig } = await served();
  const socket = askH2(rig.port());
  await once(socket, 'readable');
  const began = performance.now();
  await rig.plane.drain(500);
  expect(performance.now() - began).toBeLessThan(2_000);
});
