import type { RateLimitEntry, RateLimitKey } from '../../api/index.ts';
import { cidr, headerName, label } from './format.ts';
import { routeMatch } from './http-route.ts';
import { requestPolicySpec } from './request-policy.ts';
import { celRule, flag, integer, list, object, oneOf, optional, required, rule } from './schema.ts';

const NAMED = ['Header', 'Cookie', 'Query'];

const key = object(
  {
    type: required(oneOf('ClientAddress', 'Header', 'Cookie', 'Query', 'Path', 'Host', 'Route', 'Gateway')),
    name: optional(headerName),
  },
  {
    rules: [
      celRule(
        '!(self.type in ["Header", "Cookie", "Query"]) || has(self.name)',
        rule<RateLimitKey>(
          'is required when type is Header, Cookie or Query',
          ({ type, name }) => !NAMED.includes(type) || name !== undefined,
          'name',
        ),
      ),
      celRule(
        'self.type in ["Header", "Cookie", "Query"] || !has(self.name)',
        rule<RateLimitKey>(
          'goes with type Header, Cookie or Query only; change type or remove it',
          ({ type, name }) => NAMED.includes(type) || name === undefined,
          'name',
        ),
      ),
    ],
  },
);

/** Each with the fields that go with it alone. */
const WHAT = {
  requests: ['per', 'burst', 'cost'],
  maxConnections: [],
  bytesPerSecond: ['afterBytes'],
} as const satisfies Partial<Record<keyof RateLimitEntry, ReadonlyArray<keyof RateLimitEntry>>>;
const WHATS = Object.keys(WHAT) as Array<keyof typeof WHAT>;

const limit = object(
  {
    name: optional(label),
    requests: optional(integer({ min: 1 })),
    per: optional(oneOf('Second', 'Minute', 'Hour', 'Day')),
    burst: optional(integer({ min: 1 })),
    cost: optional(integer({ min: 1, max: 1_000_000 })),
    maxConnections: optional(integer({ min: 1 })),
    bytesPerSecond: optional(integer({ min: 1 })),
    afterBytes: optional(integer({ min: 0 })),
    key: optional(list(key, { max: 8 })),
    when: optional(list(routeMatch, { max: 64 })),
    exempt: optional(list(cidr, { max: 256, unique: 'set' })),
    statusCode: optional(integer({ min: 400, max: 599 })),
    dryRun: optional(flag),
  },
  {
    rules: [
      celRule(
        '[has(self.requests), has(self.maxConnections), has(self.bytesPerSecond)].filter(x, x).size() == 1',
        rule<RateLimitEntry>(
          'must have exactly one of requests, maxConnections and bytesPerSecond',
          (one) => WHATS.filter((what) => one[what] !== undefined).length === 1,
        ),
      ),
      celRule(
        '!has(self.requests) || has(self.per)',
        rule<RateLimitEntry>(
          'is required beside requests: Second, Minute, Hour or Day',
          ({ requests, per }) => requests === undefined || per !== undefined,
          'per',
        ),
      ),
      ...WHATS.flatMap((what) =>
        WHAT[what].map((field) =>
          celRule(
            `!has(self.${field}) || has(self.${what})`,
            rule<RateLimitEntry>(
              `goes with ${what} only; remove it`,
              (one) => one[field] === undefined || one[what] !== undefined,
              field,
            ),
          ),
        ),
      ),
      celRule(
        '!has(self.cost) || self.cost <= (has(self.burst) ? self.burst : has(self.requests) ? self.requests : self.cost)',
        rule<RateLimitEntry>(
          'is as much as a request may ever count as: it must not be more than burst, or requests where there is none',
          ({ cost = 1, burst, requests = cost }) => cost <= (burst ?? requests),
          'cost',
        ),
      ),
      celRule(
        '!has(self.bytesPerSecond) || !has(self.key) || self.key.size() == 0',
        rule<RateLimitEntry>(
          'is not served with bytesPerSecond, which counts each answer by itself; remove it',
          ({ bytesPerSecond, key: keys }) => bytesPerSecond === undefined || !keys?.length,
          'key',
        ),
      ),
    ],
  },
);

const namesAreDistinct = rule<RateLimitEntry[]>('must not have one name twice; rename one of the two', (limits) => {
  const names = limits.flatMap(({ name }) => name ?? []);
  return new Set(names).size === names.length;
});

export const rateLimitPolicySpec = requestPolicySpec({
  limits: required(list(limit, { min: 1, max: 64, rules: [namesAreDistinct] })),
  mode: optional(oneOf('Local'), 'Local'),
  headers: optional(oneOf('All', 'Refused', 'None'), 'All'),
});
