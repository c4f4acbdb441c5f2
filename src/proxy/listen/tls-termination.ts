/** TLS termination of connections whose server name is known, swapped for new ones as one reference. */
import type net from 'node:net';
import tls from 'node:tls';
import type { Drainable, DrainSet } from '../ground/drain.ts';
import type { LinkTls } from '../ground/driver.ts';
import { admits, clientTls, shownBy } from './client-demand.ts';
import { SecureContexts } from './secure-contexts.ts';
import type { TicketKeys } from './ticket-keys.ts';
import type { ChosenContext, TlsContext, TlsContexts } from './tls-contexts.ts';
import type { Secured } from './tls-link.ts';

/**
 * Milliseconds for a client's TLS handshake, from its ClientHello to its end. A program with little of a processor that
 * opens hundreds of connections as it begins, as those of Java do, takes tens of seconds for the last of them.
 */
export const HANDSHAKE_TIMEOUT = 30_000;
export const ALPN = ['h2', 'http/1.1'];

const PLAIN_HTTP = `HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n${JSON.stringify(
  {
    message: 'This port speaks TLS; use https.',
  },
)}\n`;

export interface TerminationOptions {
  alpn: string[] | undefined;
  ticketKeys: TicketKeys;
  /** Of the port. Connections are in it until their handshake is done; while it drains, none goes further. */
  live: DrainSet;
  /** Milliseconds that connections may go on whose client would be asked for something else now. */
  drainTimeout: number;
  onSecure: (socket: tls.TLSSocket, secured: Secured) => void;
  onFailed: () => void;
}

/** As TLS writes it: each name after its length. */
function alpnText(names: readonly string[]): Buffer {
  return Buffer.concat(names.map((name) => Buffer.from(`${String.fromCharCode(name.length)}${name}`, 'latin1')));
}

/** Node's own. It reads these for each connection, so they are set to what the connection is to have. */
type PerConnection = tls.Server & {
  _sharedCreds: tls.SecureContext;
  ALPNProtocols: Buffer | undefined;
  requestCert: boolean;
  rejectUnauthorized: boolean;
};

/** A socket that TLS is on top of. It knows its handshake until that is over, so that no listener needs a closure. */
type UnderSocket = net.Socket & { handshake?: Handshake | undefined };
type OverSocket = tls.TLSSocket & { _parent?: UnderSocket };

function onClose(this: UnderSocket): void {
  over(this);
}

/** The handshake is over. */
function over(socket: UnderSocket | undefined): Handshake | undefined {
  const handshake = socket?.handshake;
  if (handshake === undefined) return undefined;
  socket!.handshake = undefined;
  handshake.live.delete(handshake);
  return handshake;
}

/** A connection whose handshake is under way: what it is to become has not begun. */
class Handshake implements Drainable {
  readonly arriving = true;
  readonly #socket: net.Socket;
  readonly chosen: ChosenContext | undefined;
  /** Of which it was chosen. */
  readonly contexts: TlsContexts;
  readonly live: DrainSet;

  constructor(socket: net.Socket, from: { chosen: ChosenContext | undefined; contexts: TlsContexts; live: DrainSet }) {
    this.#socket = socket;
    this.chosen = from.chosen;
    this.contexts = from.contexts;
    this.live = from.live;
  }

  /** Undefined where the client's certificate is not as it must be, or what is spoken was not offered. */
  secured(socket: tls.TLSSocket, offered: readonly string[] | undefined): Secured | undefined {
    if (this.chosen === undefined) return undefined;
    const { context, serverName } = this.chosen;
    const { clients, demand, own } = context;
    // Who names no protocol speaks HTTP/1.1.
    const spoken = socket.alpnProtocol || 'http/1.1';
    if (offered !== undefined && own?.alpn !== undefined && !own.alpn.some((one) => one === spoken)) return undefined;
    if (clients === 'ignore') return { serverName, client: undefined };
    const shown = shownBy(socket, demand);
    return admits(clients, shown) ? { serverName, client: clientTls(shown, demand) } : undefined;
  }

  drain(): void {
    this.#socket.destroy();
  }

  cut(): void {
    this.#socket.destroy();
  }
}

type Member = Drainable & { tls?: LinkTls | undefined };

/** Its client would be asked for something else now: it is to come again. */
function isOutdated(member: Member, before: TlsContexts, now: TlsContexts): boolean {
  const serverName = member.tls?.serverName;
  return serverName !== undefined && before.demandFor(serverName) !== now.demandFor(serverName);
}

export class TlsTermination {
  readonly #server: PerConnection;
  readonly #alpn: string[] | undefined;
  /** As a listener offers it that says nothing of it. */
  readonly #alpnText: Buffer | undefined;
  readonly #secure: SecureContexts;
  readonly #ticketKeys: TicketKeys;
  readonly #live: DrainSet;
  readonly #drainTimeout: number;
  #contexts: TlsContexts;

