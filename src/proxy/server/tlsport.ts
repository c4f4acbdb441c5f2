/**
 * A port of HTTPS and TLS listeners. Where all of them are HTTPS, connections go straight to TLS; a TLS listener makes
 * the ClientHello be read first, since it may want the connection as it is.
 */
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
import { compileTable } from '../route/index.ts';
import {
  compileSniTable,
  compileStreamPlan,
  createTcpRelay,
  createTlsRouter,
  type PeekedTls,
  type SniTable,
  type TcpRelay,
  type TlsRouter,
} from '../stream/index.ts';
import { tlsContexts } from './certificates.ts';
import { drainHttp } from './httpdrain.ts';
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
  #peeks: boolean;
  #socket: ListeningSocket | undefined;

  constructor(world: World, content: PortContent) {
    this.#world = world;
    this.#service = world.httpService(compileTable(content));
    const contexts = tlsContexts(content.listeners, content.config);
    const onFailed = (): void => {
      world.stats.handshakesFailed.value++;
    };
    this.#https = new TlsTermination(contexts, {
      alpn: ALPN,
      onSecure: (socket) => serveHttp(tlsLinkOf(socket), this.#service),
      onFailed,
    });
    this.#bytes = new TlsTermination(contexts, {
      alpn: undefined,
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
  }

  get bound(): string[] {
    return this.#socket === undefined ? [] : [this.#socket.bound];
  }

  async open(target: PortTarget): Promise<void> {
    this.#socket = await openSocket(target, (handle) => this.#accept(handle));
  }

  swap(content: PortContent): void {
    this.#service.table = compileTable(content);
    const contexts = tlsContexts(content.listeners, content.config);
    this.#https.swap(contexts);
    this.#bytes.swap(contexts);
    this.#router.table = this.#sniTable(content);
    this.#peeks = peeks(content);
  }

  async drain(timeout: number): Promise<void> {
    this.#socket?.close();
    this.#router.drain();
    await Promise.all([drainHttp(this.#service, timeout), this.#relay.drain(timeout)]);
  }

  #sniTable(content: PortContent): SniTable {
    const { streamBackend } = this.#world;
    return compileSniTable({
      listeners: content.listeners,
      rules: content.rules,
      planOf: (rule, listener) => compileStreamPlan(rule, listener, streamBackend),
    });
  }

  #accept(handle: Handle): void {
    if (this.#peeks) this.#router.accept(linkOf(adoptSocket(handle)));
    else this.#https.accept(handle);
  }

  #terminate({ link, firstBytes, choice }: PeekedTls): void {
    const { socket } = link as NetLink;
    // TLS reads the hello again, from where the socket keeps what was received already.
    (link as NetLink).detach();
    socket.unshift(firstBytes);
    if (choice.plan === undefined) this.#https.acceptSocket(socket);
    else this.#bytes.acceptSocket(socket);
  }

  #relayBytes(socket: TLSSocket): void {
    const link = tlsLinkOf(socket);
    const serverName = link.tls!.serverName;
    const choice = this.#router.table.choose(serverName);
    if (choice === null || choice.plan === undefined) link.close('reset');
    else this.#relay.accept(link, choice.plan, { listener: choice.listener.key, protocol: 'tls', serverName });
  }
}

function peeks({ listeners }: PortContent): boolean {
  return listeners.some(({ protocol }) => protocol === 'TLS');
}
