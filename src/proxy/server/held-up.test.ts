/** A process that others kept from the processor for a while: what came in time is not late because it is read late. */
import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import tls from 'node:tls';
import { afterEach, beforeAll, expect, test } from 'vitest';
import { selfSigned } from '../stream/certificate.suite.ts';
import { backend, certificate, listener, PlaneRig, rule } from './plane.suite.ts';
import { ARRIVAL_GRACE, HANDSHAKE_GRACE } from './port-set.ts';

let pair: { key: Buffer; cert: Buffer };
beforeAll(async () => {
  pair = await selfSigned('a.example');
});

const closers: Array<() => unknown> = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

function rigOf(options: ConstructorParameters<typeof PlaneRig>[0]): PlaneRig {
  const rig = new PlaneRig(options);
  closers.push(() => rig.close());
  return rig;
}

const GET = 'GET / HTTP/1.1\r\nHost: a.example\r\n\r\n';
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
const HERE = {
  filters: [{ type: 'DirectAnswer' as const, status: 200, contentType: 'text/plain', body: 'here' }],
  backends: [],
};
/** Milliseconds, by far the longest time that a test sets. */
const HELD_UP = 600;

function holdUp(): void {
  const until = performance.now() + HELD_UP;
  while (performance.now() < until);
}

async function connected(port: number): Promise<net.Socket> {
  const socket = net.connect({ port, host: '127.0.0.1' });
  closers.push(() => socket.destroy());
  await once(socket, 'connect');
  return socket;
}

async function isOpen(port: number): Promise<boolean> {
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

async function read(socket: net.Socket): Promise<string> {
  const [bytes] = (await once(socket, 'data')) as [Buffer];
  return bytes.latin1Slice(0, 12);
}

test('a request on a kept connection', async () => {
  const rig = rigOf({ limits: { keepAliveTimeout: 200 } });
  await rig.apply([listener('HTTP'), rule('HTTPRoute', HERE)]);
  const client = await connected(rig.port());
  for (let i = 0; i < 3; i++) {
    client.write(GET);
    if (i > 0) holdUp();
    expect(await read(client)).toBe('HTTP/1.1 200');
  }
});

test('an answer of a backend', async () => {
  const server = net.createServer((socket) => {
    socket.on('data', () => {
      socket.write(OK);
      holdUp();
    });
  });
  closers.push(() => server.close());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const rig = rigOf({});
  const objects = backend((server.address() as AddressInfo).port);
  await rig.apply([listener('HTTP'), ...objects, rule('HTTPRoute', { timeouts: { request: 200 } })]);
  const client = await connected(rig.port());
  client.write(GET);
  expect(await read(client)).toBe('HTTP/1.1 200');
});

test('a ClientHello where another process takes the port over', async () => {
  const rig = rigOf({ handsOver: true, reusePort: true });
  await rig.apply([certificate(pair), listener('HTTPS'), rule('HTTPRoute', HERE)]);
  const [first, second] = [await connected(rig.port()), await connected(rig.port())];
  const drained = rig.plane.drain(10_000);
  while (await isOpen(rig.port()));
  const client = tls.connect({ socket: first, servername: 'a.example', rejectUnauthorized: false });
  client.write(`${GET.slice(0, -2)}Connection: close\r\n\r\n`);
  await new Promise<void>((resolve) => process.nextTick(resolve));
  holdUp();
  expect((await text(client)).slice(0, 12)).toBe('HTTP/1.1 200');
  second.destroy();
  await drained;
});

test('a handshake that takes long where another process takes the port over', async () => {
  expect(HANDSHAKE_GRACE).toBeGreaterThan(4 * ARRIVAL_GRACE);
  const rig = rigOf({ handsOver: true, reusePort: true });
  await rig.apply([certificate(pair), listener('HTTPS'), rule('HTTPRoute', HERE)]);
  const far = new FarClient(rig.port(), ARRIVAL_GRACE);
  closers.push(() => far.close());
  const client = await far.connect();
  client.write(`${GET.slice(0, -2)}Connection: close\r\n\r\n`);
  await far.begun;
  const drained = rig.plane.drain(20_000);
  expect((await text(client)).slice(0, 12)).toBe('HTTP/1.1 200');
  await drained;
});

test('who has begun a handshake and says nothing more is not waited for to the end', async () => {
  const rig = rigOf({ handsOver: true, reusePort: true });
  await rig.apply([certificate(pair), listener('HTTPS'), rule('HTTPRoute', HERE)]);
  const client = await connected(rig.port());
  client.write(Buffer.from([22, 3, 1, 2, 0]));
  const began = performance.now();
  await rig.plane.drain(30_000);
  expect(performance.now() - began).toBeLessThan(HANDSHAKE_GRACE + 3_000);
});

/** What a client and the gateway say to each other takes `delay` milliseconds each way. */
class FarClient {
  readonly begun: Promise<unknown>;
  readonly #server: net.Server;

  constructor(port: number, delay: number) {
    const begun = Promise.withResolvers<void>();
    this.begun = begun.promise;
    this.#server = net.createServer((near) => {
      const far = net.connect({ port, host: '127.0.0.1' });
      for (const [from, to] of [
        [near, far],
        [far, near],
      ] as const) {
        from.on('error', () => to.destroy());
        from.on('close', () => setTimeout(() => to.destroy(), delay));
        from.on('data', (bytes) => {
          if (from === near) {
            to.write(bytes);
            begun.resolve();
          } else setTimeout(() => to.write(bytes), delay);
        });
      }
    });
  }

  async connect(): Promise<tls.TLSSocket> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    const { port } = this.#server.address() as AddressInfo;
    return tls.connect({ port, host: '127.0.0.1', servername: 'a.example', rejectUnauthorized: false });
  }

  close(): void {
    this.#server.close();
  }
}
