/** UDP while the manifests change: no query is lost that the edit does not take the way from. */
import dgram from 'node:dgram';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterAll, expect, test, vi } from 'vitest';
import { HTTP, httpRoute, manifests, service } from './manifest.ts';
import { type Rig, serveManifests } from './rig.ts';

const EDITS = 60;
/** Milliseconds after which a query is lost. */
const PATIENCE = 5_000;
/** Clients that keep their socket, so that their session lives over all edits. */
const STEADY = 8;
/** Clients that take a new socket for each query, and so a new session. */
const FRESH = 2;

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

/** Clients that ask one query after the other, some over one socket for all of them, some over a new one for each. */
class Asking {
  readonly lost: string[] = [];
  /** Queries that each client has had an end of. */
  readonly done = Array.from({ length: STEADY + FRESH }, () => 0);
  readonly #port: number;
  #over = false;

  constructor(port: number) {
    this.#port = port;
  }

  async run(): Promise<void> {
    await Promise.all(this.done.map((_, number) => this.#ask(number)));
  }

  async #ask(number: number): Promise<void> {
    let one = client(this.#port);
    for (let i = 0; !this.#over; i++) {
      const text = `${number} asks ${i}`;
      const answer = await one.ask(text);
      if (!answer?.startsWith(`${text} `)) this.lost.push(`${text}: ${answer}`);
      this.done[number]!++;
      if (number < STEADY) continue;
      one.close();
      one = client(this.#port);
    }
    one.close();
  }

  /** Resolves when each client has had an answer to what it asked after this. */
  async again(): Promise<void> {
    const least = this.done.map((count) => count + 2);
    await vi.waitFor(
      () => expect(this.done.every((count, number) => count >= least[number]!)).toBe(true),
      2 * PATIENCE,
    );
  }

  stop(): void {
    this.#over = true;
  }
}

test('no query is lost while routes, endpoints and listeners change', { timeout: 120_000 }, async () => {
  const ports = [await echo('one'), await echo('two'), await echo('three')] as const;
  const rig: Rig = await serveManifests(edition(0, ports), { ports: [53, 80, 5353, 5432] });
  cleanups.push(() => rig.close());
  const socket = rig.port(53);
  const asking = new Asking(socket);
  const asked = asking.run();
  for (let n = 1; n <= EDITS; n++) {
    await rig.write(edition(n, ports));
    expect(rig.port(53)).toBe(socket);
    await asking.again();
  }
  asking.stop();
  await asked;
  expect(asking.lost).toEqual([]);
  // A session of a client that is gone makes room for others once there are very many.
  const reasons = rig.accesses.filter(({ protocol }) => protocol === 'udp').map(({ reason }) => reason);
  expect([...new Set(reasons)].filter((reason) => reason !== '' && reason !== 'evicted')).toEqual([]);
});
