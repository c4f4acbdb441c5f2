/**
 * A port of HTTPS and TLS listeners. Where all of them are HTTPS, connections go straight to TLS; a TLS listener makes
 * the ClientHello be read first, since it may want the connection as it is.
 */
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { type HttpService, serveHttp } from '../http/index.ts';
import {
  ALPN,
  adoptSocket,
  type Handle,
  type ListeningSocket,
  linkOf,
  type NetLink,
  openSocket,
  TlsTermination,
  tlsLinkOf,
} from '../listen/index.ts';
import {
  compileSniTable,
  createTcpRelay,
  createTlsRouter,
  type PeekedTls,
  type SniTable,
  type TcpRelay,
  type TlsRouter,
  turnAway,
} from '../stream/index.ts';
import { tlsContexts } from './certificates.ts';
import { Entrance } from './entrance.ts';
import { drainHttp } from './http-drain.ts';
import type { Port, PortContent, PortTarget } from './port.ts';
import type { World } from './world.ts';

export class TlsPort implements Port {
  readonly #world: World;
  readonly #service: HttpService;
  readonly #https: TlsTermination;
  /** Ends TLS for TLS listeners in mode Terminate, whose bytes are relayed, whatever protocol they are. */
  readonly #bytes: TlsTermination;
  readonly #relay: TcpRelay;
  readonly #router: TlsRouter;
  readonly #entrance: Entrance;
  #peeks: boolean;
  #socket: ListeningSocket | undefined;

  constructor(world: World, content: PortContent) {
    this.#world = world;
    this.#service = world.httpService(content.table);
    const contexts = tlsContexts(content.listeners, content.config);
    const onFailed = (): void => {
      world.stats.handshakesFailed.value++;
    };
    const { ticketKeys } = world;
    this.#https = new TlsTermination(contexts, {
      alpn: ALPN,
      ticketKeys,
      onSecure: (socket) => serveHttp(tlsLinkOf(socket), this.#service),
      onFailed,
    });
    this.#bytes = new TlsTermination(contexts, {
      alpn: undefined,
      ticketKeys,
      onSecure: (socket) => this.#relayBytes(socket),
      onFailed,
    });
    const { driver, wheel, meter, streamLimits: limits } = world;
    this.#relay = createTcpRelay({ driver, wheel, meter, limits });
    const name = content.listeners[0]!.key;
    const terminate = (peeked: PeekedTls): void => this.#terminate(peeked);
    this.#router = createTlsRouter(
      { relay: this.#relay, wheel, meter, limits, name, terminate },
      this.#sniTable(content),
    );
    this.#peeks = peeks(content);
    this.#entrance = new Entrance(world, content, (link, firstBytes) => this.#admit(link, firstBytes));
  }

  get bound(): string[] {
    return this.#socket === undefined ? [] : [this.#socket.bound];
  }

  async open(target: PortTarget): Promise<void> {
    this.#socket = await openSocket(target, (handle) => this.#accept(handle));
  }

  swap(content: PortContent): void {
    this.#service.table = content.table;
    const contexts = tlsContexts(content.listeners, content.config);
    this.#https.swap(contexts);
    this.#bytes.swap(contexts);
    this.#router.table = this.#sniTable(content);
    this.#peeks = peeks(content);
    this.#entrance.swap(content);
  }

  async drain(timeout: number): Promise<void> {
    this.#socket?.close();
    this.#entrance.drain();
    this.#router.drain();
    await Promise.all([drainHttp(this.#service, timeout), this.#relay.drain(timeout)]);
  }

  #sniTable(content: PortContent): SniTable {
    const { plans } = this.#world;
    return compileSniTable({
      listeners: content.listeners,
      rules: content.rules,
      planOf: (rule, listener) => plans.planOf(rule, listener),
    });
  }

  #accept(handle: Handle): void {
    if (this.#entrance.guarded) this.#entrance.accept(handle);
    else if (this.#peeks) this.#router.accept(linkOf(adoptSocket(handle)));
    else this.#https.accept(handle);
  }

  /** After the entrance. */
  #admit(link: NetLink, firstBytes: Buffer | undefined): void {
    if (this.#peeks) return this.#router.accept(link, link.addresses, firstBytes);
    link.pause();
    this.#https.acceptSocket(handedOver(link, firstBytes));
  }

  #terminate({ link, firstBytes, choice }: PeekedTls): void {
    const socket = handedOver(link as NetLink, firstBytes);
    if (choice.plan === undefined) this.#https.acceptSocket(socket);
    else this.#bytes.acceptSocket(socket);
  }

  #relayBytes(socket: TLSSocket): void {
    const link = tlsLinkOf(socket);
    const serverName = link.tls!.serverName;
    const choice = this.#router.table.choose(serverName);
    if (choice === null || choice.plan === undefined) turnAway(link);
    else this.#relay.accept(link, choice.plan, { listener: choice.listener.key, protocol: 'tls', serverName });
  }
}

/** The socket of a paused link, for TLS to read from the beginning: what was received is put back. */
function handedOver(link: NetLink, firstBytes: Buffer | undefined): Socket {
  link.detach();
  if (firstBytes !== undefined) link.socket.unshift(firstBytes);
  return link.socket;
}

function peeks({ listeners }: PortContent): boolean {
  return listeners.some(({ protocol }) => protocol === 'TLS');
}
