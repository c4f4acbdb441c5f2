/** What `--echo-backends` answers for Services of every protocol that have no endpoints. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import net from 'node:net';
import { Metadata } from '@grpc/grpc-js';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Rig, serveManifests } from '../served/rig.ts';
import { gateway, route, service } from './manifest.ts';
import { rawClient } from './raw-service.ts';

let rig: Rig;

beforeAll(async () => {
  const manifests = [
    gateway([
      { name: 'http', port: 80, protocol: 'HTTP' },
      { name: 'tcp', port: 7, protocol: 'TCP' },
      { name: 'udp', port: 8, protocol: 'UDP' },
    ]),
    route('GRPCRoute', 'calls', { on: 'http', rules: [{ backendRefs: [{ name: 'calls', port: 50 }] }] }),
    route('TCPRoute', 'bytes', { on: 'tcp', rules: [{ backendRefs: [{ name: 'bytes', port: 7 }] }] }),
    route('UDPRoute', 'datagrams', { on: 'udp', rules: [{ backendRefs: [{ name: 'datagrams', port: 7 }] }] }),
    service('calls', 50),
    service('bytes', 7),
    service('datagrams', 7, { protocol: 'UDP' }),
  ];
  rig = await serveManifests(manifests.join(''), { ports: [80, 7, 8], echo: true });
});

afterAll(() => rig.close());

test('a unary call: the message as it came, the status 0, and who answered', async () => {
  const client = rawClient(`127.0.0.1:${rig.port()}`, { service: 'any.Service' });
  const headers = new Promise<Metadata>((resolve, reject) => {
    const call = client.Unary(Buffer.from('echo this'), new Metadata(), {}, (error, message) => {
      if (error !== null) reject(error);
      else expect(message?.toString()).toBe('echo this');
    });
    call.on('metadata', resolve);
  });
  expect((await headers).get('x-echo-service')).toEqual(['default/calls']);
  client.close();
});

test('bytes of TCP, to the end', async () => {
  const socket = net.connect({ port: rig.port(7), host: '127.0.0.1', allowHalfOpen: true });
  socket.end('some bytes');
  expect(Buffer.concat(await socket.toArray()).toString()).toBe('some bytes');
});

test('datagrams of UDP', async () => {
  const socket = createSocket('udp4');
  socket.send('a datagram', rig.port(8), '127.0.0.1');
  const [message] = (await once(socket, 'message')) as [Buffer];
  expect(message.toString()).toBe('a datagram');
  socket.close();
});
