/** What all exchanges of one socket share. Routes and upstreams are swapped as whole references. */
import type { BackendTimeouts, HeaderLine, Retry, SessionPersistence } from '../../config/index.ts';
import type { AccessEntry } from '../../observe/index.ts';
import type { Networks } from '../../value/networks.ts';
import type { Policies } from '../filter/index.ts';
import type { ClientConnection } from '../ground/codec.ts';
import type { DeadlineWheel } from '../ground/deadline.ts';
import type { Drainable, DrainSet } from '../ground/drain.ts';
import type { Head } from '../ground/head.ts';
import type { ConnectionRules, RouteTable } from '../route/index.ts';
import type { RetryBudget } from '../state/index.ts';
import type { Aim, EndpointPool, SteeredRequest } from '../upstream/index.ts';
import type { Stats } from './stats.ts';

/** Backends by key, as far as the exchange needs them. */
export interface Upstreams {
  /** Undefined where the config has no such backend. */
  get(key: string): UpstreamChoice | undefined;
  /** Some backend may have sessions by its policy. */
  readonly keepsSessions?: boolean;
}

export interface UpstreamChoice {
  readonly broken: string | undefined;
  pick(avoid?: EndpointPool | null, aim?: Aim | null): EndpointPool | null;
  /** Of its policy. */
  readonly session: SessionPersistence | undefined;
  /** Requests are asked where they want to go; else only for a session of the rule's. */
  readonly steers: boolean;
  aim(request: SteeredRequest, session: SessionPersistence | undefined): Aim;
  keeps(request: SteeredRequest, session: SessionPersistence): boolean;
  /** What the answer of an endpoint adds for the client's session. */
  sessionLine(aim: Aim, pool: EndpointPool): HeaderLine | undefined;
  readonly size: number;
  /** Where its policy sets some. */
  readonly timeouts: BackendTimeouts | undefined;
  readonly retry: Retry | undefined;
  /** Its endpoints may say of a request that they have not looked at it (HTTP/2: RFC 9113 8.7). */
  readonly handsBack: boolean;
  /** How its endpoints are spoken to; absent: without TLS. */
  readonly tls?: object | undefined;
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
  /** Header lines of a request (431): 1,024 at most. */
  maxHeaderLines: number;
  /** Clients' connections at a time in one process, of all ports of HTTP, TLS and TCP together; 0: no limit. */
  maxConnections: number;
  /** The same on one bound port, so that one listener cannot take all there are (HTTP: 503, others: reset); 0: no limit. */
  maxListenerConnections: number;
  /** Connections of a worker to one endpoint. */
  maxBackendConnections: number;
  /** Requests of a worker that wait for a connection to one endpoint (503). */
  maxPendingRequests: number;
}

export const DEFAULT_LIMITS: HttpLimits = {
  headTimeout: 15_000,
  keepAliveTimeout: 75_000,
  streamIdleTimeout: 300_000,
  maxBodyBytes: 0,
  maxHeaderLines: 128,
  maxConnections: 65_536,
  maxListenerConnections: 32_768,
  maxBackendConnections: 1_024,
  maxPendingRequests: 16_384,
};

/** Bytes of a body kept so that the request can be tried again; a longer body is sent once. */
export const MAX_REPLAY_BYTES = 64 * 1024;
/** Bytes of a body read and dropped after an early answer, so that the connection lives on. */
export const MAX_DISCARD_BYTES = 256 * 1024;

export interface HttpService {
  /** Swapped as one reference when routes change. */
  table: RouteTable;
  /** What acts on requests besides the routes' own filters; swapped inside, with the table. */
  readonly policies: Policies;
  upstreams: Upstreams;
  readonly wheel: DeadlineWheel;
  /** Whose X-Forwarded-* and X-Request-Id lines, and the like, are believed. */
  readonly trustedHops: Networks;
  readonly limits: HttpLimits;
  /** Requests and answers say in Via that they came through here. */
  readonly via?: boolean;
  readonly stats: Stats;
  readonly onAccess: ((entry: AccessEntry) => void) | undefined;
  /** All that lives on the port. While it drains, connections end after the request they carry. */
  readonly connections: DrainSet;
}

/** Header lines of a request that are read: which listener it is for, and so how many are taken, is among them. */
export function linesRead({ limits, table }: HttpService): number {
  return Math.max(limits.maxHeaderLines, table.mostHeaderLines);
}

/** Header lines that the listener of a request takes. */
export function linesTaken({ limits, table }: HttpService, head: Head): number {
  return table.headerLines(head) || limits.maxHeaderLines;
}

/** What holds for one connection: by a policy of its listener, or for all. */
export interface ConnectionLimits {
  readonly headTimeout: number;
  readonly keepAliveTimeout: number;
  /** 0: no limit. */
  readonly maxRequests: number;
  /** Null: none says anything. */
  readonly rules: ConnectionRules | null;
}

const limitsByRules = new WeakMap<HttpLimits, Map<ConnectionRules | null, ConnectionLimits>>();
/** Rules come and go with policies: those of the past are forgotten, and made again where a connection needs them. */
const MOST_KNOWN = 64;

/** Of a connection that is new. */
export function connectionLimits({ limits, table }: HttpService, serverName: string): ConnectionLimits {
  const rules = table.connectionRules(serverName);
  let known = limitsByRules.get(limits);
  if (known === undefined || known.size > MOST_KNOWN) limitsByRules.set(limits, (known = new Map()));
  let found = known.get(rules);
  if (found === undefined) {
    found = {
      headTimeout: rules?.headTimeout || limits.headTimeout,
      keepAliveTimeout: rules?.keepAliveTimeout || limits.keepAliveTimeout,
      maxRequests: rules?.maxRequests ?? 0,
      rules,
    };
    known.set(rules, found);
  }
  return found;
}

/** A client will not ask again: connections to backends that were its alone end. */
export function retirePools(client: ClientConnection): void {
  if (client.ownPools) for (const pool of client.ownPools) pool.retire();
  client.ownPools = null;
}

/** A connection is gone, and its last byte with it. */
export function forgetConnection(service: HttpService, connection: Drainable): void {
  service.stats.connectionsOpen.value--;
  service.connections.delete(connection);
}
