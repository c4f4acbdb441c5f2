import type { RateLimitEntry, RateLimitKey, RateLimits } from '../../api/index.ts';
import type { Fields } from '../fields.ts';
import type { KongPluginKind, PluginSite } from './plugin.ts';
import { checkNames } from './spelling.ts';
import { POSITIVE, REFUSALS } from './status.ts';

const PERIODS = [
  ['second', 'Second'],
  ['minute', 'Minute'],
  ['hour', 'Hour'],
  ['day', 'Day'],
] as const;
const TOO_MANY = 429;
const REDIS_PORT = 6379;
const PORTS = [1, 65_535] as const;
/** Milliseconds for Redis, as Kong has it. */
const REDIS_TIMEOUT = 2_000;

export const rateLimiting: KongPluginKind = {
  plugin: 'rate-limiting',
  guards: true,
  read(config, site) {
    const key = keyOf(config, site);
    const statusCode = config.whole('error_code', REFUSALS, { ours: 'limits[].statusCode' }) ?? TOO_MANY;
    const limits = PERIODS.flatMap(([name, per]): RateLimitEntry[] => {
      const differs = 'refills steadily, where Kong begins a new window';
      const requests = config.whole(name, POSITIVE, { ours: `limits[].requests, per: ${per}`, differs });
      return requests === undefined ? [] : [{ name, requests, per, statusCode, ...(key.length === 0 ? {} : { key }) }];
    });
    for (const name of ['month', 'year']) config.lost(name, 'limits are by second, minute, hour and day: write day');
    if (limits.length === 0) config.refuse('minute', 'one of second, minute, hour and day must be there');
    config.text('error_message', { differs: 'the refusal has our words; errorPages of a ResponsePolicy has others' });
    const headers = config.flag('hide_client_headers', { ours: 'headers' }) === true ? 'None' : 'All';
    return { policies: { RateLimitPolicy: { limits, headers, ...storeOf(config) } } };
  },
};

function keyOf(config: Fields, { identity }: PluginSite): RateLimitKey[] {
  const by = config.oneOf('limit_by', ['consumer', 'credential', 'ip', 'service', 'header', 'path'], {
    ours: 'limits[].key',
  });
  const differs = 'requests without it are counted as one; Kong counts them by address';
  const header = config.text('header_name', { ours: 'limits[].key[].name', differs });
  config.text('path');
  switch (by) {
    case undefined:
    case 'consumer':
    case 'credential':
      // Kong counts by address where nobody says who asks.
      return identity !== undefined ? [{ type: 'Claim', name: identity }] : [{ type: 'ClientAddress' }];
    case 'ip':
      return [{ type: 'ClientAddress' }];
    case 'service':
      return [];
    case 'header':
      if (header !== undefined) checkNames(config, 'header_name', [header]);
      if (header === undefined) config.refuse('header_name', 'is required where limit_by is header');
      return [{ type: 'Header', name: header ?? 'x' }];
    case 'path':
      config.refuse('limit_by', 'path is not served: write a RateLimitPolicy with when and a key of type Path');
      return [];
  }
}

type Store = Pick<RateLimits, 'mode' | 'shared'>;

function storeOf(config: Fields): Store {
  const policy = config.text('policy', { ours: 'mode' }) ?? 'local';
  const tolerant = config.flag('fault_tolerant', { ours: 'shared.onFailure' }) ?? true;
  config.only('sync_rate', -1, 'counters are asked for each request, or taken in advance by shared.batch');
  const redis = config.object('redis');
  for (const name of OLD_REDIS) config.lost(`redis_${name}`, `is the old spelling: write redis.${name}`);
  if (policy !== 'redis') {
    if (policy !== 'local') config.refuse('policy', `${policy} is not served: local and redis are`);
    return { mode: 'Local' };
  }
  const host = redis?.text('host', { ours: 'shared.redis.url' });
  if (redis === undefined || host === undefined) {
    config.refuse('redis', 'host is required where policy is redis');
    return { mode: 'Local' };
  }
  const port = redis.whole('port', PORTS, { ours: 'shared.redis.url' }) ?? REDIS_PORT;
  const database = redis.whole('database', [0, Number.MAX_SAFE_INTEGER], { ours: 'shared.redis.url' }) ?? 0;
  const timeout = redis.whole('timeout', POSITIVE, { ours: 'shared.timeout' }) ?? REDIS_TIMEOUT;
  const tls = redis.flag('ssl', { ours: 'shared.redis.url (rediss:)' }) === true;
  const hostname = redis.text('server_name', { ours: 'shared.redis.tls.hostname' });
  for (const name of ['username', 'password']) {
    redis.lost(name, 'stands in the plain: write a RateLimitPolicy with shared.redis.secretRef');
  }
  if (tls) redis.only('ssl_verify', true, 'is always verified here: leave it out, or write true');
  const url = `${tls ? 'rediss' : 'redis'}://${host}:${port}${database === 0 ? '' : `/${database}`}`;
  return {
    mode: 'Shared',
    shared: {
      redis: { url, ...(tls && hostname !== undefined ? { tls: { hostname } } : {}) },
      onFailure: tolerant ? 'Open' : 'Closed',
      batch: 1,
      timeout: `${timeout}ms`,
    },
  };
}

const OLD_REDIS = ['host', 'port', 'password', 'username', 'ssl', 'ssl_verify', 'server_name', 'timeout', 'database'];
