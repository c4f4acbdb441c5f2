import * as v from 'valibot';
import { object } from '../shape.ts';
import type { PolicyOf, PolicyType } from './policy.ts';

/** How connections to endpoints are made. */
export type BackendTraffic = PolicyOf<'BackendTraffic', 'Backend', BackendTrafficSpec>;

export interface BackendTrafficSpec {
  /** The header that every connection begins with, before TLS. */
  proxyProtocol?: 'V1' | 'V2';
  loadBalancing?: LoadBalancing;
  circuitBreaker?: CircuitBreaker;
}

export interface LoadBalancing {
  /** RoundRobin where there is no policy. LeastRequest: of two endpoints by chance the one with fewer requests. */
  type: 'RoundRobin' | 'LeastRequest';
}

/** Of each worker, towards each endpoint. */
interface CircuitBreaker {
  maxConnections?: number;
  /** Requests that wait for a connection; more get a 503. */
  maxPendingRequests?: number;
}

const count = v.pipe(v.number(), v.integer(), v.minValue(0));

export const backendTraffic: PolicyType<'Backend', BackendTrafficSpec> = {
  targets: ['Backend'],
  merge: 'whole',
  stages: ['attempt'],
  shape: object<BackendTrafficSpec>({
    proxyProtocol: v.optional(v.picklist(['V1', 'V2'])),
    loadBalancing: v.optional(object<LoadBalancing>({ type: v.picklist(['RoundRobin', 'LeastRequest']) })),
    circuitBreaker: v.optional(
      object<CircuitBreaker>({
        maxConnections: v.optional(v.pipe(count, v.minValue(1))),
        maxPendingRequests: v.optional(count),
      }),
    ),
  }),
  shown: ({ proxyProtocol, loadBalancing, circuitBreaker }) => ({ proxyProtocol, loadBalancing, circuitBreaker }),
};
