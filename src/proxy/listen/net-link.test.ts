import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import type { Sink } from '../ground/driver.ts';
import { NetDriver } from './net-driver.ts';

const closing: Array<() => void> = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

class Heard implements Sink {
  readonly opened = Promise.withResolvers<void>();
  readonly closed = Promise.withResolvers<void>();
  onBytes(): void {}
  onEnd(): void {}
  onDrain(): void {}
  onOpen(): void {
    this.opened.resolve();
  }
  onClose(): void {
    this.closed.resolve();
  }
}

test.each([
  ['sent nothing', 0],
  ['sent more than the other end takes', 20],
])('a link that %s and has ended can still be cut', async (_name, megabytes) => {
  const server = net.createServer({ pauseOnConnect: true, allowHalfOpen: true });
  closing.push(() => server.close());
  server.on('connection', (socket) => {
    socket.on('error', () => {});
    closing.push(() => socket.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const heard = new Heard();
  const link = new NetDriver().connect({ address: '127.0.0.1', port: (server.address() as AddressInfo).port }, heard);
  await heard.opened.promise;
  // The first write of a process is looked at; those that follow may go past the stream.
  link.send('x');
  for (let i = 0; i < megabytes; i++) link.send(Buffer.alloc(1024 * 1024));
  link.close('end');
  await new Promise((resolve) => setImmediate(resolve));
  expect(link.pending > 0).toBe(megabytes > 0);
  link.close('reset');
  await heard.closed.promise;
});
