/**
 * A port of HTTPS and TLS listeners. The ClientHello is read first: its server name chooses the listener, whose TLS it is,
 * or who wants the connection as it is.
 * The challenge of a certificate authority is told by its protocol, which stands in the ClientHello too.
 */
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { type HttpService, serveHttp } from '../http/index.ts';
import { ALPN, type NetLink, type Secured, TlsTermination, tlsLinkOf } from '../listen/index.ts';
import {
  type ClaimedTls,
  compileSniTable,
  createTcpRelay,
  createTlsRouter,
  type HelloArrival,
  type HelloWaitOptions,
  type PeekedTls,
  type SniTable,
  type TcpRelay,
  type TlsRouter,
  turnAway,
  waitForHello,
} from '../stream/index.ts';
import { AcceptingPort } from './accepting-port.ts';
import { challengeContexts, tlsContexts } from './certificates.ts';
import type { PortContent, Swap } from './port.ts';
import type { World } from './world.ts';

const ACME_TLS = 'acme-tls/1';

interface Challenges {
  hosts: ReadonlySet<string>;
  termination: TlsTermination;
}

export class TlsPort extends AcceptingPort {
  readonly #service: HttpService;
  readonly #https: TlsTermination;
  /** Ends TLS for TLS listeners in mode Terminate, whose bytes are relayed, whatever protocol they are. */
  readonly #bytes: TlsTermination;
  /** Answers certificate authorities, where one is expected. */
  #challenges: Challenges | undefined;
  readonly #relay: TcpRelay;
  readonly #router: TlsRouter;
  readonly #hello: HelloWaitOptions;
  #peeks: boolean;

  constructor(world: World, content: PortContent) {
    super(world, content);
    const { live } = this;
    this.#service = world.httpService(content.table, live);
    const contexts = tlsContexts(content.listeners, content.config);
    const onFailed = (): void => {
      world.stats.handshakesFailed.value++;
    };
    const { ticketKeys, drainTimeout } = world;
    this.#https = new TlsTermination(contexts, {
      alpn: ALPN,
      ticketKeys,
      live,
      drainTimeout,
      onSecure: (socket, secured) => serveHttp(tlsLinkOf(socket, secured), this.#service),
      onFailed,
    });
    this.#bytes = new TlsTermination(contexts, {
      alpn: undefined,
      ticketKeys,
      live,
      drainTimeout,
      onSecure: (socket, secured) => this.#relayBytes(socket, secured),
      onFailed,
    });
    const { driver, wheel, meter, policies, streamLimits: limits } = world;
    this.#relay = createTcpRelay({ driver, wheel, meter, policies, limits, live });
    const name = content.listeners[0]!.key;
    const terminate = (peeked: PeekedTls): void => this.#terminate(peeked);
    const claim = (peeked: ClaimedTls): boolean => this.#answerChallenge(peeked);
    this.#router = createTlsRouter(
      { relay: this.#relay, wheel, meter, limits, live, name, terminate, claim },
      this.#sniTable(content),
    );
    const onHello = (arrival: HelloArrival): void =>
      this.#https.accept(handedOver(arrival), arrival.serverName, arrival.tickets);
    this.#hello = { wheel, limits, live, held: { bytes: 0 }, onHello, onFailed };
    this.#challenges = this.#expected(content);
    this.#peeks = peeks(content) || this.#challenges !== undefined;
  }

  protected prepareContent(content: PortContent): Swap {
    const sniTable = this.#sniTable(content);
    const contexts = tlsContexts(content.listeners, content.config);
    const swapHttps = this.#https.prepare(contexts);
    const swapBytes = this.#bytes.prepare(contexts);
    const challenges = this.#expected(content);
    return () => {
      this.#challenges = challenges;
      this.#service.table = content.table;
      this.#router.table = sniTable;
      this.#peeks = peeks(content) || challenges !== undefined;
      swapHttps();
      swapBytes();
    };
  }

  #sniTable(content: PortContent): SniTable {
    const { plans } = this.world;
    return compileSniTable({
      listeners: content.listeners,
      rules: content.rules,
      planOf: (rule, listener) => plans.planOf(rule, listener),
    });
  }

  protected admit(link: NetLink, firstBytes: Buffer | undefined): void {
    if (this.#peeks) this.#router.accept(link, link.addresses, firstBytes);
    else waitForHello(link, this.#hello, firstBytes);
  }

  #terminate(peeked: PeekedTls): void {
    const termination = peeked.choice.plan === undefined ? this.#https : this.#bytes;
    termination.accept(handedOver(peeked), peeked.hello.serverName, peeked.hello.tickets ?? null);
  }

  #expected(content: PortContent): Challenges | undefined {
    const contexts = challengeContexts(content.listeners, content.config);
    if (contexts === undefined) return undefined;
    const { live, world } = this;
    const termination = new TlsTermination(contexts, {
      alpn: [ACME_TLS],
      ticketKeys: world.ticketKeys,
      live,
      drainTimeout: world.drainTimeout,
      // The handshake is the whole answer.
      onSecure: (socket) => socket.destroySoon(),
      onFailed: () => {
        world.stats.handshakesFailed.value++;
      },
    });
    return { hosts: new Set(content.config.of('Challenge').keys()), termination };
  }

  /** RFC 8737: who asks offers this protocol and no other. */
  #answerChallenge(claimed: ClaimedTls): boolean {
    const { hello } = claimed;
    if (hello.alpn.length !== 1 || hello.alpn[0] !== ACME_TLS) return false;
    if (this.#challenges?.hosts.has(hello.serverName) !== true) return false;
    this.#challenges.termination.accept(handedOver(claimed), hello.serverName);
    return true;
  }

  #relayBytes(socket: TLSSocket, secured: Secured): void {
    const { serverName } = secured;
    const link = tlsLinkOf(socket, secured);
    // The table may be another than the one that it was chosen by: what was meant to pass is not for its backend as bare bytes.
    const choice = this.#router.table.choose(serverName);
    if (choice?.plan === undefined || choice.mode !== 'Terminate') turnAway(link);
    else this.#relay.accept(link, choice.plan, { listener: choice.listener.key, protocol: 'tls', serverName });
  }
}

function peeks({ listeners }: PortContent): boolean {
  return listeners.some(({ protocol }) => protocol === 'TLS');
}

function handedOver({ link, firstBytes }: Pick<HelloArrival, 'link' | 'firstBytes'>): Socket {
  return (link as NetLink).handOver(firstBytes);
}
