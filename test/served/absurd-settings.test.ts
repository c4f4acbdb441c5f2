/** Backends of HTTP/2 whose SETTINGS allow nothing, or are none: requests get an answer, elsewhere or with a reason. */
import type net from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { h2Pod, slice } from '../policies/pods.ts';
import { backendRefs, HTTP, httpRoute, manifests, service } from './manifest.ts';
import { rawBackend } from './raw-backend.ts';
import { rawClient } from './raw-client.ts';
import { type Rig, serveManifests } from './rig.ts';

const closing: Array<() => unknown> = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

const [HEADERS, RST_STREAM, SETTINGS, WINDOW_UPDATE] = [1, 3, 4, 8];
const REFUSED_STREAM = 7;
const PREFACE = 24;
const REQUEST = 'Host: a.example\r\n\r\n';

function frame(type: number, stream: number, payload: Buffer, flags = 0): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

function settings(...pairs: Array<[number, number]>): Buffer {
  const payload = Buffer.alloc(6 * pairs.length);
  pairs.forEach(([id, value], i) => {
    payload.writeUInt16BE(id, 6 * i);
    payload.writeUInt32BE(value, 6 * i + 2);
  });
  return frame(SETTINGS, 0, payload);
}

function fourBytes(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

interface Talk {
  sockets: net.Socket[];
  bodyBytes: number;
}

/** It says these settings first, and lets `onHeaders` and `onData` answer the frames that come. */
async function backend(
  first: Buffer,
  onFrame: (socket: net.Socket, type: number, stream: number, flags: number) => void,
): Promise<Talk & { name: string; port: number; close(): unknown }> {
  const talk: Talk = { sockets: [], bodyBytes: 0 };
  const raw = await rawBackend((socket) => {
    talk.sockets.push(socket);
    socket.on('error', () => {});
    socket.write(first);
    let rest = Buffer.alloc(0);
    let begun = false;
    socket.on('data', (bytes: Buffer) => {
      rest = Buffer.concat([rest, bytes]);
      if (!begun && rest.length < PREFACE) return;
      if (!begun) rest = rest.subarray(PREFACE);
      begun = true;
      while (rest.length >= 9 && rest.length >= 9 + rest.readUIntBE(0, 3)) {
        const length = rest.readUIntBE(0, 3);
        const [type, flags, stream] = [rest[3]!, rest[4]!, rest.readUInt32BE(5)];
        if (type === 0) talk.bodyBytes += length;
        if (type === SETTINGS && flags === 0) socket.write(frame(SETTINGS, 0, Buffer.alloc(0), 1));
        onFrame(socket, type, stream, flags);
        rest = rest.subarray(9 + length);
      }
    });
  });
  closing.push(() => raw.close());
  return Object.assign(talk, { name: 'raw', port: raw.port, close: () => raw.close() });
}

async function served(...pods: Array<{ name: string; port: number; close(): unknown }>): Promise<Rig> {
  const to = { ...service('s'), spec: { ports: [{ port: 80, appProtocol: 'kubernetes.io/h2c' }] } };
  const slices = pods.map((pod) => slice('s', pod));
  const rig = await serveManifests(manifests([HTTP], httpRoute('r', [backendRefs('s')]), to, ...slices));
  closing.push(() => rig.close());
  return rig;
}

async function ask(rig: Rig, text = `GET / HTTP/1.1\r\n${REQUEST}`): Promise<{ status: number; body: string }> {
  const client = await rawClient(rig.port());
  closing.push(() => client.close());
  const [answer] = await client.ask(text);
  return { status: answer!.status, body: String(answer!.body) };
}

/** :status 200, and the end of the stream. */
const ok = (stream: number): Buffer => frame(HEADERS, stream, Buffer.from([0x88]), 0x5);

let allowed = 0;
const refusing = (socket: net.Socket, type: number, stream: number): void => {
  if (type !== HEADERS) return;
  socket.write(allowed > 0 ? ok(stream) : frame(RST_STREAM, stream, fourBytes(REFUSED_STREAM)));
};

test('no stream at all: 503 with a reason after a moment, over few connections, until it allows some', async () => {
  allowed = 0;
  const shut = await backend(settings([3, 0]), refusing);
  const rig = await served(shut);
  const began = performance.now();
  const all = await Promise.all(Array.from({ length: 20 }, () => ask(rig)));
  expect(performance.now() - began).toBeLessThan(5_000);
  expect(new Set(all.map(({ status }) => status))).toEqual(new Set([503]));
  expect(shut.sockets.length).toBeLessThanOrEqual(4);
  allowed = 10;
  for (const socket of shut.sockets) if (!socket.destroyed) socket.write(settings([3, 10]));
  await expect.poll(async () => (await ask(rig)).status, { timeout: 5_000 }).toBe(200);
});

test('no stream at all: another endpoint serves', async () => {
  allowed = 0;
  const good = await h2Pod('good');
  closing.push(() => good.close());
  const rig = await served(await backend(settings([3, 0]), refusing), good);
  const all = await Promise.all(Array.from({ length: 10 }, () => ask(rig)));
  expect(all.map(({ status, body }) => `${status} ${body}`)).toEqual(Array(10).fill('200 good'));
});

test('no window: a body waits for one, and a request without a body does not', async () => {
  const narrow = await backend(settings([4, 0]), (socket, type, stream, flags) => {
    if ((type === HEADERS && flags & 1) || (type === 0 && flags & 1)) socket.write(ok(stream));
    else if (type === HEADERS) setTimeout(() => socket.write(frame(WINDOW_UPDATE, stream, fourBytes(1_000))), 300);
  });
  const rig = await served(narrow);
  expect((await ask(rig)).status).toBe(200);
  expect((await ask(rig, `POST / HTTP/1.1\r\nContent-Length: 5\r\n${REQUEST}hello`)).status).toBe(200);
  expect(narrow.bodyBytes).toBe(5);
});

test.each([
  ['frames of 100 bytes', [5, 100]],
  ['frames of 4 GiB', [5, 0xffff_ffff]],
  ['a window of 4 GiB', [4, 0xffff_ffff]],
  ['a push of 7', [2, 7]],
] as Array<[string, [number, number]]>)('%s: the connection is ended, and the answer is 502', async (_what, pair) => {
  const rig = await served(await backend(settings(pair), () => {}));
  expect((await ask(rig)).status).toBe(502);
});
