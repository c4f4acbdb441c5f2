import * as v from 'valibot';
import { type HealthCheck, healthCheck } from '../health-check.ts';
import { type OutlierDetection, outlierDetection } from '../outlier-detection.ts';
import { retry } from '../retry-shape.ts';
import type { Retry } from '../route.ts';
import { type SessionPersistence, sessionPersistence, shownSession } from '../session.ts';
import { cidr, object } from '../shape.ts';
import { type EndpointTls, endpointTls } from './endpoint-tls.ts';
import type { PolicyOf, PolicyType } from './policy.ts';

/** How connections to endpoints are made. */
export type BackendTraffic = PolicyOf<'BackendTraffic', 'Backend', BackendTrafficSpec>;

export interface BackendTrafficSpec {
  /** The header that every connection begins with, before TLS. */
  proxyProtocol?: 'V1' | 'V2';
  loadBalancing?: LoadBalancing;
  sessionPersistence?: SessionPersistence;
  circuitBreaker?: CircuitBreaker;
  timeouts?: BackendTimeouts;
  connection?: BackendConnection;
  /** Where the rule has none. */
  retry?: Retry;
  retryBudget?: RetryLimit;
  tls?: EndpointTls;
  healthCheck?: HealthCheck;
  outlierDetection?: OutlierDetection;
  dns?: NameRefresh;
  /** Of HTTP, in the place of what the port's appProtocol says. Auto: over TLS what ALPN settles with each endpoint. */
  httpVersion?: 'HTTP1' | 'HTTP2' | 'Auto';
}

export interface LoadBalancing {
  /** RoundRobin where there is no policy. LeastRequest: of two endpoints by chance the one with fewer requests. */
  type: 'RoundRobin' | 'LeastRequest' | 'Random' | 'ConsistentHash';
  /** Of ConsistentHash. */
  hash?: ConsistentHashing;
  /** Milliseconds in which an endpoint that comes to others gets more and more of its share; not by a hash. */
  slowStart?: number;
  /** Endpoints in the gateway's zone come first, as long as one of them can be used. */
  zone?: 'PreferLocal';
  /** The first that holds an endpoint's address; of others it is 1. */
  weights?: EndpointWeight[];
}

export interface ConsistentHashing {
  /** All parts together; a request that has none of them goes by turns. */
  keys: HashPart[];
  /** What an endpoint bears of its even share before keys go to the next; 0: everything. Absent: 125. */
  maxLoadPercent?: number;
  /** Endpoints for each key, chosen among by chance. Absent: 1. */
  subsetSize?: number;
}

/** Uri: path and query. */
export interface HashPart {
  type: 'ClientAddress' | 'Header' | 'Cookie' | 'Query' | 'Path' | 'Uri' | 'Host';
  /** Of a header, a cookie or a query parameter. */
  name?: string;
}

interface EndpointWeight {
  /** CIDRs. */
  networks: string[];
  /** 1 to 1,000. */
  weight: number;
}

/** Of each worker, towards each endpoint. */
interface CircuitBreaker {
  maxConnections?: number;
  /** Requests that wait for a connection; more get a 503. */
  maxPendingRequests?: number;
  /** At a time; more get a 503. */
  maxRequests?: number;
  /** Retries under way or waiting, of the backend as a whole; more are not made. */
  maxRetries?: number;
}

/** Milliseconds. */
export interface BackendTimeouts {
  /** For a connection to open, its TLS handshake included. */
  connect?: number;
  /** Between two reads of the answer, from when the request was sent. */
  read?: number;
  /** Between two writes of the request. */
  send?: number;
  /** For the whole of a request whose rule has no timeout of its own. */
  request?: number;
}

export interface BackendConnection {
  /** Milliseconds that a connection without a request is kept. */
  idleTimeout?: number;
  /** Requests that it carries before it is closed. */
  maxRequests?: number;
  /** Connections without a request that are kept, for each endpoint (HTTP/1.1). */
  maxIdle?: number;
}

/** Milliseconds until a name is looked up again, whatever its records say. */
export interface NameRefresh {
  minRefresh?: number;
  maxRefresh?: number;
}

/** How many retries the backend bears. Absent: 20 % and ten a second. */
export interface RetryLimit {
  /** Of the requests of those who retry. */
  percent?: number;
  /** Besides, each second. */
  perSecond?: number;
}

const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const atLeastOne = v.pipe(count, v.minValue(1));

const loadBalancing = object<LoadBalancing>({
  type: v.picklist(['RoundRobin', 'LeastRequest', 'Random', 'ConsistentHash']),
  hash: v.optional(
    object<ConsistentHashing>({
      keys: v.array(
        object<HashPart>({
          type: v.picklist(['ClientAddress', 'Header', 'Cookie', 'Query', 'Path', 'Uri', 'Host']),
          name: v.optional(v.string()),
        }),
      ),
      maxLoadPercent: v.optional(count),
      subsetSize: v.optional(v.pipe(count, v.minValue(1))),
    }),
  ),
  slowStart: v.optional(count),
  zone: v.optional(v.literal('PreferLocal')),
  weights: v.optional(
    v.array(
      object<EndpointWeight>({
        networks: v.array(cidr),
        weight: v.pipe(count, v.minValue(1), v.maxValue(1_000)),
      }),
    ),
  ),
});

export const backendTraffic: PolicyType<'Backend', BackendTrafficSpec> = {
  targets: ['Backend'],
  merge: 'whole',
  stages: ['attempt'],
  shape: object<BackendTrafficSpec>({
    proxyProtocol: v.optional(v.picklist(['V1', 'V2'])),
    loadBalancing: v.optional(loadBalancing),
    sessionPersistence: v.optional(sessionPersistence),
    circuitBreaker: v.optional(
      object<CircuitBreaker>({
        maxConnections: v.optional(v.pipe(count, v.minValue(1))),
        maxPendingRequests: v.optional(count),
        maxRequests: v.optional(atLeastOne),
        maxRetries: v.optional(count),
      }),
    ),
    timeouts: v.optional(
      object<BackendTimeouts>({
        connect: v.optional(atLeastOne),
        read: v.optional(atLeastOne),
        send: v.optional(atLeastOne),
        request: v.optional(atLeastOne),
      }),
    ),
    connection: v.optional(
      object<BackendConnection>({
        idleTimeout: v.optional(atLeastOne),
        maxRequests: v.optional(atLeastOne),
        maxIdle: v.optional(count),
      }),
    ),
    retry: v.optional(retry),
    healthCheck: v.optional(healthCheck),
    outlierDetection: v.optional(outlierDetection),
    dns: v.optional(object<NameRefresh>({ minRefresh: v.optional(atLeastOne), maxRefresh: v.optional(atLeastOne) })),
    httpVersion: v.optional(v.picklist(['HTTP1', 'HTTP2', 'Auto'])),
    tls: v.optional(endpointTls),
    retryBudget: v.optional(
      object<RetryLimit>({ percent: v.optional(v.pipe(count, v.maxValue(100))), perSecond: v.optional(count) }),
    ),
  }),
  certificates: ({ tls }) => (tls?.clientCertificate === undefined ? [] : [tls.clientCertificate]),
  shown: ({ sessionPersistence: session, ...others }) => ({
    ...others,
    ...(session && { sessionPersistence: shownSession(session) }),
  }),
};
