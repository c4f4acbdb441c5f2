import * as v from 'valibot';
import { httpMatch } from '../match-shape.ts';
import type { HttpMatch } from '../route.ts';
import { cidr, key, object } from '../shape.ts';
import type { PolicyOf, PolicyType } from './policy.ts';

import { type SharedLimits, sharedLimits, shownSharedLimits } from './redis-store.ts';
import { type Stacked, shownActs, stacked } from './stacked.ts';

/** How much of what is asked for is let through. */
export type RateLimit = PolicyOf<'RateLimit', 'Listener' | 'RouteRule' | 'Backend', Stacked<RateLimitSettings>>;

export interface RateLimitSettings {
  limits: Limit[];
  /** Which answers tell what is left: all, only refusals, or none. */
  headers: 'All' | 'Refused' | 'None';
  /** Absent: each gateway counts by itself. Of limits of requests by time. */
  shared?: SharedLimits | undefined;
}

export type Limit = RequestLimit | ConcurrencyLimit | BandwidthLimit;

interface LimitScope {
  name: string;
  /** What is counted apart; empty: all requests together. */
  key: LimitKey[];
  /** Requests that it counts: those that one of these matches; empty: all. */
  when: HttpMatch[];
  /** CIDRs of clients that it does not count. */
  exempt: string[];
  /** It refuses nothing, and tells what it would refuse. */
  dryRun: boolean;
}

/** Requests by time: a bucket that fills evenly. */
export interface RequestLimit extends LimitScope {
  type: 'Requests';
  requests: number;
  /** Milliseconds in which as many requests come in. */
  period: number;
  /** How many may come at once. */
  burst: number;
  /** What a request counts as. */
  cost: number;
  statusCode: number;
}

/** Requests under way at a time. */
export interface ConcurrencyLimit extends LimitScope {
  type: 'Connections';
  maxConnections: number;
  statusCode: number;
}

/** How fast each answer goes. */
export interface BandwidthLimit extends LimitScope {
  type: 'Bandwidth';
  bytesPerSecond: number;
  /** Bytes of an answer that go as fast as they can before. */
  afterBytes: number;
}

export interface LimitKey {
  type: 'ClientAddress' | 'Header' | 'Cookie' | 'Claim' | 'Query' | 'Path' | 'Host' | 'Route' | 'Gateway';
  /** Of the header (lower case), cookie, claim or query parameter. */
  name?: string;
  /** Of an IPv6 client the bits that count; absent: IPV6_PREFIX_LENGTH. */
  ipv6PrefixLength?: number;
}

const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const some = v.pipe(v.number(), v.integer(), v.minValue(1));
const refusal = v.pipe(count, v.minValue(400), v.maxValue(599));
const limitKey = object<LimitKey>({
  type: v.picklist(['ClientAddress', 'Header', 'Cookie', 'Claim', 'Query', 'Path', 'Host', 'Route', 'Gateway']),
  name: v.optional(key),
  ipv6PrefixLength: v.optional(v.pipe(some, v.maxValue(128))),
});
const scope = {
  name: key,
  key: v.array(limitKey),
  when: v.array(httpMatch),
  exempt: v.array(cidr),
  dryRun: v.boolean(),
};

const requests = object<RequestLimit>({
  ...scope,
  type: v.literal('Requests'),
  requests: some,
  period: some,
  burst: some,
  cost: some,
  statusCode: refusal,
});
const connections = object<ConcurrencyLimit>({
  ...scope,
  type: v.literal('Connections'),
  maxConnections: some,
  statusCode: refusal,
});
const bandwidth = object<BandwidthLimit>({
  ...scope,
  type: v.literal('Bandwidth'),
  bytesPerSecond: some,
  afterBytes: count,
});
const limit = v.variant('type', [requests, connections, bandwidth]);
/** Of what is no answer there is no bandwidth. */
export const streamLimit = v.variant('type', [requests, connections]);

export const rateLimit: PolicyType<'Listener' | 'RouteRule' | 'Backend', Stacked<RateLimitSettings>, 'stacked'> = {
  targets: ['Listener', 'RouteRule', 'Backend'],
  merge: 'stacked',
  stages: ['listener', 'rule', 'backend'],
  shape: stacked(
    object<RateLimitSettings>({
      limits: v.array(limit),
      headers: v.picklist(['All', 'Refused', 'None']),
      shared: v.optional(sharedLimits),
    }),
  ),
  shown: (spec) =>
    shownActs(spec, ({ limits, headers, shared }) =>
      shared === undefined ? { limits, headers } : { limits, headers, shared: shownSharedLimits(shared) },
    ),
};
