/** What all exchanges of one socket share. Routes and upstreams are swapped as whole references. */
import type { AccessEntry } from '../../observe/index.ts';
import type { ClientConnection, Failure } from '../ground/codec.ts';
import type { DeadlineWheel } from '../ground/deadline.ts';
import type { RouteTable } from '../route/index.ts';
import type { RetryBudget } from '../state/index.ts';
import type { EndpointPool } from '../upstream/index.ts';
import type { Stats } from './stats.ts';
import type { TrustedHops } from './trusted-hops.ts';

/** Backends by key, as far as the exchange needs them. */
export interface Upstreams {
  /** Undefined where the config has no such backend. */
  get(key: string): UpstreamChoice | undefined;
}

export interface UpstreamChoice {
  readonly broken: string | undefined;
  pick(avoid?: EndpointPool | null): EndpointPool | null;
  readonly size: number;
  /** How many retries the backend bears. */
  readonly retries: RetryBudget;
}

export interface HttpLimits {
  /** Milliseconds for a whole request head to arrive, from its first byte (408). */
  headTimeout: number;
  /** Milliseconds that a connection without a request is kept. */
  keepAliveTimeout: number;
  /** Milliseconds without a byte either way, while a request is under way (504, or the stream ends). */
  streamIdleTimeout: number;
  /** Bytes of a request's body, counted while it streams (413); 0: no limit. */
  maxBodyBytes: number;
}

export const DEFAULT_LIMITS: HttpLimits = {
  headTimeout: 15_000,
  keepAliveTimeout: 75_000,
  streamIdleTimeout: 300_000,
  maxBodyBytes: 0,
};

/** Bytes of a body kept so that the request can be tried again; a longer body is sent once. */
export const MAX_REPLAY_BYTES = 64 * 1024;
/** Bytes of a body read and dropped after an early answer, so that the connection lives on. */
export const MAX_DISCARD_BYTES = 256 * 1024;

/** A client's connection, as far as draining needs it. */
export interface Drainable {
  readonly client: ClientConnection;
  /** No more requests; the connection ends by itself when those under way are done. */
  drain(): void;
  /** Ends it now, with what is under way. */
  end(why: Failure): void;
}

export interface HttpService {
  /** Swapped as one reference when routes change. */
  table: RouteTable;
  upstreams: Upstreams;
  readonly wheel: DeadlineWheel;
  readonly trustedHops: TrustedHops;
  readonly limits: HttpLimits;
  /** Requests and answers say in Via that they came through here. */
  readonly via?: boolean;
  readonly stats: Stats;
  readonly onAccess: ((entry: AccessEntry) => void) | undefined;
  /** Connections under way, to be drained. */
  readonly connections: Set<Drainable>;
  /** Called when the last connection ends while draining. */
  drained: (() => void) | undefined;
  /** The proxy drains: connections end after the request they carry. */
  draining: boolean;
}

/** A connection has ended. */
export function forgetConnection(service: HttpService, connection: Drainable): void {
  service.connections.delete(connection);
  const { client } = connection;
  if (client.ownPools) for (const pool of client.ownPools) pool.retire();
  client.ownPools = null;
  if (service.draining && service.connections.size === 0) service.drained?.();
}
