/** Ports: a socket is an address and a port, and what is spoken on it may change. */
import { once } from 'node:events';
import http from 'node:http';
import net, { type AddressInfo } from 'node:net';
import tls from 'node:tls';
import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import type { ConfigObject, Listener } from '../../config/index.ts';
import { selfSigned } from '../stream/certificate.suite.ts';
import { backend, certificate, listener, PlaneRig, proxyHeaderPolicy, rule } from './plane.suite.ts';

let pair: { key: Buffer; cert: Buffer };
beforeAll(async () => {
  pair = await selfSigned('a.example');
});

const closers: Array<() => unknown> = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

function rigOf(options?: ConstructorParameters<typeof PlaneRig>[0]): PlaneRig {
  const rig = new PlaneRig(options);
  closers.push(() => rig.close());
  return rig;
}

async function freePort(host = '127.0.0.1'): Promise<number> {
  const server = net.createServer().listen(0, host);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

async function echo(): Promise<number> {
  const server = http.createServer((_request, response) => response.end('hello')).listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(() => server.close());
  return (server.address() as AddressInfo).port;
}

/** The server has ended it, in whichever way. */
function overOf(socket: net.Socket): Promise<void> {
  return new Promise((resolve) => {
    socket
      .on('end', resolve)
      .on('close', resolve)
      .on('error', () => {})
      .resume();
  });
}

/** Connects one after the other until it is told to stop. */
class Connecting {
  readonly refused: string[] = [];
  count = 0;
  readonly #done: Promise<void>;
  #stopped = false;

  constructor(port: number) {
    this.#done = this.#run(port);
  }

  async #run(port: number): Promise<void> {
    while (!this.#stopped) {
      const socket = net.connect(port, '127.0.0.1');
      const [outcome] = await Promise.race([
        once(socket, 'connect'),
        once(socket, 'error').catch((error: NodeJS.ErrnoException) => [error]),
      ]).catch((error: NodeJS.ErrnoException) => [error]);
      if (outcome instanceof Error && (outcome as NodeJS.ErrnoException).code === 'ECONNREFUSED') {
        this.refused.push(outcome.message);
      }
      socket.on('error', () => {}).destroy();
      this.count++;
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#done;
  }
}

describe('a port whose protocol changes', () => {
  const form = (protocol: Listener['protocol']): Listener => listener(protocol);

  test('refuses no connection meanwhile, whatever it was and becomes', async () => {
    const rig = rigOf({ portMap: new Map([[80, await freePort()]]) });
    const objects = [certificate(pair), ...backend(await echo())];
    await rig.apply([form('HTTP'), ...objects, rule('HTTPRoute'), rule('TCPRoute')]);
    const connecting = new Connecting(rig.port());
    for (const protocol of ['HTTPS', 'TCP', 'HTTP', 'HTTPS', 'HTTP', 'TCP', 'HTTPS'] as const) {
      const before = connecting.count;
      const ack = await rig.apply([form(protocol)]);
      expect(ack.listeners).toMatchObject([{ state: 'serving' }]);
      expect(ack.listeners[0]!.bound).toHaveLength(1);
      await vi.waitUntil(() => connecting.count > before + 20, { interval: 1 });
    }
    await connecting.stop();
    expect(connecting.refused).toEqual([]);
    const socket = tls.connect({ port: rig.port(), host: '127.0.0.1', rejectUnauthorized: false });
    await once(socket, 'secureConnect');
    socket.destroy();
  });

  test('lets what is under way finish in the protocol that it began in', async () => {
    const held = Promise.withResolvers<http.ServerResponse>();
    const server = http.createServer((_request, response) => held.resolve(response)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    closers.push(() => server.close());
    const rig = rigOf();
    const objects = [certificate(pair), ...backend((server.address() as AddressInfo).port), rule('HTTPRoute')];
    await rig.apply([form('HTTP'), ...objects]);
    const answer = fetch(`http://127.0.0.1:${rig.port()}/`);
    const response = await held.promise;
    await rig.apply([form('HTTPS')]);
    response.end('in the clear');
    expect(await (await answer).text()).toBe('in the clear');
  });

  test('opens and closes beside it where the transport changes', async () => {
    const rig = rigOf();
    await rig.apply([form('TCP')]);
    const before = rig.port();
    const ack = await rig.apply([form('UDP')]);
    expect(ack.listeners).toMatchObject([{ state: 'serving' }]);
    await expect(once(net.connect(before, '127.0.0.1'), 'connect')).rejects.toThrow('ECONNREFUSED');
    expect((await rig.apply([form('UDP')])).listeners).toMatchObject([{ state: 'serving' }]);
  });
});

/** Milliseconds. */
const WELL_BEFORE_HANDSHAKE_TIMEOUT = 5_000;

describe('a handshake under way when its listener goes', () => {
  const headers = [
    ['in TLS', listener('HTTPS'), []],
    ['before a PROXY header', listener('HTTP'), [proxyHeaderPolicy(['127.0.0.1/32'])]],
    [
      'before its ClientHello is read',
      listener('TLS', { hostname: 'a.example', tls: { mode: 'Terminate', certificates: ['d/c'] } }),
      [],
    ],
  ] as const;

  test.each(headers)(
    '%s, becomes no connection that is served',
    async (_, own, policies) => {
      const rig = rigOf();
      await rig.apply([own, certificate(pair), ...policies, ...backend(await echo()), rule('HTTPRoute')]);
      const socket = net.connect({ port: rig.port(), host: '127.0.0.1', allowHalfOpen: true });
      closers.push(() => socket.destroy());
      await once(socket, 'connect');
      // The connection is known to the port once the next one is.
      const next = net.connect(rig.port(), '127.0.0.1').on('error', () => {});
      closers.push(() => next.destroy());
      await once(next, 'connect');
      const over = overOf(socket);
      await rig.apply([], [{ kind: 'Listener', key: own.key }]);
      await over;
    },
    WELL_BEFORE_HANDSHAKE_TIMEOUT,
  );

  test(
    'nor does one whose port speaks another protocol now',
    async () => {
      const rig = rigOf();
      await rig.apply([listener('HTTPS'), certificate(pair), ...backend(await echo()), rule('HTTPRoute')]);
      const socket = net.connect({ port: rig.port(), host: '127.0.0.1' });
      closers.push(() => socket.destroy());
      await once(socket, 'connect');
      const over = overOf(socket);
      await rig.apply([listener('HTTP')]);
      await over;
    },
    WELL_BEFORE_HANDSHAKE_TIMEOUT,
  );
});

describe('listeners that want one port', () => {
  test('of two protocols: the first serves, and the other hears who does', async () => {
    const rig = rigOf({ portMap: new Map([80, 443].map((port) => [port, 0])) });
    const port = await freePort();
    const shared = rigOf({ portMap: new Map([80, 443].map((written) => [written, port])) });
    const web = listener('HTTP', { name: 'web' });
    const safe = listener('HTTPS', { name: 'safe', port: 443 });
    const ack = await shared.apply([web, safe, certificate(pair)]);
    expect(ack.listeners).toMatchObject([
      { key: 'd/g/web', state: 'serving', bound: [`127.0.0.1:${port}`] },
      { key: 'd/g/safe', state: 'failed', bound: [], code: 'DMN_PORT_CONFLICT' },
    ]);
    expect(ack.listeners[1]!.message).toBe(
      `127.0.0.1:${port} serves listener d/g/web with HTTP, and cannot serve HTTPS beside it; ` +
        'give one of the two another port, or map 443 elsewhere with --port-map.',
    );
    // Who serves stays until it goes, whatever the order of the config.
    await shared.apply([], [{ kind: 'Listener', key: web.key }]);
    expect(shared.ack!.listeners).toMatchObject([{ key: 'd/g/safe', state: 'serving' }]);
    await shared.apply([web]);
    expect(shared.state('web')).toMatchObject({ state: 'failed', code: 'DMN_PORT_CONFLICT' });
    expect((await rig.apply([web, safe, certificate(pair)])).listeners.map(({ state }) => state)).toEqual([
      'serving',
      'serving',
    ]);
  });

  test('of TCP, which has nothing to tell them apart by: one serves', async () => {
    const port = await freePort();
    const rig = rigOf({ portMap: new Map([81, 82].map((written) => [written, port])) });
    const ack = await rig.apply([listener('TCP', { name: 'a', port: 81 }), listener('TCP', { name: 'b', port: 82 })]);
    expect(ack.listeners.map(({ state }) => state)).toEqual(['serving', 'failed']);
    expect(rig.state('b')).toMatchObject({ code: 'DMN_PORT_CONFLICT' });
  });

  test('on an address that covers another: the message says that it is ourselves', async () => {
    const port = await freePort('0.0.0.0');
    const rig = rigOf({ portMap: new Map([[80, port]]) });
    const wide = listener('HTTP', { name: 'wide', addresses: ['0.0.0.0'] });
    const ack = await rig.apply([wide, listener('HTTP', { name: 'narrow', addresses: ['127.0.0.1'] })]);
    expect(ack.listeners.map(({ state }) => state)).toEqual(['serving', 'failed']);
    expect(rig.state('narrow')).toMatchObject({ code: 'DMN_PORT_CONFLICT' });
    expect(rig.state('narrow')!.message).toContain(`listener d/g/wide has 0.0.0.0:${port}`);
  });

  test('a port that another process has is told as such', async () => {
    const server = net.createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    closers.push(() => server.close());
    const rig = rigOf({ portMap: new Map([[80, (server.address() as AddressInfo).port]]) });
    expect((await rig.apply([listener('HTTP')])).listeners).toMatchObject([{ code: 'DMN_PORT_IN_USE' }]);
  });
});

test('both wildcards can be bound, each for its family', async () => {
  const port = await freePort('::');
  const rig = rigOf({ bind: ['::', '0.0.0.0'], portMap: new Map([[80, port]]) });
  await rig.apply([listener('HTTP'), ...backend(await echo()), rule('HTTPRoute')]);
  expect(rig.state()).toMatchObject({ state: 'serving', bound: [`[::]:${port}`, `0.0.0.0:${port}`] });
  for (const host of ['127.0.0.1', '[::1]']) expect(await (await fetch(`http://${host}:${port}`)).text()).toBe('hello');
});

describe('connections above the limit', () => {
  const refusedIn = (rig: PlaneRig): number =>
    rig.plane.metrics().find(({ name }) => name === 'daemun_connections_refused_total')!.series[0]!.value!;
  const connected = async (port: number): Promise<net.Socket> => {
    const socket = net.connect(port, '127.0.0.1').on('error', () => {});
    closers.push(() => socket.destroy());
    await once(socket, 'connect');
    return socket;
  };
  const answered = async (socket: net.Socket): Promise<string> => {
    socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    const [bytes] = (await once(socket, 'data')) as [Buffer];
    return bytes.toString();
  };

  test('of one port are answered 503 where it is HTTP, and other ports go on', async () => {
    const rig = rigOf({
      limits: { maxListenerConnections: 2 },
      portMap: new Map([80, 81].map((port) => [port, 0])),
    });
    const listeners = [listener('HTTP'), listener('HTTP', { name: 'other', port: 81 })];
    const attachments = listeners.map(({ key }) => ({ listener: key, hostnames: ['*'] }));
    await rig.apply([...listeners, ...backend(await echo()), rule('HTTPRoute', { attachments })]);
    const held = [await connected(rig.port()), await connected(rig.port())];
    for (const socket of held) expect(await answered(socket)).toContain('200 OK');
    const third = await connected(rig.port());
    expect(await answered(third)).toMatch(/^HTTP\/1\.1 503 [\s\S]*Connection: close[\s\S]*too many connections/);
    expect(refusedIn(rig)).toBe(1);
    expect(await answered(await connected(rig.port('other')))).toContain('200 OK');
    held[0]!.destroy();
    await vi.waitFor(async () => expect(await answered(await connected(rig.port()))).toContain('200 OK'));
  });

  test('in all are refused on every port, in TLS and TCP with a reset', async () => {
    const rig = rigOf({ limits: { maxConnections: 1 }, portMap: new Map([80, 81, 82].map((port) => [port, 0])) });
    const others = [listener('HTTPS', { name: 'tls', port: 81 }), listener('TCP', { name: 'tcp', port: 82 })];
    await rig.apply([listener('HTTP'), ...others, certificate(pair), ...backend(await echo()), rule('HTTPRoute')]);
    expect(await answered(await connected(rig.port()))).toContain('200 OK');
    for (const name of ['tls', 'tcp']) {
      const socket = net.connect(rig.port(name), '127.0.0.1');
      await expect(once(socket, 'end')).rejects.toThrow('ECONNRESET');
    }
    expect(refusedIn(rig)).toBe(2);
  });
});

test('a socket of the gateway is never a backend, and one of another transport with its number may be', async () => {
  const rig = rigOf({ portMap: new Map([80, 53].map((port) => [port, 0])) });
  await rig.apply([listener('HTTP'), listener('UDP', { name: 'u', port: 53 })]);
  const [tcp, udp] = [rig.port(), rig.port('u')];
  const ofUdp = (objects: ConfigObject[]): ConfigObject[] =>
    objects.map((object) => (object.kind === 'Backend' ? { ...object, protocol: 'udp' } : object));
  const { refusedEndpoints = [] } = await rig.apply([
    ...backend(tcp, 'tcp-to-tcp'),
    ...backend(udp, 'tcp-to-udp'),
    ...ofUdp(backend(tcp, 'udp-to-tcp')),
    ...ofUdp(backend(udp, 'udp-to-udp')),
  ]);
  expect(refusedEndpoints.map(({ key }) => key).sort()).toEqual(['d/tcp-to-tcp:80', 'd/udp-to-udp:80']);
});
