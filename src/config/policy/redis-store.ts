/** What several gateways share by a Redis: where that is, and what holds while it is away. */
import * as v from 'valibot';
import { key, object, type Shape } from '../shape.ts';

export interface SharedLimits {
  redis: RedisSettings;
  /** What becomes of requests while nothing is known: let through, refused, or counted by each gateway alone. */
  onFailure: 'Open' | 'Closed' | 'Local';
  /** Tokens that a gateway takes at a time; 1: each request is asked about. */
  batch: number;
  /** Milliseconds that a request waits for an answer. */
  timeout: number;
}

/** How a Redis is reached. The same settings mean the same connections. */
export interface RedisSettings {
  /** The server; of a cluster some of its nodes; with `sentinel` the Sentinels. */
  servers: RedisServer[];
  kind: 'Server' | 'Cluster' | 'Sentinel';
  login: RedisLogin;
  /** Number of a database; 0 in a cluster. */
  database: number;
  /** The name that a certificate must have, where it is not the host's, and PEM of who may have signed it. */
  tls?: { serverName?: string | undefined; ca?: string[] | undefined } | undefined;
  /** Name of the master that Sentinels watch, and how they are asked. */
  sentinel?: { master: string; login: RedisLogin } | undefined;
}

export interface RedisServer {
  host: string;
  port: number;
}

export interface RedisLogin {
  username?: string | undefined;
  password?: string | undefined;
}

const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const some = v.pipe(v.number(), v.integer(), v.minValue(1));
const login = object<RedisLogin>({ username: v.optional(key), password: v.optional(v.string()) });

export const redisSettings: Shape<RedisSettings> = object<RedisSettings>({
  servers: v.pipe(v.array(object<RedisServer>({ host: key, port: v.pipe(some, v.maxValue(65_535)) })), v.minLength(1)),
  kind: v.picklist(['Server', 'Cluster', 'Sentinel']),
  login,
  database: count,
  tls: v.optional(
    object<NonNullable<RedisSettings['tls']>>({ serverName: v.optional(key), ca: v.optional(v.array(v.string())) }),
  ),
  sentinel: v.optional(object<NonNullable<RedisSettings['sentinel']>>({ master: key, login })),
});

export const sharedLimits: Shape<SharedLimits> = object<SharedLimits>({
  redis: redisSettings,
  onFailure: v.picklist(['Open', 'Closed', 'Local']),
  batch: some,
  timeout: some,
});

/** Without logins. */
export function shownRedis(redis: RedisSettings): RedisSettings {
  const shown: RedisSettings = { ...redis, login: {} };
  if (redis.sentinel !== undefined) shown.sentinel = { master: redis.sentinel.master, login: {} };
  return shown;
}

export function shownSharedLimits({ redis, ...limits }: SharedLimits): SharedLimits {
  return { ...limits, redis: shownRedis(redis) };
}
