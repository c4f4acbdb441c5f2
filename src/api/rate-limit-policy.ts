import type { HTTPRouteMatch } from './http-route.ts';
import type { RequestPolicy } from './request-policy.ts';

/** How much of what is asked for is let through. */
export interface RateLimitPolicy extends RequestPolicy<RateLimits> {
  kind: 'RateLimitPolicy';
}

export interface RateLimits {
  limits: RateLimitEntry[];
  mode: 'Local';
  headers: 'All' | 'Refused' | 'None';
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
  type: 'ClientAddress' | 'Header' | 'Cookie' | 'Query' | 'Path' | 'Host' | 'Route' | 'Gateway';
  name?: string;
}
