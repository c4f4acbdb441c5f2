import { once } from 'node:events';
import net from 'node:net';
import { afterEach, expect, test } from 'vitest';
import type { Link, Sink } from '../ground/driver.ts';
import { adoptSocket, linkOf } from './net-link.ts';
import { rawWritesWork } from './raw-write.ts';
import { type ListeningSocket, openSocket } from './socket.ts';

/** An accepted link and the client at its other end. */
interface Pair {
  link: Link;
  client: net.Socket;
  drained(): Promise<void>;
  closed: Promise<NodeJS.ErrnoException | undefined>;
}

let listening: ListeningSocket | undefined;
afterEach(() => listening?.close());

async function pair(): Promise<Pair> {
  const accepted = Promise.withResolvers<Link>();
  const closed = Promise.withResolvers<NodeJS.ErrnoException | undefined>();
  let drain = Promise.withResolvers<void>();
  const sink: Sink = {
    onBytes() {},
    onEnd() {},
    onOpen() {},
    onDrain() {
      drain.resolve();
      drain = Promise.withResolvers();
    },
    onClose: (error) => closed.resolve(error),
  };
  listening = await openSocket({ address: '127.0.0.1', port: 0, reusePort: false }, (handle) => {
    const link = linkOf(adoptSocket(handle));
    link.sink = sink;
    accepted.resolve(link);
  });
  const client = net.connect(Number(listening.bound.split(':').at(-1)), '127.0.0.1');
  client.pause();
  return { link: await accepted.promise, client, drained: () => drain.promise, closed: closed.promise };
}

async function read(client: net.Socket, bytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  client.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    size += chunk.length;
    if (size >= bytes) client.emit('enough');
  });
  client.resume();
  if (size < bytes) await once(client, 'enough');
  return Buffer.concat(chunks);
}

test('text and bytes arrive in the order they were sent, whether or not the kernel takes them at once', async () => {
  const { link, client } = await pair();
  const sent: Buffer[] = [];
  for (let i = 0; i < 400; i++) {
    const data = i % 2 === 0 ? `${i}:`.repeat(i) : Buffer.alloc(i * 500, i & 0xff);
    sent.push(Buffer.from(data as string, 'latin1'));
    link.send(data);
  }
  expect(link.pending).toBeGreaterThan(0);
  const expected = Buffer.concat(sent);
  expect((await read(client, expected.length)).equals(expected)).toBe(true);
  client.destroy();
});

test('send answers false above the mark, and a drain follows once all has left', async () => {
  const { link, client, drained } = await pair();
  const piece = Buffer.alloc(256 * 1024, 1);
  let total = 0;
  let below = true;
  while (below) {
    below = link.send(piece);
    total += piece.length;
  }
  const drain = drained();
  await Promise.all([read(client, total), drain]);
  expect(link.pending).toBe(0);
  expect(link.send('more')).toBe(true);
  client.destroy();
});

test('an orderly end sends what is left first', async () => {
  const { link, client } = await pair();
  const piece = Buffer.alloc(4 * 1024 * 1024, 2);
  link.send('first');
  link.send(piece);
  link.close('end');
  const received = read(client, piece.length + 5);
  await once(client, 'end');
  expect((await received).length).toBe(piece.length + 5);
  client.destroy();
});

test('a client that resets while bytes are left ends the link, with no further call', async () => {
  const { link, client, closed } = await pair();
  link.send('first');
  link.send(Buffer.alloc(8 * 1024 * 1024, 3));
  client.resetAndDestroy();
  await closed;
  expect(link.send('late')).toBe(true);
});

test('this release of Node lets handles be written to directly', () => {
  expect(rawWritesWork()).toBe(Number(process.versions.node.split('.')[0]) >= 26);
});
