/** Ports over several changes: what stays on them, what comes back to one, and who is to blame where one is taken. */
import dgram from 'node:dgram';
import { once } from 'node:events';
import http from 'node:http';
import net, { type AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import type { ConfigObject } from '../../config/index.ts';
import { backend, listener, PlaneRig, rule } from './plane.suite.ts';

const closers: Array<() => unknown> = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

function rigOf(options?: ConstructorParameters<typeof PlaneRig>[0]): PlaneRig {
  const rig = new PlaneRig(options);
  closers.push(() => rig.close());
  return rig;
}

async function tcpServer(onConnection: (socket: net.Socket) => void, host = '127.0.0.1'): Promise<number> {
  const server = net.createServer((socket) => onConnection(socket.on('error', () => {}))).listen(0, host);
  await once(server, 'listening');
  closers.push(() => server.close());
  return (server.address() as AddressInfo).port;
}

async function udpSocket(port = 0): Promise<dgram.Socket> {
  const socket = dgram.createSocket('udp4').bind(port, '127.0.0.1');
  await once(socket, 'listening');
  closers.push(() => socket.close());
  return socket;
}

async function freeUdpPort(): Promise<number> {
  const socket = dgram.createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  socket.close();
  await once(socket, 'close');
  return port;
}

function greeted(port: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1').on('error', () => {});
    closers.push(() => socket.destroy());
    socket.once('data', (bytes) => resolve(bytes.toString())).once('close', () => resolve('closed'));
  });
}

const refOf = ({ kind, key }: ConfigObject) => ({ kind, key });

test('a stream route stays while others come and go, and goes by itself', async () => {
  const rig = rigOf({ portMap: new Map([80, 90].map((port) => [port, 0])) });
  const port = await tcpServer((socket) => socket.end('hello'));
  const tcp = listener('TCP', { name: 'tcp', port: 90 });
  const stream = rule('TCPRoute', { attachments: [{ listener: tcp.key, hostnames: ['*'] }] });
  await rig.apply([tcp, listener('HTTP'), stream, ...backend(port)]);
  const web = rule('HTTPRoute');
  for (const step of [() => rig.apply([web]), () => rig.apply([listener('HTTP', { hostname: 'a' })])]) {
    await step();
    expect(await greeted(rig.port('tcp'))).toBe('hello');
  }
  await rig.apply([], [refOf(web)]);
  expect(await greeted(rig.port('tcp'))).toBe('hello');
  await rig.apply([], [refOf(stream)]);
  expect(await greeted(rig.port('tcp'))).toBe('closed');
});

/** A UDP listener with an echo behind it, and a client whose session is under way. */
async function udpRig(): Promise<{ rig: PlaneRig; own: ConfigObject; ask(word: string): Promise<string> }> {
  const echo = await udpSocket();
  echo.on('message', (bytes, { port }) => echo.send(bytes, port, '127.0.0.1'));
  const ports = [await freeUdpPort(), await freeUdpPort()];
  const rig = rigOf({ portMap: new Map([53, 54].map((port, i) => [port, ports[i]!])) });
  const own = listener('UDP', { port: 53 });
  const [service, endpoints] = backend(echo.address().port) as [ConfigObject, ConfigObject];
  await rig.apply([own, { ...service, protocol: 'udp' } as ConfigObject, endpoints, rule('UDPRoute')]);
  const client = await udpSocket();
  const ask = async (word: string): Promise<string> => {
    client.send(word, ports[0]!, '127.0.0.1');
    const [answer] = (await once(client, 'message')) as [Buffer];
    return answer.toString();
  };
  expect(await ask('first')).toBe('first');
  return { rig, own, ask };
}

test('a port of datagrams that comes back while its sessions finish has its socket', async () => {
  const { rig, own, ask } = await udpRig();
  await rig.apply([], [refOf(own)]);
  const ack = await rig.apply([own]);
  expect(ack.listeners).toMatchObject([{ state: 'serving' }]);
  expect(await ask('again')).toBe('again');
});

test('sessions that finish on one port of datagrams are left alone where another opens', async () => {
  const { rig, own, ask } = await udpRig();
  await rig.apply([], [refOf(own)]);
  const ack = await rig.apply([listener('UDP', { name: 'other', port: 54 })]);
  expect(ack.listeners).toMatchObject([{ state: 'serving' }]);
  expect(await ask('still')).toBe('still');
});

