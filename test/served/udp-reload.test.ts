/** UDP while the manifests change: no query is lost that the edit does not take the way from. */
import dgram from 'node:dgram';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterAll, expect, test } from 'vitest';
import { HTTP, httpRoute, manifests, service } from './manifest.ts';
import { type Rig, serveManifests } from './rig.ts';

const EDITS = 60;
/** Milliseconds between edits. */
const PACE = 50;
/** Milliseconds after which a query is lost. */
const PATIENCE = 5_000;
/** Clients that keep their socket, so that their session lives over all edits. */
const STEADY = 8;

const cleanups: Array<() => unknown> = [];
afterAll(async () => {
  for (const cleanup of cleanups.reverse()) await cleanup();
});

async function echo(name: string): Promise<number> {
  const socket = dgram.createSocket('udp4');
  socket.on('message', (bytes, { port, address }) => socket.send(`${bytes} ${name}`, port, address));
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  cleanups.push(() => socket.close());
  return (socket.address() as AddressInfo).port;
}

interface Client {
  ask(text: string): Promise<string | undefined>;
  close(): void;
}

/** One query at a time, so that no buffer of the kernel's runs over. */
function client(port: number): Client {
  const socket = dgram.createSocket('udp4');
  return {
    ask: (text) =>
      new Promise((resolve) => {
        const lost = setTimeout(() => resolve(undefined), PATIENCE);
        socket.once('message', (bytes) => {
          clearTimeout(lost);
          resolve(bytes.toString());
        });
        socket.send(text, port, '127.0.0.1');
      }),
    close: () => socket.close(),
  };
}

const udpRoute = (name: string, backend: string, sectionName: string): object => ({
  apiVersion: 'gateway.networking.k8s.io/v1',
  kind: 'UDPRoute',
  metadata: { name },
  spec: { parentRefs: [{ name: 'gw', sectionName }], rules: [{ backendRefs: [{ name: backend, port: 80 }] }] },
});

const slice = (name: string, of: string, port: number): object => ({
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: { name, labels: { 'kubernetes.io/service-name': of } },
  addressType: 'IPv4',
  ports: [{ port, protocol: 'UDP' }],
  endpoints: [{ addresses: ['127.0.0.1'] }],
});

const udpService = (name: string): object => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name },
  spec: { ports: [{ port: 80, protocol: 'UDP' }] },
});

/** What changes from one edit to the next: everything but the socket that is asked. */
function edition(n: number, ports: readonly [number, number, number]): string {
  const dns = { name: n % 4 < 2 ? 'dns' : 'dns-renamed', port: 53, protocol: 'UDP' };
  const others = [
    ...(n % 2 === 0 ? [{ name: 'other', port: 5353, protocol: 'UDP' }] : []),
    ...(n % 3 === 0 ? [HTTP] : []),
    ...(n % 5 === 0 ? [{ name: 'tcp', port: 5432, protocol: 'TCP' }] : []),
  ];
  return manifests(
    n % 7 < 3 ? [dns, ...others] : [...others, dns],
    udpRoute(n % 9 < 4 ? 'r' : 'r-renamed', n % 6 < 3 ? 'a' : 'b', dns.name),
    ...(n % 2 === 0 ? [udpRoute('other', 'b', 'other')] : []),
    httpRoute(`h${n}`, [{ backendRefs: [{ name: 'web', port: 80 }] }]),
    service('web'),
    udpService('a'),
    udpService('b'),
    slice('a', 'a', ports[0]),
    ...(n % 4 === 1 ? [slice('a2', 'a', ports[1])] : []),
    slice('b', 'b', n % 8 < 4 ? ports[1] : ports[2]),
  );
}

async function queries(port: () => number, until: () => boolean): Promise<{ asked: number; lost: string[] }> {
  const lost: string[] = [];
  let asked = 0;
  const steady = async (name: string): Promise<void> => {
    const one = client(port());
    for (let i = 0; !until(); i++) {
      asked++;
      const text = `${name} ${i}`;
      const answer = await one.ask(text);
      if (!answer?.startsWith(`${text} `)) lost.push(`${text}: ${answer}`);
    }
    one.close();
  };
  const fresh = async (): Promise<void> => {
    for (let i = 0; !until(); i++) {
      const one = client(port());
      asked++;
      const answer = await one.ask(`fresh ${i}`);
      if (!answer?.startsWith(`fresh ${i} `)) lost.push(`fresh ${i}: ${answer}`);
      one.close();
    }
  };
  await Promise.all([...Array.from({ length: STEADY }, (_, i) => steady(`steady-${i}`)), fresh(), fresh()]);
  return { asked, lost };
}

test('no query is lost while routes, endpoints and listeners change', { timeout: 120_000 }, async () => {
  const ports = [await echo('one'), await echo('two'), await echo('three')] as const;
  const rig: Rig = await serveManifests(edition(0, ports), { ports: [53, 80, 5353, 5432] });
  cleanups.push(() => rig.close());
  const socket = rig.port(53);
  let over = false;
  const asking = queries(
    () => socket,
    () => over,
  );
  for (let n = 1; n <= EDITS; n++) {
    const next = new Promise((resolve) => setTimeout(resolve, PACE));
    await rig.write(edition(n, ports));
    expect(rig.port(53)).toBe(socket);
    await next;
  }
  over = true;
  const { asked, lost } = await asking;
  expect(lost).toEqual([]);
  expect(asked).toBeGreaterThan(EDITS);
  const records = rig.accesses.filter(({ protocol, reason }) => protocol === 'udp' && reason !== '');
  expect(records).toEqual([]);
});
