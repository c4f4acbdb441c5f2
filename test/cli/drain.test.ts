/** The whole command, drained: nobody who has nothing under way holds it, and the flag is the most that anything does. */
import { once } from 'node:events';
import net from 'node:net';
import { afterEach, expect, test, vi } from 'vitest';
import { askAdmin } from './client.ts';
import { ServingProcess } from './daemun-process.ts';
import { documents, GATEWAY, route, service } from './manifest.ts';

const SHOP = documents(service('cart'), route('shop', { hostname: 'shop.example.com', backend: 'cart' }));
const GET = 'GET / HTTP/1.1\r\nHost: shop.example.com\r\n\r\n';
/** Of ends that are to come at once: a busy machine is allowed for. */
const SOON = 4_000;

let running: ServingProcess | undefined;
const sockets: net.Socket[] = [];
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await running?.stop();
  running = undefined;
});

/** Never closes its side. */
async function connect(port: number): Promise<net.Socket> {
  const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true }).on('error', () => {});
  sockets.push(socket);
  await once(socket, 'connect');
  return socket;
}

async function start(timeout: string): Promise<ServingProcess> {
  const flags = ['--port-map', '80=0', '--port-map', '81=0', '--echo-backends', '--drain-timeout', timeout];
  running = await ServingProcess.start({ 'gateway.yaml': GATEWAY, 'shop.yaml': SHOP }, flags);
  return running;
}

async function ended(process: ServingProcess): Promise<number> {
  const began = performance.now();
  process.child.kill('SIGTERM');
  expect((await process.finished).code).toBe(0);
  return performance.now() - began;
}

test('clients that keep their connections open, and one that never spoke, do not hold it', async () => {
  const gone = await start('60s');
  const idle = await connect(gone.port);
  idle.write(GET);
  await once(idle, 'data');
  (await connect(gone.port)).resume();
  expect(await ended(gone)).toBeLessThan(SOON);
});

test('what is under way on a port that a change has moved ends within the flag, too', async () => {
  const gone = await start('1s');
  const half = await connect(gone.port);
  // A request whose body never comes to its end.
  half.write('POST / HTTP/1.1\r\nHost: shop.example.com\r\nContent-Length: 10\r\n\r\n12345');
  half.resume();
  await vi.waitFor(async () =>
    expect((await askAdmin(gone.admin, '/metrics')).body).toMatch(/daemun_connections_open 1\n/),
  );
  gone.write('gateway.yaml', GATEWAY.replace('"port": 80', '"port": 81'));
  const before = gone.port;
  await vi.waitFor(() => expect(connect(before)).rejects.toThrow('ECONNREFUSED'), 10_000);
  expect(await ended(gone)).toBeLessThan(SOON);
});
