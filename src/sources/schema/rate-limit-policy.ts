import type { RateLimitEntry, RateLimitKey, RateLimits, RedisStore } from '../../api/index.ts';
import { cidr, duration, headerName, label, objectName, preciseHostname } from './format.ts';
import { routeMatch } from './http-route.ts';
import { requestPolicySpec, streamTargets } from './request-policy.ts';
import {
  celRule,
  flag,
  integer,
  list,
  NAMES_ARE_DISTINCT,
  type ObjectSchema,
  object,
  oneOf,
  optional,
  required,
  rule,
  text,
} from './schema.ts';

const NAMED = ['Header', 'Cookie', 'Claim', 'Query'];

const key = object(
  {
    type: required(oneOf('ClientAddress', 'Header', 'Cookie', 'Claim', 'Query', 'Path', 'Host', 'Route', 'Gateway')),
    name: optional(headerName),
    ipv6PrefixLength: optional(integer({ min: 1, max: 128 })),
  },
  {
    rules: [
      celRule(
        '!(self.type in ["Header", "Cookie", "Claim", "Query"]) || has(self.name)',
        rule<RateLimitKey>(
          'is required when type is Header, Cookie, Claim or Query',
          ({ type, name }) => !NAMED.includes(type) || name !== undefined,
          'name',
        ),
      ),
      celRule(
        'self.type in ["Header", "Cookie", "Claim", "Query"] || !has(self.name)',
        rule<RateLimitKey>(
          'goes with type Header, Cookie, Claim or Query only; change type or remove it',
          ({ type, name }) => NAMED.includes(type) || name === undefined,
          'name',
        ),
      ),
      celRule(
        'self.type == "ClientAddress" || !has(self.ipv6PrefixLength)',
        rule<RateLimitKey>(
          'goes with type ClientAddress only; change type or remove it',
          ({ type, ipv6PrefixLength }) => type === 'ClientAddress' || ipv6PrefixLength === undefined,
          'ipv6PrefixLength',
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

const namesAreDistinct = celRule(
  NAMES_ARE_DISTINCT,
  rule<RateLimitEntry[]>('must not have one name twice; rename one of the two', (limits) => {
    const names = limits.flatMap(({ name }) => name ?? []);
    return new Set(names).size === names.length;
  }),
);

const HOST = '([A-Za-z0-9_.-]+|\\[[0-9A-Fa-f:.]+\\])(:[0-9]{1,5})?';
const REDIS_URL = `^rediss?://${HOST}(,${HOST})*(/[0-9]{1,5})?$`;

const redisUrl = text({
  min: 1,
  max: 2_048,
  format: {
    is: 'an address such as redis://10.0.0.7:6379, rediss://redis.shop.svc/2, or several hosts between commas, without a password (secretRef has it)',
    matches: (value) => new RegExp(REDIS_URL).test(value),
    openApi: { pattern: REDIS_URL },
  },
});
const secretRef = object({ kind: optional(oneOf('Secret'), 'Secret'), name: required(objectName) });
const authorities = object({
  kind: optional(oneOf('ConfigMap', 'Secret'), 'ConfigMap'),
  name: required(objectName),
});

/** A Redis, of whatever is shared by gateways. */
export const redis: ObjectSchema = object(
  {
    url: required(redisUrl),
    secretRef: optional(secretRef),
    tls: optional(
      object({
        hostname: optional(preciseHostname),
        caCertificateRefs: optional(list(authorities, { min: 1, max: 8 })),
      }),
    ),
    cluster: optional(flag),
    sentinel: optional(object({ master: required(text({ min: 1, max: 253 })), secretRef: optional(secretRef) })),
  },
  {
    rules: [
      celRule(
        '!has(self.tls) || self.url.startsWith("rediss:")',
        rule<RedisStore>(
          'goes with an address that begins with rediss: only',
          ({ tls, url }) => tls === undefined || url.startsWith('rediss:'),
          'tls',
        ),
      ),
      celRule(
        '!has(self.cluster) || !self.cluster || !has(self.sentinel)',
        rule<RedisStore>(
          'must not stand beside sentinel: a cluster replaces its masters itself; remove one of the two',
          ({ cluster, sentinel }) => cluster !== true || sentinel === undefined,
          'cluster',
        ),
      ),
      celRule(
        '!self.url.contains(",") || has(self.cluster) && self.cluster || has(self.sentinel)',
        rule<RedisStore>(
          'has several hosts, which goes with cluster or sentinel only: give one, or say which it is',
          ({ url, cluster, sentinel }) => !url.includes(',') || cluster === true || sentinel !== undefined,
          'url',
        ),
      ),
    ],
  },
);

const shared = object({
  redis: required(redis),
  onFailure: optional(oneOf('Open', 'Closed', 'Local'), 'Local'),
  batch: optional(integer({ min: 1, max: 1_000_000 }), 1),
  timeout: optional(duration, '250ms'),
});

const sharedHasMode = celRule(
  'has(self.shared) == (has(self.mode) && self.mode == "Shared")',
  rule<RateLimits>(
    'goes with mode: Shared, and mode: Shared needs it: add the one, or remove the other',
    (limits) => (limits.shared !== undefined) === (limits.mode === 'Shared'),
    'shared',
  ),
);

export const rateLimitPolicySpec = requestPolicySpec(
  {
    limits: required(list(limit, { min: 1, max: 64, rules: [namesAreDistinct] })),
    mode: optional(oneOf('Local', 'Shared'), 'Local'),
    shared: optional(shared),
    headers: optional(oneOf('All', 'Refused', 'None'), 'All'),
  },
  [sharedHasMode],
  streamTargets,
);
