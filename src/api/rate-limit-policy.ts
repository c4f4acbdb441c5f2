import type { HTTPRouteMatch } from './http-route.ts';
import type { RequestPolicy } from './request-policy.ts';

/** How much of what is asked for is let through. */
export interface RateLimitPolicy extends RequestPolicy<RateLimits> {
  kind: 'RateLimitPolicy';
}

export interface RateLimits {
  limits: RateLimitEntry[];
  /** Shared: counted by all gateways that have the same `shared`, those that limit requests by time. */
  mode: 'Local' | 'Shared';
  shared?: SharedLimitStore;
  headers: 'All' | 'Refused' | 'None';
}

/** Where shared limits are counted, and what holds while that is away. */
export interface SharedLimitStore {
  redis: RedisStore;
  onFailure: 'Open' | 'Closed' | 'Local';
  /** Tokens that a gateway takes at a time. */
  batch: number;
  /** A duration: how long a request waits for an answer. */
  timeout: string;
}

export interface RedisStore {
  /** `redis://host:port`, or `rediss://` over TLS; several hosts between commas; `/n` for a database. */
  url: string;
  /** With `password`, and `username` where there is one. */
  secretRef?: LocalSecretReference;
  tls?: { hostname?: string; caCertificateRefs?: Array<{ kind: 'ConfigMap' | 'Secret'; name: string }> };
  cluster?: boolean;
  sentinel?: { master: string; secretRef?: LocalSecretReference };
}

/** In the namespace of who refers to it. */
export interface LocalSecretReference {
  kind: 'Secret';
  name: string;
}

/** Exactly one of requests, maxConnections and bytesPerSecond is there. */
export interface RateLimitEntry {
  name?: string;
  requests?: number;
  per?: 'Second' | 'Minute' | 'Hour' | 'Day';
  burst?: number;
  cost?: number;
  maxConnections?: number;
  bytesPerSecond?: number;
  afterBytes?: number;
  key?: RateLimitKey[];
  when?: HTTPRouteMatch[];
  exempt?: string[];
  statusCode?: number;
  dryRun?: boolean;
}

export interface RateLimitKey {
  type: 'ClientAddress' | 'Header' | 'Cookie' | 'Claim' | 'Query' | 'Path' | 'Host' | 'Route' | 'Gateway';
  name?: string;
  ipv6PrefixLength?: number;
}
