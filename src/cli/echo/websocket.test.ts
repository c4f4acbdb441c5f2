import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { echoWebSocket } from './websocket.ts';

const server = createServer();
server.on('upgrade', echoWebSocket);
let port: number;
beforeEach(async () => {
  await once(server.listen(0, '127.0.0.1'), 'listening');
  ({ port } = server.address() as AddressInfo);
});
afterEach(async () => {
  server.close();
  await once(server, 'close');
});

async function opened(protocols: string[] = []): Promise<WebSocket> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/`, protocols);
  await once(socket, 'open');
  return socket;
}

const UPGRADE =
  'GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n';

/** What the server says, until it ends, to these bytes after the upgrade: each a packet of its own. */
async function raw(...packets: Buffer[]): Promise<{ head: string; frames: Buffer }> {
  const socket = connect({ host: '127.0.0.1', port, noDelay: true });
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  socket.write(UPGRADE);
  await once(socket, 'data');
  for (const packet of packets) await new Promise((resolve) => socket.write(packet, resolve));
  await once(socket, 'close');
  const all = Buffer.concat(chunks);
  const end = all.indexOf('\r\n\r\n') + 4;
  return { head: all.toString('latin1', 0, end), frames: all.subarray(end) };
}

test.each([0, 1, 125, 126, 65_535, 65_536, 3_000_000])('a message of %i bytes comes back whole', async (size) => {
  const socket = await opened();
  const message = Buffer.alloc(size, 'abcdefg');
  socket.send(message);
  const [data, isBinary] = await once(socket, 'message');
  expect(isBinary).toBe(true);
  expect(Buffer.compare(data as Buffer, message)).toBe(0);
  socket.close(4001, 'done');
  expect((await once(socket, 'close')).map(String)).toEqual(['4001', 'done']);
});

test('fragments, a ping between them and the protocol that was offered first', async () => {
  const socket = await opened(['chat', 'other']);
  expect(socket.protocol).toBe('chat');
  const pong = once(socket, 'pong');
  const message = once(socket, 'message');
  socket.send('one ', { fin: false });
  socket.ping('are you there');
  socket.send('two', { fin: true });
  expect(String((await pong)[0])).toBe('are you there');
  expect(String((await message)[0])).toBe('one two');
  socket.close();
  await once(socket, 'close');
});

test('the handshake is that of RFC 6455, and frames may come byte by byte', async () => {
  const hello = Buffer.from('818537fa213d7f9f4d5158', 'hex');
  const close = Buffer.from('88801a2b3c4d', 'hex');
  const { head, frames } = await raw(...Array.from(Buffer.concat([hello, close]), (byte) => Buffer.from([byte])));
  expect(head).toContain('Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n');
  expect(frames.toString('hex')).toBe('810548656c6c6f8800');
});

test.each([
  ['without a mask', '810548656c6c6f'],
  ['with a reserved bit', 'c1851a2b3c4d'],
  ['of an unknown kind', '83801a2b3c4d'],
  ['that goes on where nothing began', '80801a2b3c4d'],
  ['that begins a second message inside a first', '01801a2b3c4d81801a2b3c4d'],
  ['a ping in fragments', '09801a2b3c4d'],
  ['a ping that is too long', '89fe00ff1a2b3c4d'],
])('a frame %s ends the connection as a protocol error', async (_, hex) => {
  const { frames } = await raw(Buffer.from(hex, 'hex'));
  expect(frames.subarray(-4).toString('hex')).toBe('880203ea');
});

test('an upgrade to something else is refused', async () => {
  const socket = connect({ host: '127.0.0.1', port });
  socket.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n');
  const [answer] = await once(socket, 'data');
  expect(String(answer)).toMatch(/^HTTP\/1\.1 400 /);
  await once(socket, 'close');
});
