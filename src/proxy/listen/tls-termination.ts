/** TLS termination for one socket: the certificate by server name, swapped for new connections as one reference. */
import { constants } from 'node:crypto';
import net from 'node:net';
import tls from 'node:tls';
import type { Drainable, DrainSet } from '../ground/drain.ts';
import type { Handle } from './net-link.ts';
import type { TicketKeys } from './ticket-keys.ts';

/** One certificate, or several with keys of different kinds, of which the client's abilities choose. */
export interface PresentedCertificates {
  /** Of a context with all of them. */
  readonly options: tls.SecureContextOptions;
  /** At least one, by kind of key as `asymmetricKeyType` has it, in the order of the user. */
  readonly secure: ReadonlyMap<string, tls.SecureContext>;
}

/** What TLS presents and asks for on one listener. */
export interface TlsContext {
  /** Lower case; `*.example.com` for a wildcard; undefined: any name, and none. */
  hostname: string | undefined;
  /** What is presented to clients that ask for this server name, or ('') for none. */
  present(serverName: string): PresentedCertificates;
  clients: 'ignore' | 'verify' | 'request';
}

/** Milliseconds for a client's TLS handshake, from accept to its end. */
export const HANDSHAKE_TIMEOUT = 10_000;
export const ALPN = ['h2', 'http/1.1'];

/**
 * The socket's own decide, whatever the certificate. Suites of TLS 1.2 with forward secrecy and authenticated
 * encryption; those of 1.3 are fine as they are.
 */
export const CIPHERS = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
].join(':');

export class TlsContexts {
  readonly #exact = new Map<string, TlsContext>();
  /** Suffixes with their dot, the longest first. */
  readonly #wildcards: Array<{ suffix: string; context: TlsContext }> = [];
  /** For connections that name no server, or one that nobody serves. */
  readonly fallback: TlsContext | undefined;
  /** Some listener looks at client certificates. */
  readonly asks: boolean;

  /** Where two contexts have the same hostname the first one counts. */
  constructor(contexts: readonly TlsContext[]) {
    for (const context of contexts) {
      const { hostname } = context;
      if (hostname === undefined) continue;
      if (hostname.startsWith('*.')) this.#wildcards.push({ suffix: hostname.slice(1), context });
      else if (!this.#exact.has(hostname)) this.#exact.set(hostname, context);
    }
    this.#wildcards.sort((a, b) => b.suffix.length - a.suffix.length);
    this.fallback = contexts.find(({ hostname }) => hostname === undefined);
    this.asks = contexts.some(({ clients }) => clients !== 'ignore');
  }

  choose(serverName: string): TlsContext | undefined {
    const name = serverName.toLowerCase();
    return (
      this.#exact.get(name) ??
      this.#wildcards.find(({ suffix }) => name.endsWith(suffix) && name !== suffix)?.context ??
      this.fallback
    );
  }
}

/** Node's own, which lets one listener ask for certificates while another on the same socket does not. */
type ServerSocket = tls.TLSSocket & {
  _handle: { setVerifyMode(request: boolean, rejectUnauthorized: boolean): void };
  _requestCert: boolean;
  _parent?: net.Socket;
};

/**
 * Node takes one certificate from here, where the socket's own context may have several: the first that goes with what
 * the client verifies. (A TLS 1.2 client that verifies ECDSA and has suites for RSA only is not served.)
 */
function forClient(socket: tls.TLSSocket, { secure }: PresentedCertificates): tls.SecureContext | undefined {
  if (secure.size > 1) {
    for (const algorithm of socket.getSharedSigalgs()) {
      const context = secure.get(keyTypeOf(algorithm));
      if (context !== undefined) return context;
    }
  }
  const [first] = secure.values();
  return first;
}

/** Of names such as `ECDSA+SHA256`, `RSA-PSS+SHA256` and `Ed25519+UNDEF`. */
function keyTypeOf(algorithm: string): string {
  const [name = ''] = algorithm.split('+');
  if (name === 'ECDSA') return 'ec';
  return name.startsWith('RSA') ? 'rsa' : name.toLowerCase();
}

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
  onSecure: (socket: tls.TLSSocket) => void;
  onFailed: () => void;
}

/** What the server's own context is made of. */
interface OwnContext {
  presented: PresentedCertificates | undefined;
  asks: boolean;
  options: tls.SecureContextOptions;
}

/** A connection whose handshake is under way: what it is to become has not begun. */
class Handshake implements Drainable {
  readonly #socket: net.Socket;

  constructor(socket: net.Socket) {
    this.#socket = socket;
  }

  drain(): void {
    this.#socket.destroy();
  }

  cut(): void {
    this.#socket.destroy();
  }
}

export class TlsTermination {
  readonly #server: tls.Server;
  readonly #ticketKeys: TicketKeys;
  readonly #live: DrainSet;
  readonly #handshakes = new Map<net.Socket, Handshake>();
  #contexts: TlsContexts;
  #held: OwnContext | undefined;

