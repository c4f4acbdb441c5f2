/** dig through a UDPRoute to a name server. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Rig, serveManifests } from '../served/rig.ts';
import { gateway, route, service } from './manifest.ts';
import { type NameServer, startNameServer } from './nameserver.ts';
import { findTool, run, succeed } from './tool.ts';

const dig = findTool('dig', 'bind9-dnsutils');
let names: NameServer;
let rig: Rig;

beforeAll(async () => {
  names = await startNameServer(60);
  names.records.set('www.example.test', ['192.0.2.1', '192.0.2.2']);
  const manifests = [
    gateway([
      { name: 'dns', port: 53, protocol: 'UDP' },
      { name: 'echo', port: 54, protocol: 'UDP' },
    ]),
    route('UDPRoute', 'dns', { on: 'dns', rules: [{ backendRefs: [{ name: 'dns', port: 53 }] }] }),
    route('UDPRoute', 'echo', { on: 'echo', rules: [{ backendRefs: [{ name: 'echo', port: 54 }] }] }),
    service('dns', 53, { protocol: 'UDP' }),
    service('echo', 54, { protocol: 'UDP' }),
  ];
  const endpoints = [`default/dns:53=127.0.0.1:${names.port}`];
  rig = await serveManifests(manifests.join(''), { ports: [53, 54], endpoints, echo: true });
});

afterAll(async () => {
  await rig.close();
  await names.close();
});

describe.runIf(dig)('dig', () => {
  const server = (): string[] => ['@127.0.0.1', '-p', String(rig.port(53)), '+tries=1', '+time=5', '+noedns'];

  test('gets the addresses of a name', async () => {
    const { stdout } = await succeed(dig!, [...server(), '+short', 'www.example.test', 'A']);
    expect(stdout.trim().split('\n').sort()).toEqual(['192.0.2.1', '192.0.2.2']);
  });

  test('learns that a name does not exist', async () => {
    const { stdout } = await run(dig!, [...server(), 'nowhere.example.test', 'A']);
    expect(stdout).toContain('status: NXDOMAIN');
  });

  test('asks many at a time, each from a socket of its own', async () => {
    const asked = Array.from({ length: 20 }, () => succeed(dig!, [...server(), '+short', 'www.example.test', 'A']));
    for (const { stdout } of await Promise.all(asked)) expect(stdout).toContain('192.0.2.1');
  });
});

test('datagrams of nearly 64 KiB come back whole from an echo backend', async () => {
  const socket = createSocket('udp4');
  for (const size of [0, 1, 1500, 60_000]) {
    socket.send(Buffer.alloc(size, 7), rig.port(54), '127.0.0.1');
    const [message, from] = (await once(socket, 'message')) as [Buffer, { port: number }];
    expect(message).toEqual(Buffer.alloc(size, 7));
    expect(from.port).toBe(rig.port(54));
  }
  socket.close();
});
