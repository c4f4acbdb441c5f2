/** RateLimit: what one user's policy asks for, as the filters that do it. */
import type { Acting, Limit, RateLimitSettings, RequestLimit } from '../../config/index.ts';
import type { PolicyState } from '../state/index.ts';
import { BandwidthLimiter } from './bandwidth-limiter.ts';
import { ConcurrencyLimiter } from './concurrency-limiter.ts';
import type { CompiledFilter } from './filter.ts';
import type { LimitingPolicy } from './limit-scope.ts';
import { RequestLimiter } from './request-limiter.ts';
import { SharedLimiter } from './shared-limiter.ts';

/** Throws DMN_CONFIG_INVALID for what cannot be compiled. */
export function rateLimitFilters(
  { source, holds }: Acting<RateLimitSettings>,
  { limits, headers, shared }: RateLimitSettings,
  state: PolicyState,
): CompiledFilter[] {
  const about = { source, yields: holds === 'Default', state };
  const early = limits.filter((limit) => !isByClaim(limit));
  return [
    ...limitFilters(early, { headers, shared }, { ...about, step: 'request-limits' }),
    ...limitFilters(limits.filter(isByClaim), { headers, shared }, { ...about, step: 'claim-limits' }),
  ];
}

function isByClaim({ key }: Limit): boolean {
  return key.some(({ type }) => type === 'Claim');
}

function limitFilters(
  limits: readonly Limit[],
  { headers, shared }: Pick<RateLimitSettings, 'headers' | 'shared'>,
  about: LimitingPolicy,
): CompiledFilter[] {
  const requests = limits.filter((limit): limit is RequestLimit => limit.type === 'Requests');
  const filters: CompiledFilter[] = [];
  if (requests.length > 0) {
    filters.push(
      shared === undefined
        ? new RequestLimiter(requests, headers, about)
        : new SharedLimiter(requests, { headers, shared }, about),
    );
  }
  for (const limit of limits) {
    if (limit.type === 'Connections') filters.push(new ConcurrencyLimiter(limit, about));
    else if (limit.type === 'Bandwidth') filters.push(new BandwidthLimiter(limit, about));
  }
  return filters;
}
