import * as v from 'valibot';
import { type SessionPersistence, sessionPersistence, shownSession } from '../session.ts';
import { cidr, object } from '../shape.ts';
import type { PolicyOf, PolicyType } from './policy.ts';

/** How connections to endpoints are made. */
export type BackendTraffic = PolicyOf<'BackendTraffic', 'Backend', BackendTrafficSpec>;

export interface BackendTrafficSpec {
  /** The header that every connection begins with, before TLS. */
  proxyProtocol?: 'V1' | 'V2';
  loadBalancing?: LoadBalancing;
  sessionPersistence?: SessionPersistence;
  circuitBreaker?: CircuitBreaker;
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
}

const count = v.pipe(v.number(), v.integer(), v.minValue(0));

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
      }),
    ),
  }),
  shown: ({ proxyProtocol, loadBalancing, sessionPersistence: session, circuitBreaker }) => ({
    proxyProtocol,
    loadBalancing,
    ...(session && { sessionPersistence: shownSession(session) }),
    circuitBreaker,
  }),
};
