/**
 * Datagrams of 64 bytes from several client addresses, each with a few under way, through a proxy to an echo.
 *
 * Usage: node datagram.ts PORT SECONDS
 */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import type { Load } from './load.ts';

const [port, seconds] = process.argv.slice(2).map(Number) as [number, number];
const clients = 16;
const window = 4;
const payload = Buffer.alloc(64, 'x');

let done = 0;
let sent = 0;

const sockets: Socket[] = [];
for (let i = 0; i < clients; i++) {
  const socket = createSocket('udp4');
  socket.connect(port, '127.0.0.1');
  await once(socket, 'connect');
  sockets.push(socket);
}

const send = (socket: Socket): void => {
  sent++;
  socket.send(payload);
};
for (const socket of sockets) {
  socket.on('error', () => {});
  socket.on('message', () => {
    done++;
    send(socket);
  });
  for (let i = 0; i < window; i++) send(socket);
}

// A lost datagram would end its slot: whatever did not move for a while is sent anew, and counts as failed.
let seen = -1;
const watch = setInterval(() => {
  if (done === seen) for (const socket of sockets) send(socket);
  seen = done;
}, 250);

setTimeout(() => {
  clearInterval(watch);
  const load: Load = { done, failed: Math.max(0, sent - done - clients * window) };
  process.stdout.write(`${JSON.stringify(load)}\n`, () => process.exit(0));
}, seconds * 1000);
