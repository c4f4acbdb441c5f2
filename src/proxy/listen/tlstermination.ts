/** TLS termination for one socket: the certificate by server name, swapped for new connections as one reference. */
import net from 'node:net';
import tls from 'node:tls';
import type { Handle } from './netlink.ts';

/** What TLS presents and asks for on one listener. */
export interface TlsContext {
  /** Lower case; `*.example.com` for a wildcard; undefined: any name, and none. */
  hostname: string | undefined;
  secure: tls.SecureContext;
  clients: 'ignore' | 'verify' | 'request';
}

/** Milliseconds for a client's TLS handshake, from accept to its end. */
export const HANDSHAKE_TIMEOUT = 10_000;
export const ALPN = ['h2', 'http/1.1'];

export class TlsContexts {
  readonly #exact = new Map<string, TlsContext>();
  /** Suffixes with their dot, the longest first. */
  readonly #wildcards: Array<{ suffix: string; context: TlsContext }> = [];
  /** For connections that name no server, or one that nobody serves. */
  readonly fallback: TlsContext | undefined;

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

export class TlsTermination {
  readonly #server: tls.Server;
  #contexts: TlsContexts;

  /** `onSecure` gets connections whose handshake is done and whose client, where asked, was verified. */
  constructor(
    contexts: TlsContexts,
    around: { alpn: string[] | undefined; onSecure: (socket: tls.TLSSocket) => void; onFailed: () => void },
  ) {
    this.#contexts = contexts;
    this.#server = tls.createServer({
      ALPNProtocols: around.alpn,
      SNICallback: (name, done) => {
        const context = this.#contexts.choose(name);
        if (context === undefined) done(new Error('unrecognized name'));
        else done(null, context.secure);
      },
      requestCert: true,
      rejectUnauthorized: false,
      handshakeTimeout: HANDSHAKE_TIMEOUT,
      minVersion: 'TLSv1.2',
      allowHalfOpen: true,
    } as tls.TlsOptions);
    this.#server.on('secureConnection', (socket: tls.TLSSocket) => {
      if (this.#admits(socket)) around.onSecure(socket);
      else socket.destroy();
    });
    this.#server.on('tlsClientError', (_error: Error, socket: tls.TLSSocket) => {
      around.onFailed();
      socket.destroy();
    });
  }

  swap(contexts: TlsContexts): void {
    this.#contexts = contexts;
  }

  accept(handle: Handle): void {
    handle.setNoDelay(true);
    const options = { handle, allowHalfOpen: true, pauseOnCreate: true } as unknown as net.SocketConstructorOpts;
    this.acceptSocket(new net.Socket(options));
  }

  acceptSocket(socket: net.Socket): void {
    this.#server.emit('connection', socket);
  }

  #admits(socket: tls.TLSSocket): boolean {
    const { servername } = socket as tls.TLSSocket & { servername?: string | false };
    const context = this.#contexts.choose(servername || '');
    if (context === undefined) return false;
    return context.clients !== 'verify' || socket.authorized;
  }
}
