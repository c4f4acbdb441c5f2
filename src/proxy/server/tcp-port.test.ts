/** Ports of TCP listeners: where connections go, by the route that is in place when they come. */
import { once } from 'node:events';
import net from 'node:net';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { listening, received } from '../stream/rig.suite.ts';
import { backend, listener, PlaneRig, proxyHeaderPolicy, rule } from './plane.suite.ts';

let rig: PlaneRig;
const closers: Array<() => unknown> = [];
beforeEach(() => {
  rig = new PlaneRig();
  closers.push(() => rig.close());
});
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** Says back all that it hears, after its name. */
async function echo(name: string): Promise<number> {
  const server = net.createServer((socket) => {
    socket.on('error', () => {}).write(`${name} `);
    socket.pipe(socket);
  });
  closers.push(() => server.close());
  return listening(server);
}

function connected(name = 'l'): net.Socket {
  const socket = net.connect({ port: rig.port(name), host: '127.0.0.1', allowHalfOpen: true }).on('error', () => {});
  closers.push(() => socket.destroy());
  return socket;
}

async function said(text: string, name = 'l'): Promise<string> {
  const socket = connected(name);
  socket.end(text);
  return received(socket);
}

test('what is said goes to the backend of the route and back', async () => {
  await rig.apply([listener('TCP'), rule('TCPRoute'), ...backend(await echo('one'))]);
  expect(await said('hello')).toBe('one hello');
  await vi.waitFor(() => expect(rig.accesses).toMatchObject([{ protocol: 'tcp', listener: 'd/g/l', reason: '' }]));
});

test('so does what came with a PROXY header, once', async () => {
  await rig.apply([
    listener('TCP'),
    rule('TCPRoute'),
    ...backend(await echo('one')),
    proxyHeaderPolicy(['127.0.0.0/8']),
  ]);
  expect(await said('PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\nhello')).toBe('one hello');
});

test('who comes after a change has the new route, and who came before the old one', async () => {
  await rig.apply([
    listener('TCP'),
    rule('TCPRoute'),
    ...backend(await echo('one')),
    ...backend(await echo('two'), 'b2'),
  ]);
  const early = connected();
  await once(early, 'data');
  await rig.apply([rule('TCPRoute', { backends: [{ backend: 'd/b2:80', weight: 1, filters: [] }] })]);
  expect(await said('hello')).toBe('two hello');
  early.end('still');
  expect(await received(early)).toBe('still');
});

test('without a route it is reset, which is told of its listener, also of the next one', async () => {
  await rig.apply([listener('TCP'), rule('UDPRoute')]);
  await expect(said('hello')).rejects.toThrow('ECONNRESET');
  await rig.apply([listener('TCP', { name: 'm' })], [{ kind: 'Listener', key: 'd/g/l' }]);
  await expect(said('hello', 'm')).rejects.toThrow('ECONNRESET');
  expect(rig.accesses).toMatchObject([
    { listener: 'd/g/l', reason: 'no_route' },
    { listener: 'd/g/m', reason: 'no_route' },
  ]);
});