test('a port of HTTP that comes back lets finish what was under way on it', async () => {
  const held = Promise.withResolvers<http.ServerResponse>();
  const server = http.createServer((_request, response) => held.resolve(response)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(() => server.close());
  const port = await tcpServer(() => {});
  const rig = rigOf({ portMap: new Map([[80, 0]]) });
  const own = listener('HTTP');
  await rig.apply([own, ...backend((server.address() as AddressInfo).port), rule('HTTPRoute'), ...backend(port, 'c')]);
  const answer = fetch(`http://127.0.0.1:${rig.port()}/`);
  const response = await held.promise;
  await rig.apply([], [refOf(own)]);
  expect((await rig.apply([own])).listeners).toMatchObject([{ state: 'serving' }]);
  response.end('in time');
  expect(await (await answer).text()).toBe('in time');
});

/** Below those that the kernel gives to whoever asks for any, and apart from other processes of these tests. */
let nextAsked = 15_000 + (process.pid % 1_000) * 17;

/** A UDP socket's, of which nothing of this machine has the TCP port of the same number, nor is given it. */
async function udpPortAlone(): Promise<number> {
  for (;;) {
    const port = nextAsked++;
    const server = net.createServer().listen(port, '127.0.0.1');
    const free = await Promise.race([
      once(server, 'listening').then(() => true),
      once(server, 'error').then(() => false),
    ]);
    if (!free) continue;
    server.close();
    await once(server, 'close');
    await udpSocket(port);
    return port;
  }
}

test('a port that a stranger has is not blamed on other ports of ours, nor on one of another transport', async () => {
  const taken = await tcpServer(() => {});
  const udp = await udpPortAlone();
  const rig = rigOf({
    portMap: new Map([
      [80, 0],
      [81, taken],
      [82, udp],
      [53, udp],
    ]),
  });
  const ack = await rig.apply([
    listener('HTTP'),
    listener('HTTP', { name: 'taken', port: 81 }),
    listener('HTTP', { name: 'number', port: 82 }),
    listener('UDP', { name: 'udp', port: 53 }),
  ]);
  expect(ack.listeners.map(({ state, code }) => code ?? state)).toEqual([
    'serving',
    'DMN_PORT_IN_USE',
    'serving',
    'DMN_PORT_IN_USE',
  ]);
});

test('a listener that has one of its addresses and not the other has failed, and says where it is bound', async () => {
  const taken = await tcpServer(() => {});
  const rig = rigOf({ bind: ['127.0.0.1', '127.0.0.2'], portMap: new Map([[80, taken]]) });
  expect((await rig.apply([listener('HTTP')])).listeners).toMatchObject([
    { state: 'failed', code: 'DMN_PORT_IN_USE', bound: [`127.0.0.2:${taken}`] },
  ]);
});

test('a connection lives through changes of its port', async () => {
  const port = await tcpServer((socket) => {
    socket.on('data', () => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'));
  });
  const rig = rigOf();
  await rig.apply([listener('HTTP'), ...backend(port), rule('HTTPRoute')]);
  const socket = net.connect(rig.port(), '127.0.0.1');
  closers.push(() => socket.destroy());
  for (let round = 0; round < 3; round++) {
    socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    const [answer] = (await once(socket, 'data')) as [Buffer];
    expect(answer.toString()).toMatch(/^HTTP\/1\.1 200 OK(?![\s\S]*connection: close)/i);
    await rig.apply([
      listener('HTTP', { hostname: round === 0 ? '*.a' : '' }),
      rule('HTTPRoute', { created: `${round}` }),
    ]);
    await rig.apply([listener('HTTP')]);
  }
});

test('who has a port is called by what is served there now', async () => {
  const probe = net.createServer().listen(0, '0.0.0.0');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  const rig = rigOf({ portMap: new Map([[80, port]]) });
  const [before, after] = ['before', 'after'].map((name) => listener('HTTP', { name, addresses: ['0.0.0.0'] }));
  await rig.apply([before!]);
  await rig.apply([after!], [refOf(before!)]);
  await rig.apply([listener('HTTP', { name: 'narrow', addresses: ['127.0.0.1'] })]);
  expect(rig.state('narrow')!.message).toContain('listener d/g/after has');
});
