/** The controller's end of the config stream: many data planes, each with its own Gateway's config and nothing else. */

import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import { type FamilySnapshot, type Log, Metrics, type MetricsSnapshot } from '../../observe/index.ts';
import { AllowanceBook } from '../../value/allowance.ts';
import { STREAM_ALPN } from './client.ts';
import type { Authenticate } from './identity.ts';
import type { RemoteFleets } from './remote-fleets.ts';
import { ServerSession } from './server-session.ts';
import { ADDRESS_CONNECTION_LIMIT } from './session-allowance.ts';
import { STREAM_TIMES, type StreamTimes } from './stream-times.ts';

/** PEM. */
export interface ServerPair {
  certificate: string;
  privateKey: string;
}

export interface StreamOptions {
  /** Absent: all addresses. */
  host?: string;
  /** 0: any that is free. */
  port: number;
  tls: ServerPair;
  authenticate: Authenticate;
  fleets: RemoteFleets;
  /** Of daemun. */
  version: string;
  /** Whether this controller writes statuses at the moment it starts; `lead` says it later. */
  leading?: boolean;
  times?: Partial<StreamTimes>;
  log: Log;
}

/**
 * Connections whose handshake is not over, that have not said who they are, or are being asked. Beyond it whoever has most
 * of them gives one up for whoever has fewer, by addresses; where all have as few, the next is closed at once.
 */
export const MAX_UNKNOWN = 256;
/** Addresses of which it is remembered how often they connect. */
const MAX_ADDRESSES = 4096;
/** Milliseconds in which a refusal is told once. */
const REFUSAL_TOLD_AGAIN = 60_000;
/** Refusals that are remembered as told. */
const MAX_REFUSALS = 256;

export class StreamServer {
  readonly #server: Server;
  readonly #options: StreamOptions;
  /** Refusals, and when each was last told. */
  readonly #told = new Map<string, number>();
  readonly #sessions = new Set<ServerSession>();
  readonly #times: StreamTimes;
  readonly #metrics = new Metrics();
  readonly #connections = new AllowanceBook(ADDRESS_CONNECTION_LIMIT, MAX_ADDRESSES);
  /** Those that are not known yet, by where they come from. */
  readonly #unknown = new Map<string, Socket>();
  #leading: boolean;

  constructor(options: StreamOptions) {
    this.#options = options;
    this.#times = { ...STREAM_TIMES, ...options.times };
    this.#leading = options.leading ?? true;
    const { certificate, privateKey } = options.tls;
    this.#server = createServer({
      cert: certificate,
      key: privateKey,
      minVersion: 'TLSv1.3',
      ALPNProtocols: [STREAM_ALPN],
      handshakeTimeout: this.#times.hello,
    });
    this.#server.on('connection', (socket: Socket) => this.#admit(socket));
    this.#server.on('secureConnection', (socket) => this.#accept(socket));
    this.#server.on('tlsClientError', (error) => options.log.debug({ error: error.message }, 'no TLS on the stream'));
  }

  async listen(): Promise<void> {
    const { host, port } = this.#options;
    this.#server.listen({ port, ...(host === undefined ? {} : { host }) });
    await once(this.#server, 'listening');
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Data planes that are connected and known. */
  get connected(): number {
    let known = 0;
    for (const session of this.#sessions) if (session.known) known++;
    return known;
  }

  metrics(): MetricsSnapshot {
    const connected: FamilySnapshot = {
      name: 'daemun_dataplanes',
      help: 'Data planes that are connected, by Gateway.',
      type: 'gauge',
      series: Array.from(this.#options.fleets, ({ gateway, connected: value }) => ({ labels: { gateway }, value })),
    };
    return [connected, ...this.#metrics.snapshot()];
  }

  /** For connections from now on. */
  renew({ certificate, privateKey }: ServerPair): void {
    this.#server.setSecureContext({ cert: certificate, key: privateKey, minVersion: 'TLSv1.3' });
  }

  /** Data planes look for the controller that writes statuses, since their acknowledgements are wanted there. */
  lead(leading: boolean): void {
    if (leading === this.#leading) return;
    this.#leading = leading;
    for (const session of this.#sessions) session.lead(leading);
  }

  /** Data planes go on with what they have, and look for another controller. */
  async close(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const session of this.#sessions) session.close('this controller ends');
    for (const socket of this.#unknown.values()) socket.destroy();
    await closed;
  }

  #refused(code: string): { value: number } {
    const help = 'Data planes that were not let in, by reason.';
    return this.#metrics.counter('daemun_dataplane_refusals_total', help, { code });
  }

  /** Who is refused comes again: it is told once a minute, and counted each time. */
  #isNews(refusal: string): boolean {
    const now = performance.now();
    const last = this.#told.get(refusal);
    if (last !== undefined && now - last < REFUSAL_TOLD_AGAIN) return false;
    this.#told.delete(refusal);
    this.#told.set(refusal, now);
    if (this.#told.size > MAX_REFUSALS) this.#told.delete(this.#told.keys().next().value!);
    return true;
  }

  #admit(socket: Socket): void {
    // A handshake costs a millisecond, whoever wants it.
    if (!this.#connections.of(socket.remoteAddress ?? '').take()) return void socket.destroy();
    if (this.#unknown.size >= MAX_UNKNOWN && !this.#makesRoom(socket)) return void socket.destroy();
    const from = originOf(socket);
    this.#unknown.set(from, socket);
    socket.once('close', () => this.#unknown.delete(from));
  }

  /** One pod that opens connections and says nothing keeps no data plane out. */
  #makesRoom({ remoteAddress = '' }: Socket): boolean {
    const byAddress = new Map<string, string[]>();
    for (const from of this.#unknown.keys()) {
      const address = from.slice(0, from.lastIndexOf(' '));
      const own = byAddress.get(address);
      if (own === undefined) byAddress.set(address, [from]);
      else own.push(from);
    }
    const [most = []] = [...byAddress.values()].sort((a, b) => b.length - a.length);
    if (most.length <= (byAddress.get(remoteAddress)?.length ?? 0) + 1) return false;
    const oldest = most[0]!;
    this.#unknown.get(oldest)?.destroy();
    this.#unknown.delete(oldest);
    return true;
  }

  #accept(socket: TLSSocket): void {
    socket.setNoDelay(true);
    const from = originOf(socket);
    const { authenticate, fleets, version, log } = this.#options;
    const session: ServerSession = new ServerSession(socket, {
      authenticate,
      from: socket.remoteAddress ?? '',
      fleets,
      version,
      leading: () => this.#leading,
      times: this.#times,
      log,
      onKnown: () => this.#unknown.delete(from),
      onRefused: (code) => this.#refused(code).value++,
      isNews: (refusal) => this.#isNews(refusal),
      onEnd: () => this.#sessions.delete(session),
    });
    this.#sessions.add(session);
  }
}

function originOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}

export async function openStream(options: StreamOptions): Promise<StreamServer> {
  const server = new StreamServer(options);
  await server.listen();
  return server;
}
