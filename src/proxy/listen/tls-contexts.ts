/** Which listener's TLS a connection gets, by server name, and what that is. */
import type tls from 'node:tls';
import type { ClientTls, TlsProfile } from '../../config/index.ts';
import type { ClientDemand } from './client-demand.ts';

/** One certificate, or several with keys of different kinds, of which the client's abilities choose. */
export interface PresentedCertificates {
  /** Certificates, keys, and authorities of clients. */
  readonly options: tls.SecureContextOptions;
}

/** What TLS presents and asks for on one listener. */
export interface TlsContext {
  /** Lower case; `*.example.com` for a wildcard; undefined: any name, and none. */
  hostname: string | undefined;
  /** What is presented to clients that ask for this server name, or ('') for none. */
  present(serverName: string): PresentedCertificates;
  clients: 'ignore' | ClientDemand['mode'];
  /** What is asked of them, where anything is. */
  demand?: ClientDemand | undefined;
  profile: TlsProfile;
  /** Where it differs from the profile. */
  own?: ClientTls | undefined;
}

/**
 * A server name that is nobody's. Connections that name no server have it where Host must not decide: on a port that
 * asks for client certificates a request would else get past them, to a listener that its connection was not made for.
 */
const NO_NAME = '.';

/** The context of a connection, and the server name by which its requests are judged. */
export interface ChosenContext {
  context: TlsContext;
  serverName: string;
}

export class TlsContexts {
  readonly #exact = new Map<string, TlsContext>();
  /** Suffixes with their dot, the longest first. */
  readonly #wildcards: Array<{ suffix: string; context: TlsContext }> = [];
  /** For names that nobody serves. */
  readonly #fallback: TlsContext | undefined;
  /** For connections that name no server. */
  readonly #unnamed: TlsContext | undefined;
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
    this.#fallback = contexts.find(({ hostname }) => hostname === undefined);
    this.asks = contexts.some(({ clients }) => clients !== 'ignore');
    // Health checks and clients that were given an address name no server, and mean the one of their Host.
    this.#unnamed = this.#fallback ?? (this.asks ? undefined : contexts[0]);
  }

  /** `serverName`: lower case; '' where there is none; undefined where it could not be read. */
  choose(serverName: string | undefined): ChosenContext | undefined {
    const name = serverName || (serverName === '' && !this.asks ? '' : NO_NAME);
    const context = serverName === '' ? this.#unnamed : this.#named(name);
    return context && { context, serverName: name };
  }

  /** Of the connections that were judged by this name: what is asked of them now. */
  demandFor(serverName: string): string {
    const context = serverName === '' ? this.#unnamed : this.#named(serverName);
    return context === undefined ? 'nobody' : (context.demand?.outdates ?? '');
  }

  #named(name: string): TlsContext | undefined {
    return this.#exact.get(name) ?? (this.#wildcards.length === 0 ? undefined : this.#wildcard(name)) ?? this.#fallback;
  }

  #wildcard(name: string): TlsContext | undefined {
    return this.#wildcards.find(({ suffix }) => name.endsWith(suffix) && name !== suffix)?.context;
  }
}
