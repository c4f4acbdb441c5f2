/** What the tests of this folder share: real sockets on loopback, links over them, and endpoint lists. */
import { once } from 'node:events';
import net, { type AddressInfo, type Socket } from 'node:net';
import type { Readable } from 'node:stream';
import type { Endpoint, RouteRule } from '../../config/index.ts';
import { type AccessEntry, Metrics } from '../../observe/index.ts';
import { DeadlineWheel, WHEEL_TICK } from '../ground/deadline.ts';
import { DrainSet } from '../ground/drain.ts';
import { NetDriver } from '../listen/net-driver.ts';
import { adoptSocket, linkOf, type NetLink } from '../listen/net-link.ts';
import { type ListeningSocket, openSocket } from '../listen/socket.ts';
import type { EndpointPicker, StreamEndpoint } from './endpoint-picker.ts';
import { type StreamLimits, streamLimits } from './stream-limits.ts';
import { StreamMeter } from './stream-meter.ts';
import type { StreamBackend, StreamPlan } from './stream-plan.ts';
import { createTcpRelay } from './tcp-relay.ts';

/** A listening socket of the data plane whose accepted connections are given as links. */
export async function listenLinks(onLink: (link: NetLink) => void): Promise<{ port: number; server: ListeningSocket }> {
  const server = await openSocket({ address: '127.0.0.1', port: 0, reusePort: false }, (handle) => {
    onLink(linkOf(adoptSocket(handle)));
  });
  return { port: Number(server.bound.split(':')[1]), server };
}

export async function listening(server: net.Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

/** Everything a socket receives until its end. The writing side stays open, which `stream/consumers` would close. */
export async function received(socket: Readable): Promise<string> {
  const parts: Buffer[] = [];
  socket.on('data', (part: Buffer) => parts.push(part)).resume();
  await once(socket, 'end');
  return Buffer.concat(parts).toString();
}

/** Resolves when a connection is gone: with the error's code, or '' after an orderly end. */
export function gone(socket: Socket): Promise<string> {
  return new Promise((resolve) => {
    let code = '';
    socket.on('error', (error: NodeJS.ErrnoException) => {
      code = error.code ?? error.message;
    });
    socket.on('close', () => resolve(code)).resume();
  });
}

/** A port on which nothing listens. */
export async function closedPort(): Promise<number> {
  const server = net.createServer();
  const port = await listening(server);
  server.close();
  await once(server, 'close');
  return port;
}

/** A wheel whose clock stands still until `pass` is called. */
export class ManualTime {
  #time = 0;
  readonly wheel = new DeadlineWheel(() => this.#time);

  pass(milliseconds: number): void {
    for (let left = milliseconds; left > 0; left -= WHEEL_TICK) {
      this.#time += Math.min(left, WHEEL_TICK);
      this.wheel.advance();
    }
  }
}

/** Round robin; an endpoint that failed comes last until it succeeds. */
export class ListPicker implements EndpointPicker {
  readonly picked: StreamEndpoint[] = [];
  readonly released: StreamEndpoint[] = [];
  readonly down = new Set<StreamEndpoint>();
  readonly #endpoints: ReadonlyArray<StreamEndpoint>;
  #next = 0;

  constructor(endpoints: ReadonlyArray<Pick<Endpoint, 'address' | 'port'>>) {
    this.#endpoints = endpoints;
  }

  pick(): StreamEndpoint | undefined {
    const { length } = this.#endpoints;
    if (length === 0) return undefined;
    let endpoint = this.#endpoints[this.#next++ % length]!;
    for (let i = 1; i < length && this.down.has(endpoint); i++) endpoint = this.#endpoints[this.#next++ % length]!;
    this.picked.push(endpoint);
    return endpoint;
  }

  failed(endpoint: StreamEndpoint): void {
    this.down.add(endpoint);
  }

  succeeded(endpoint: StreamEndpoint): void {
    this.down.delete(endpoint);
  }

  release(endpoint: StreamEndpoint): void {
    this.released.push(endpoint);
  }
}

export function local(port: number): StreamEndpoint {
  return { address: '127.0.0.1', port };
}

export function planTo(ports: number[], more: Partial<StreamBackend> = {}): StreamPlan & { picker: ListPicker } {
  const picker = new ListPicker(ports.map(local));
  const backend: StreamBackend = { key: 'ns/db:5432', picker, ...more };
  return { listener: 'ns/gw/tcp', route: 'TCPRoute/ns/db/0', next: () => backend, picker };
}

export function ruleOf(rule: Partial<RouteRule> & Pick<RouteRule, 'route'>): RouteRule {
  return {
    kind: 'RouteRule',
    key: `${rule.route.kind}/${rule.route.namespace}/${rule.route.name}/${rule.index ?? 0}`,
    index: 0,
    created: '',
    attachments: [],
    matches: [],
    filters: [],
    backends: [],
    ...rule,
  };
}

/** A relay over real sockets with a clock of its own. */
export function relayRig(limits: Partial<StreamLimits> = {}) {
  const time = new ManualTime();
  const entries: AccessEntry[] = [];
  const waiting: Array<() => void> = [];
  const metrics = new Metrics();
  const meter = new StreamMeter(metrics, (entry) => {
    entries.push(entry);
    for (const resume of waiting.splice(0)) resume();
  });
  const live = new DrainSet();
  const options = { driver: new NetDriver(), wheel: time.wheel, limits: streamLimits(limits), meter, live };
  const relay = createTcpRelay(options);
  /** Resolves when `count` connections have ended. */
  const ended = async (count: number): Promise<AccessEntry[]> => {
    while (entries.length < count) await new Promise<void>((resolve) => waiting.push(resolve));
    return entries;
  };
  return { ...options, relay, time, metrics, entries, ended };
}
