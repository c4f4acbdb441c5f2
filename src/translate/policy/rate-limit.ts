import type { RateLimitEntry } from '../../api/index.ts';
import type { Limit, LimitKey, StreamLimit } from '../../config/index.ts';
import { type ExpressionWork, readHttpMatches } from '../http-match.ts';
import type { Problem } from '../verdict/problem.ts';
import { sharedLimitsOf } from './redis-store.ts';
import { requestPolicy } from './request-policy.ts';
import type { StreamPart } from './stream-part.ts';

export const rateLimit = requestPolicy({
  kind: 'RateLimitPolicy',
  types: ['RateLimit'],
  streams: 'StreamLimits',
  joins: true,
  read({ limits = [], headers = 'All', shared }, { field, invalid, look, name: { namespace } }) {
    const work = { steps: 0 };
    const read = limits.map((entry, at) => limitOf(entry, { at, field: `${field}.limits[${at}]`, invalid, work }));
    const StreamLimits = streamPart(read, field, shared !== undefined);
    if (shared === undefined) return { RateLimit: { limits: read, headers }, StreamLimits };
    const store = sharedLimitsOf(shared, { look, namespace, field: `${field}.shared`, invalid });
    return { RateLimit: { limits: read, headers, shared: store }, StreamLimits };
  },
});

/** What a connection can be counted apart by. */
const KEYS_OF_STREAMS: ReadonlyArray<LimitKey['type']> = ['ClientAddress', 'Route', 'Gateway'];

/** Limits that connections can be counted by, and what of the others asks for a request. */
function streamPart(all: readonly Limit[], field: string, isShared: boolean): StreamPart<'StreamLimits'> {
  const ofRequests: string[] = [];
  const limits = all.flatMap((limit, at): StreamLimit[] => {
    const asked = askedOfRequest(limit);
    ofRequests.push(...asked.map((name) => `${field}.limits[${at}].${name}`));
    if (isShared && limit.type === 'Requests') ofRequests.push(`${field}.shared`);
    return asked.length > 0 || limit.type === 'Bandwidth' || (isShared && limit.type === 'Requests') ? [] : [limit];
  });
  return { settings: { limits }, unknown: [], ofRequests: [...new Set(ofRequests)] };
}

function askedOfRequest({ type, key, when }: Limit): string[] {
  return [
    ...(when.length > 0 ? ['when'] : []),
    ...(key.some((one) => !KEYS_OF_STREAMS.includes(one.type)) ? ['key'] : []),
    ...(type === 'Bandwidth' ? ['bytesPerSecond'] : []),
  ];
}

/** Milliseconds. */
const PERIODS = { Second: 1_000, Minute: 60_000, Hour: 3_600_000, Day: 86_400_000 } as const;
const TOO_MANY_REQUESTS = 429;

interface Reading {
  at: number;
  field: string;
  invalid: Problem[];
  /** Of the regular expressions of all its limits. */
  work: ExpressionWork;
}

function limitOf(entry: RateLimitEntry, at: Reading): Limit {
  const { name = String(at.at), key = [], exempt = [], dryRun = false, statusCode = TOO_MANY_REQUESTS } = entry;
  const matches = readHttpMatches(entry.when, `${at.field}.when`, at.work);
  at.invalid.push(...matches.invalid);
  const when = entry.when === undefined || entry.when.length === 0 ? [] : matches.matches;
  const scope = { name, key: key.map(keyOf), when, exempt, dryRun };
  if (entry.maxConnections !== undefined) {
    return { type: 'Connections', ...scope, maxConnections: entry.maxConnections, statusCode };
  }
  if (entry.bytesPerSecond !== undefined) {
    return { type: 'Bandwidth', ...scope, bytesPerSecond: entry.bytesPerSecond, afterBytes: entry.afterBytes ?? 0 };
  }
  // The schema has it that one of the three is there.
  const requests = entry.requests!;
  const { burst = requests, cost = 1, per = 'Second' } = entry;
  return { type: 'Requests', ...scope, requests, period: PERIODS[per], burst, cost, statusCode };
}

function keyOf({ type, name, ipv6PrefixLength }: LimitKey): LimitKey {
  if (ipv6PrefixLength !== undefined) return { type, ipv6PrefixLength };
  if (name === undefined) return { type };
  return { type, name: type === 'Header' ? name.toLowerCase() : name };
}