  /** `onSecure` gets connections whose handshake is done and whose client, where asked, was verified. */
  constructor(contexts: TlsContexts, around: TerminationOptions) {
    this.#contexts = contexts;
    this.#live = around.live;
    this.#drainTimeout = around.drainTimeout;
    this.#ticketKeys = around.ticketKeys;
    this.#secure = new SecureContexts(around.ticketKeys);
    this.#alpn = around.alpn;
    this.#alpnText = around.alpn && alpnText(around.alpn);
    const options = { handshakeTimeout: HANDSHAKE_TIMEOUT, allowHalfOpen: true };
    this.#server = tls.createServer(options as tls.TlsOptions) as PerConnection;
    this.#server.on('secureConnection', (socket: OverSocket) => {
      const handshake = over(socket._parent);
      const secured = handshake?.secured(socket, this.#alpn);
      if (secured !== undefined && this.#isCurrent(handshake!)) return around.onSecure(socket, secured);
      around.onFailed();
      socket.destroy();
    });
    this.#server.on('tlsClientError', (error: NodeJS.ErrnoException, socket: OverSocket) => {
      around.onFailed();
      const { _parent: plain } = socket;
      if (error.code === 'ERR_SSL_HTTP_REQUEST' && plain !== undefined) plain.end(PLAIN_HTTP, () => plain.destroy());
      else socket.destroy();
    });
  }

  /** What the caller calls to put the contexts in place, once all else is ready. */
  prepare(contexts: TlsContexts): () => void {
    return () => {
      const before = this.#contexts;
      this.#contexts = contexts;
      this.#secure.age();
      if (before.asks || contexts.asks) this.#endOutdated(before, contexts);
    };
  }

  /** The request that one carries, or has begun, is answered; but not of who was let in for a page, which may be gone by now. */
  #endOutdated(before: TlsContexts, now: TlsContexts): void {
    this.#live.cutThose((member: Member) => member.tls?.turnedAway === true && isOutdated(member, before, now));
    this.#live.drainThose((member) => isOutdated(member, before, now), this.#drainTimeout);
  }

  /**
   * `serverName`: of the ClientHello, which is still to be read from the socket; lower case, '' where it has none,
   * undefined where it could not be read. `tickets`: what it offers to resume; null: nothing; undefined: nobody looked.
   */
  accept(socket: UnderSocket, serverName: string | undefined, tickets?: Buffer | null): void {
    const contexts = this.#contexts;
    const chosen = contexts.choose(serverName);
    const handshake = new Handshake(socket, { chosen, contexts, live: this.#live });
    socket.handshake = handshake;
    socket.on('close', onClose);
    this.#live.add(handshake);
    if (socket.destroyed) return;
    const clients = chosen === undefined ? 'ignore' : chosen.context.clients;
    this.#server.ALPNProtocols = this.#offered(chosen?.context);
    this.#server._sharedCreds = this.#secureOf(chosen, tickets);
    this.#server.requestCert = clients !== 'ignore';
    // The handshake ends with an alert where a certificate is a must and none comes.
    this.#server.rejectUnauthorized = clients === 'verify';
    this.#server.emit('connection', socket);
  }

  /**
   * A resumed session brings along what was verified when it began, perhaps by authorities of the past. So where some
   * listener looks at client certificates, sessions are not resumed.
   */
  #secureOf(chosen: ChosenContext | undefined, tickets: Buffer | null | undefined): tls.SecureContext {
    if (chosen === undefined || chosen.context.clients === 'nobody') return this.#secure.nobody;
    const { context, serverName } = chosen;
    const resumes = !this.#contexts.asks && context.own?.sessionTickets !== false;
    return this.#secure.of(
      context,
      context.present(serverName),
      resumes ? this.#ticketKeys.neededFor(tickets) : 'none',
    );
  }

  /** What is asked of the client has not changed since the handshake began. */
  #isCurrent({ chosen, contexts }: Handshake): boolean {
    if (contexts === this.#contexts) return true;
    const { context, serverName } = chosen!;
    return (context.demand?.outdates ?? '') === this.#contexts.demandFor(serverName);
  }

  #offered(context: TlsContext | undefined): Buffer | undefined {
    const offered = this.#alpn;
    const { alpn, streamAlpn } = context?.own ?? {};
    // Bytes that are relayed: what is in them only the backend knows, and whoever has said so for it.
    if (offered === undefined) return streamAlpn && alpnText(streamAlpn);
    if (alpn === undefined) return this.#alpnText;
    return alpnText(alpn.filter((one) => offered.includes(one)));
  }
}
