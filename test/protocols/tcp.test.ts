/** TCPRoutes: how connections end, how much goes through, and Services whose endpoints are elsewhere. */
import dns from 'node:dns/promises';
import { once } from 'node:events';
import net, { type AddressInfo, type Server, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Rig, serveManifests } from '../served/rig.ts';
import { documents, gateway, route, service } from './manifest.ts';
import { type NameServer, startNameServer } from './nameserver.ts';

const BIG = 32 * 1024 * 1024;
const nameServers = dns.getServers();
const open: Server[] = [];
let names: NameServer;
let rig: Rig;

async function listen(onSocket: (socket: Socket) => void, address = '127.0.0.1', port = 0): Promise<number> {
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => {});
    onSocket(socket);
  });
  server.listen(port, address);
  await once(server, 'listening');
  open.push(server);
  return (server.address() as AddressInfo).port;
}

/** Says its name to whoever comes. */
const greeter =
  (name: string) =>
  (socket: Socket): void => {
    socket.end(name);
  };

beforeAll(async () => {
  const echo = await listen((socket) => socket.pipe(socket));
  // Says how much it got, once the client has said all.
  const counter = await listen((socket) => {
    let bytes = 0;
    socket.on('data', (chunk: Buffer) => (bytes += chunk.length));
    socket.on('end', () => socket.end(`${bytes} bytes`));
  });
  const remote = await listen(greeter('remote'), '127.0.0.5');
  const moving = await listen(greeter('first'), '127.0.0.2');
  await listen(greeter('second'), '127.0.0.3', moving);
  const heavy = await listen(greeter('heavy'));
  const light = await listen(greeter('light'));
  names = await startNameServer();
  names.records.set('db.example.test', ['127.0.0.2']);
  dns.setServers([`127.0.0.1:${names.port}`]);
  const ports = { echo: 1, counter: 2, remote: 3, moving: 4, split: 5, nobody: 6 };
  const single = ['echo', 'counter', 'remote', 'moving', 'nobody'].map((name) =>
    route('TCPRoute', name, { on: name, rules: [{ backendRefs: [{ name, port: name === 'moving' ? moving : 7 }] }] }),
  );
  const split = [
    { name: 'heavy', port: 7, weight: 3 },
    { name: 'light', port: 7, weight: 1 },
  ];
  const manifests = [
    gateway(Object.entries(ports).map(([name, port]) => ({ name, port, protocol: 'TCP' }))),
    ...single,
    route('TCPRoute', 'split', { on: 'split', rules: [{ backendRefs: split }] }),
    ...['echo', 'counter', 'heavy', 'light', 'nobody'].map((name) => service(name, 7)),
    documents(
      { apiVersion: 'v1', kind: 'Service', metadata: { name: 'remote' }, spec: { ports: [{ name: 'tcp', port: 7 }] } },
      {
        apiVersion: 'discovery.k8s.io/v1',
        kind: 'EndpointSlice',
        metadata: { name: 'remote-other-network', labels: { 'kubernetes.io/service-name': 'remote' } },
        addressType: 'IPv4',
        endpoints: [{ addresses: ['127.0.0.5'], conditions: { ready: true } }],
        ports: [{ name: 'tcp', port: remote, protocol: 'TCP' }],
      },
      {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: 'moving' },
        spec: { type: 'ExternalName', externalName: 'db.example.test', ports: [{ port: moving }] },
      },
    ),
  ];
  rig = await serveManifests(manifests.join(''), {
    ports: Object.values(ports),
    loopbackNames: 'allowed',
    endpoints: Object.entries({ echo, counter, heavy, light }).map(([name, to]) => `default/${name}:7=127.0.0.1:${to}`),
  });
});

afterAll(async () => {
  dns.setServers(nameServers);
  await rig.close();
  for (const server of open) server.close();
  await names.close();
});

/** All that comes until the other side has ended. */
async function allOf(socket: Socket): Promise<string> {
  return Buffer.concat(await socket.toArray()).toString();
}

test('what the client sends after the backend was told its end still is answered (half-close)', async () => {
  const socket = net.connect({ port: rig.port(2), host: '127.0.0.1', allowHalfOpen: true });
  socket.write('some ');
  socket.end('bytes');
  expect(await allOf(socket)).toBe('10 bytes');
});

test('megabytes go both ways at once, to a client that reads slowly', async () => {
  const socket = net.connect({ port: rig.port(1), host: '127.0.0.1', allowHalfOpen: true });
  const piece = Buffer.alloc(64 * 1024, 'x');
  let sent = 0;
  const send = (): void => {
    while (sent < BIG) {
      sent += piece.length;
      if (!socket.write(piece)) return;
    }
    socket.end();
  };
  socket.on('drain', send);
  send();
  let received = 0;
  for await (const chunk of socket) {
    received += (chunk as Buffer).length;
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
  expect(received).toBe(BIG);
});

test('a Service without selector goes where its EndpointSlice says', async () => {
  expect(await allOf(net.connect(rig.port(3), '127.0.0.1'))).toBe('remote');
});

test('weights count by connection', async () => {
  const answers = await Promise.all(Array.from({ length: 16 }, () => allOf(net.connect(rig.port(5), '127.0.0.1'))));
  expect(answers.filter((answer) => answer === 'light')).toHaveLength(4);
});

test('without an endpoint the connection is closed at once', async () => {
  const socket = net.connect(rig.port(6), '127.0.0.1');
  socket.on('error', () => {});
  await new Promise((resolve) => socket.once('close', resolve));
  expect(rig.accesses.at(-1)?.reason).not.toBe('');
});

test('an ExternalName is looked up again when its records end', async () => {
  const ask = async (): Promise<string> => allOf(net.connect(rig.port(4), '127.0.0.1')).catch(String);
  await expect.poll(ask).toBe('first');
  names.records.set('db.example.test', ['127.0.0.3']);
  await expect.poll(ask, { timeout: 12_000 }).toBe('second');
});
