/** Attacks on HTTP/2 over real sockets: what they come to, that they are counted, and that others are served on. */
import { once } from 'node:events';
import http2 from 'node:http2';
import net, { type AddressInfo, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import * as frame from '../../src/proxy/http/h2/frame.ts';
import { block, frameBytes, GET, POST, readFrames, setting, word } from '../../src/proxy/http/h2/wire.fixture.ts';
import { type Rig, serveManifests } from '../served/rig.ts';
import { gateway, route, service } from './manifest.ts';

const INITIAL_WINDOW_SIZE = 4;
const MIB = 1024 * 1024;
const END: number = frame.END_STREAM | frame.END_HEADERS;

let rig: Rig;
/** Writes without end, and counts what the gateway takes. */
let fountain: net.Server;
let poured = 0;

beforeAll(async () => {
  fountain = net.createServer((socket) => {
    socket.on('error', () => {});
    socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${1024 * MIB}\r\n\r\n`);
    const piece = Buffer.alloc(64 * 1024);
    const pour = (): void => {
      while (socket.writable && socket.write(piece)) poured += piece.length;
    };
    socket.on('drain', pour);
    pour();
  });
  fountain.listen(0, '127.0.0.1');
  await once(fountain, 'listening');
  const manifests = [
    gateway([{ name: 'http', port: 80, protocol: 'HTTP' }]),
    route('HTTPRoute', 'all', {
      rules: [
        { matches: [{ path: { value: '/fountain' } }], backendRefs: [{ name: 'fountain', port: 80 }] },
        { backendRefs: [{ name: 'one', port: 80 }] },
      ],
    }),
    service('one', 80),
    service('fountain', 80),
  ];
  const endpoints = [`default/fountain:80=127.0.0.1:${(fountain.address() as AddressInfo).port}`];
  rig = await serveManifests(manifests.join(''), { echo: true, endpoints });
});

afterAll(async () => {
  await rig.close();
  fountain.close();
});

/** A connection whose preface and SETTINGS have been sent. */
function attacker(settings: Buffer = Buffer.alloc(0)): Socket {
  const socket = net.connect(rig.port(), '127.0.0.1');
  socket.on('error', () => {});
  socket.write(Buffer.concat([Buffer.from(frame.PREFACE), frameBytes(frame.SETTINGS, 0, 0, settings)]));
  return socket;
}

/** Sends until nobody listens any more; answers the GOAWAY that came, as code and reason. */
async function attack(piece: (n: number) => Buffer): Promise<string> {
  const socket = attacker();
  const received: Buffer[] = [];
  socket.on('data', (bytes: Buffer) => received.push(bytes));
  for (let n = 0; n < 20_000 && socket.writable; n += 1000) {
    socket.write(Buffer.concat(Array.from({ length: 1000 }, (_, i) => piece(n + i))));
    await new Promise((resolve) => setImmediate(resolve));
  }
  if (!socket.closed) await once(socket, 'close');
  const goaway = readFrames(Buffer.concat(received)).find(({ type }) => type === frame.GOAWAY);
  return goaway === undefined ? 'reset' : `${goaway.payload.readUInt32BE(4)} ${goaway.payload.toString('latin1', 8)}`;
}

function counted(kind: string): number {
  const family = rig.proxy.metrics().find(({ name }) => name === 'daemun_http2_abuse_total');
  return family?.series.find(({ labels }) => labels.kind === kind)?.value ?? Number.NaN;
}

async function serves(): Promise<number> {
  return (await fetch(`http://127.0.0.1:${rig.port()}/`)).status;
}

test.each<[string, (n: number) => Buffer]>([
  [
    'rapid_reset',
    (n) =>
      Buffer.concat([
        frameBytes(frame.HEADERS, END, 2 * n + 1, block(GET)),
        frameBytes(frame.RST_STREAM, 0, 2 * n + 1, word(frame.CANCEL)),
      ]),
  ],
  [
    'continuation_flood',
    (n) =>
      n === 0
        ? frameBytes(frame.HEADERS, frame.END_STREAM, 1, block(GET))
        : frameBytes(frame.CONTINUATION, 0, 1, block([['x', 'y']])),
  ],
  ['settings_flood', () => frameBytes(frame.SETTINGS, 0, 0)],
  ['ping_flood', () => frameBytes(frame.PING, 0, 0, '12345678')],
  [
    'empty_data_flood',
    (n) =>
      n === 0
        ? frameBytes(frame.HEADERS, frame.END_HEADERS, 1, block(POST))
        : frameBytes(frame.DATA, 0, 1, Buffer.alloc(0)),
  ],
  ['ignored_frame_flood', () => frameBytes(0x77, 0, 0, 'whatever')],
])('%s: the connection ends, the attack is counted, and others are served', async (kind, piece) => {
  const before = counted(kind);
  // The end may overtake its reason where more was on the way.
  expect(await attack(piece)).toMatch(new RegExp(`^(reset|${frame.ENHANCE_YOUR_CALM} ${kind.replaceAll('_', ' ')})$`));
  expect(counted(kind)).toBe(before + 1);
  expect(await serves()).toBe(200);
});

test('an HPACK bomb is answered with 431 and counted', async () => {
  const before = counted('section_too_large');
  const socket = attacker();
  // One long field that enters the table, and then its index, a byte each time.
  const value = 'y'.repeat(3000);
  const literal = Buffer.concat([Buffer.from([0x40, 1, 0x78, 127, 0xb9, 0x16]), Buffer.from(value)]);
  const bomb = Buffer.concat([block(GET), literal, Buffer.alloc(10_000, 0x80 | 62)]);
  socket.write(frameBytes(frame.HEADERS, END, 1, bomb));
  const received: Buffer[] = [];
  socket.on('data', (bytes: Buffer) => received.push(bytes));
  await expect.poll(() => counted('section_too_large')).toBe(before + 1);
  await expect
    .poll(() =>
      readFrames(Buffer.concat(received)).some(({ type, streamId }) => type === frame.HEADERS && streamId === 1),
    )
    .toBe(true);
  socket.destroy();
});

test('streams whose windows stay at zero hold back their backends and not the memory of the gateway', async () => {
  const socket = attacker(setting(INITIAL_WINDOW_SIZE, 0));
  socket.resume();
  const fields = GET.map(([name, value]) => [name, name === ':path' ? '/fountain' : value] as const);
  for (let n = 0; n < 20; n++) socket.write(frameBytes(frame.HEADERS, END, 2 * n + 1, block(fields)));
  await expect.poll(() => poured > 0).toBe(true);
  let before = -1;
  // Until nothing is taken any more.
  await expect
    .poll(
      () => {
        const still = poured === before;
        before = poured;
        return still;
      },
      { interval: 500, timeout: 20_000 },
    )
    .toBe(true);
  expect(poured).toBeLessThan(128 * MIB);
  const held = process.memoryUsage().arrayBuffers;
  expect(held).toBeLessThan(64 * MIB);
  expect(await serves()).toBe(200);
  socket.destroy();
});

test('a client that never reads holds back its backend', async () => {
  const session = http2.connect(`http://127.0.0.1:${rig.port()}`);
  session.on('error', () => {});
  const stream = session.request({ ':path': '/fountain' });
  stream.on('error', () => {});
  await once(stream, 'response');
  stream.pause();
  let before = -1;
  await expect
    .poll(
      () => {
        const still = poured === before;
        before = poured;
        return still;
      },
      { interval: 500, timeout: 20_000 },
    )
    .toBe(true);
  session.destroy();
});

test('HTTP/1.1 that asks for h2c is answered in HTTP/1.1', async () => {
  const socket = net.connect(rig.port(), '127.0.0.1');
  socket.write(
    'GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n',
  );
  const [bytes] = (await once(socket, 'data')) as [Buffer];
  expect(bytes.toString()).toMatch(/^HTTP\/1\.1 200 /);
  expect(bytes.toString()).not.toMatch(/^upgrade:/im);
  socket.destroy();
});

test('what begins like neither version of HTTP is let go of without an answer', async () => {
  const socket = net.connect(rig.port(), '127.0.0.1');
  socket.write('INVALID CONNECTION PREFACE\r\n\r\n');
  expect(Buffer.concat(await socket.toArray()).length).toBe(0);
});