  /** `onSecure` gets connections whose handshake is done and whose client, where asked, was verified. */
  constructor(contexts: TlsContexts, around: TerminationOptions) {
    this.#contexts = contexts;
    this.#ticketKeys = around.ticketKeys;
    this.#live = around.live;
    const choose = (socket: ServerSocket, name: string): tls.SecureContext | undefined => this.#choose(socket, name);
    this.#server = tls.createServer({
      ALPNProtocols: around.alpn,
      SNICallback(this: ServerSocket, name: string, done: (error: Error | null, context?: tls.SecureContext) => void) {
        // Without one the server's own context stays, which for a name that nobody serves has no certificate: the
        // handshake ends with an alert.
        done(null, choose(this, name));
      },
      rejectUnauthorized: false,
      handshakeTimeout: HANDSHAKE_TIMEOUT,
      minVersion: 'TLSv1.2',
      allowHalfOpen: true,
    } as tls.TlsOptions);
    this.#use(this.#ownOf(contexts));
    this.#server.on('secureConnection', (socket: tls.TLSSocket) => {
      const { _parent: plain } = socket as ServerSocket;
      if (plain !== undefined) this.#shaken(plain);
      if (this.#admits(socket)) return around.onSecure(socket);
      around.onFailed();
      socket.destroy();
    });
    this.#server.on('tlsClientError', (error: NodeJS.ErrnoException, socket: tls.TLSSocket) => {
      around.onFailed();
      const { _parent: plain } = socket as ServerSocket;
      if (error.code === 'ERR_SSL_HTTP_REQUEST' && plain !== undefined) plain.end(PLAIN_HTTP, () => plain.destroy());
      else socket.destroy();
    });
  }

  /** What the caller calls to put the contexts in place, once all else is ready. */
  prepare(contexts: TlsContexts): () => void {
    const own = this.#ownOf(contexts);
    return () => {
      this.#contexts = contexts;
      this.#use(own);
    };
  }

  #choose(socket: ServerSocket, name: string): tls.SecureContext | undefined {
    const context = this.#contexts.choose(name);
    if (context === undefined) return undefined;
    if (this.#contexts.asks) {
      const asks = context.clients !== 'ignore';
      // The handshake ends with an alert where a certificate is a must and none comes; others are judged below.
      socket._handle.setVerifyMode(asks, context.clients === 'verify');
      socket._requestCert = asks;
    }
    const presented = context.present(name);
    if (presented === this.#held?.presented) return undefined;
    const secure = forClient(socket, presented);
    if (secure !== undefined) this.#ticketKeys.answerFor(secure);
    return secure;
  }

  /**
   * For clients that name no server, and so are not asked about. A resumed session is not asked about either, and
   * brings along what was verified when it began: by which listener, nobody knows. So where some listener looks at
   * client certificates, sessions are not resumed.
   */
  #ownOf({ fallback, asks }: TlsContexts): OwnContext {
    const presented = fallback?.present('');
    const secureOptions = asks ? constants.SSL_OP_NO_TICKET : 0;
    const options = { minVersion: 'TLSv1.2', ciphers: CIPHERS, ...presented?.options, secureOptions } as const;
    const held = this.#held;
    const same = held !== undefined && presented === held.presented && asks === held.asks;
    // What OpenSSL will not take throws here, where nothing has changed yet.
    if (!same) tls.createSecureContext(options);
    return same ? held : { presented, asks, options };
  }

  #use(own: OwnContext): void {
    const { fallback } = this.#contexts;
    (this.#server as tls.Server & { requestCert: boolean }).requestCert =
      fallback !== undefined && fallback.clients !== 'ignore';
    if (own === this.#held) return;
    this.#held = own;
    this.#server.setSecureContext(own.options);
    // A new context would have keys of its own.
    this.#ticketKeys.use(this.#server);
  }

  accept(handle: Handle): void {
    handle.setNoDelay(true);
    const options = { handle, allowHalfOpen: true, pauseOnCreate: true } as unknown as net.SocketConstructorOpts;
    this.acceptSocket(new net.Socket(options));
  }

  acceptSocket(socket: net.Socket): void {
    const handshake = new Handshake(socket);
    this.#handshakes.set(socket, handshake);
    socket.once('close', () => this.#shaken(socket));
    this.#live.add(handshake);
    if (socket.destroyed) return;
    this.#server.emit('connection', socket);
  }

  /** The handshake is over. */
  #shaken(socket: net.Socket): void {
    const handshake = this.#handshakes.get(socket);
    if (handshake === undefined) return;
    this.#handshakes.delete(socket);
    this.#live.delete(handshake);
  }

  #admits(socket: tls.TLSSocket): boolean {
    const { servername } = socket as tls.TLSSocket & { servername?: string | false };
    const context = this.#contexts.choose(servername || '');
    if (context === undefined) return false;
    return context.clients !== 'verify' || socket.authorized;
  }
}
