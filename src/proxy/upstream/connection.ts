/**
 * How the exchange gets a backend connection, whatever its protocol. Codecs implement the connections and are handed
 * in as a Connector, so that pools and balancing know no protocol.
 */

import type { ClientConnection, Failure, ResponseSide, Upstream } from '../ground/codec.ts';
import type { DeadlineWheel } from '../ground/deadline.ts';
import type { ConnectTls, Driver, Link, LinkAddresses } from '../ground/driver.ts';
import type { EndpointHealth, ProxyState } from '../state/index.ts';
import type { EndpointGate } from './endpoint-gate.ts';

/** An exchange that waits for a connection. Exactly one of the two is called, unless it cancels. */
export interface OpenWaiter extends ResponseSide {
  /** For whom: connections that say who the client is carry requests of this client only. Absent: for nobody. */
  readonly client?: ClientConnection;
  /** It turns its connection into a tunnel, of a WebSocket say. */
  readonly upgrades?: boolean;
  /** It cannot be sent twice, so that it goes over no connection that its backend has closed already. */
  readonly once?: boolean;
  /** `used`: other requests went over the connection before, so that its backend may just be closing it. */
  upstreamReady(upstream: Upstream, used?: boolean): void;
  upstreamUnavailable(why: Failure): void;
}

/** Connections to one endpoint. */
export interface EndpointPool {
  readonly address: string;
  readonly port: number;
  /** `address:port`, for logs. */
  readonly label: string;
  /** A connection at once, or null: then the waiter is called back. */
  open(waiter: OpenWaiter): Upstream | null;
  /** The waiter is no longer interested. */
  cancel(waiter: OpenWaiter): void;
  readonly health: EndpointHealth;
  /** Requests that it carries, or that wait for it. */
  readonly load: number;
  /** It was given up: its endpoint is gone, or is reached in another way now. */
  readonly retired: boolean;
  /** No new requests; idle connections close, busy ones when they are done. */
  retire(): void;
}

export interface EndpointTarget {
  address: string;
  port: number;
  /** `address:port`, where that is written somewhere already. */
  label?: string;
  tls: ConnectTls | undefined;
  /** What connections begin with, before TLS. */
  preamble?: Uint8Array;
  /** Of the endpoint as a whole, whatever pools it has. */
  health: EndpointHealth;
  /** Absent: the defaults. */
  limits?: Readonly<EndpointLimits>;
  /**
   * A connection is open, and ALPN has settled on the other version than the pool's. True: it is taken over. Absent: both
   * versions are never asked for.
   */
  otherwise?(link: Link): boolean;
}

/** What pools need of the world around them. */
export interface UpstreamWorld {
  driver: Driver;
  wheel: DeadlineWheel;
  /** What outlives this config; absent: nothing does. */
  state?: ProxyState;
  /** Which endpoints may be used; absent: all. */
  gate?: EndpointGate;
  /** Absent: the defaults. */
  limits?: Readonly<Pick<EndpointLimits, 'connections' | 'pending'>>;
  /** Where this gateway runs; absent: no endpoint is nearer than another. */
  zone?: string | undefined;
  /** The PROXY header of a version; absent where no backend is sent one. */
  proxyHeader?(version: ProxyVersion, addresses: LinkAddresses): Uint8Array;
}

export type ProxyVersion = 1 | 2;

/** What a pool speaks; auto: over TLS what ALPN settles, connection by connection. */
export type SpokenProtocol = 'http' | 'h2' | 'auto';

/** Makes the pool that speaks a backend's protocol. */
export type PoolFactory = (world: UpstreamWorld, target: EndpointTarget, protocol: SpokenProtocol) => EndpointPool;

/** Milliseconds for a connection to a backend to open, its TLS handshake included. */
export const CONNECT_TIMEOUT = 5_000;
/** An idle connection to a backend is closed after this long. */
export const UPSTREAM_IDLE_TIMEOUT = 60_000;
/** Idle connections kept for one endpoint. */
export const MAX_IDLE_PER_ENDPOINT = 256;
/** Clients at a time that have connections of their own to one endpoint (PROXY protocol); more get a 503. */
export const MAX_CLIENTS_PER_ENDPOINT = 4_096;
/** Of each worker, towards each endpoint. A policy may change them while pools live. */
export interface EndpointLimits {
  /** Connections, busy and idle; over HTTP/2 there are MAX_H2_CONNECTIONS at most. */
  connections: number;
  /**
   * Requests that wait until a connection is free, besides those for which one is being opened; more fail at once (503).
   * One holds two to four KiB.
   */
  pending: number;
  /** Requests at a time; 0: as many as come. */
  requests: number;
  /** Milliseconds for a connection to open, its TLS handshake included. */
  connectTimeout: number;
  /** Milliseconds that a connection without a request is kept. */
  idleTimeout: number;
  /** Requests that one connection carries; 0: as many as come. */
  requestsPerConnection: number;
  /** Connections without a request that are kept (HTTP/1.1). */
  idle: number;
}

const OF_CONNECTIONS = {
  requests: 0,
  connectTimeout: CONNECT_TIMEOUT,
  idleTimeout: UPSTREAM_IDLE_TIMEOUT,
  requestsPerConnection: 0,
  idle: MAX_IDLE_PER_ENDPOINT,
};

export const DEFAULT_ENDPOINT_LIMITS: Readonly<EndpointLimits> = {
  connections: 1_024,
  pending: 16_384,
  ...OF_CONNECTIONS,
};
