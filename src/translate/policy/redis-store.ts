/** The Redis by which several gateways share limits or sign-outs, as a policy names it. */
import { isIP } from 'node:net';
import { POLICY_REASON, type RedisStore, type SharedLimitStore } from '../../api/index.ts';
import {
  barredHost,
  type RedisLogin,
  type RedisServer,
  type RedisSettings,
  type SharedLimits,
} from '../../config/index.ts';
import { milliseconds } from '../../value/duration.ts';
import { readAuthorities } from '../gateway/trust.ts';
import { find, type Lookup } from '../lookup.ts';
import { type Problem, problem } from '../verdict/problem.ts';

const REDIS_PORT = 6_379;
const SENTINEL_PORT = 26_379;
/** Milliseconds that a request may wait. */
export const LONGEST_WAIT = 10_000;

interface Reading {
  look: Lookup;
  namespace: string;
  field: string;
  invalid: Problem[];
}

export function sharedLimitsOf(shared: SharedLimitStore, at: Reading): SharedLimits {
  const { onFailure, batch } = shared;
  return { ...sharedStoreOf(shared, at), onFailure, batch };
}

export function sharedStoreOf(
  { redis, timeout }: Pick<SharedLimitStore, 'redis' | 'timeout'>,
  at: Reading,
): Pick<SharedLimits, 'redis' | 'timeout'> {
  const wait = milliseconds(timeout) ?? 0;
  if (wait < 1 || wait > LONGEST_WAIT) {
    const message = `is ${timeout}, and must be between 1ms and ${LONGEST_WAIT / 1000}s: a request waits as long`;
    at.invalid.push(problem(POLICY_REASON.Invalid, `${at.field}.timeout`, message));
  }
  return { redis: redisOf(redis, { ...at, field: `${at.field}.redis` }), timeout: wait };
}

function redisOf({ url, secretRef, tls, cluster = false, sentinel }: RedisStore, at: Reading): RedisSettings {
  const [, scheme, hosts = '', database = '0'] = /^(rediss?):\/\/([^/]*)(?:\/(\d+))?$/.exec(url) ?? [];
  const servers = hosts.split(',').map((host) => serverOf(host, sentinel === undefined ? REDIS_PORT : SENTINEL_PORT));
  checkServers(servers, at);
  const settings: RedisSettings = {
    servers,
    kind: sentinel === undefined ? (cluster ? 'Cluster' : 'Server') : 'Sentinel',
    login: secretRef === undefined ? {} : loginOf(secretRef.name, { ...at, field: `${at.field}.secretRef` }),
    database: Number(database),
  };
  if (cluster && settings.database !== 0) {
    at.invalid.push(problem(POLICY_REASON.Invalid, `${at.field}.url`, 'names a database: a cluster has none but 0'));
  }
  if (scheme === 'rediss') settings.tls = tlsOf(tls ?? {}, { ...at, field: `${at.field}.tls` });
  if (sentinel !== undefined) {
    const { master, secretRef: own } = sentinel;
    const login = own === undefined ? {} : loginOf(own.name, { ...at, field: `${at.field}.sentinel.secretRef` });
    settings.sentinel = { master, login };
  }
  return settings;
}

/** `host`, `host:port` or `[address]:port`. */
function serverOf(text: string, fallback: number): RedisServer {
  const [, host = '', port] = /^(\[[^\]]*\]|[^:]*)(?::(\d+))?$/.exec(text) ?? [];
  return { host: host.replace(/^\[|\]$/g, ''), port: port === undefined ? fallback : Number(port) };
}

/** Whoever may write a policy reaches no more by it than by a Service: the data plane asks once more for each connection. */
function checkServers(servers: readonly RedisServer[], { look, field, invalid }: Reading): void {
  for (const { host, port } of servers) {
    const barred = barredHost(host, isIP(host) ? 'allowed' : (look.options.loopbackNames ?? 'refused'));
    if (barred !== undefined) {
      invalid.push(
        problem(POLICY_REASON.Invalid, `${field}.url`, `names ${host}, which ${barred}: name another server`),
      );
    }
    if (port < 1 || port > 65_535) invalid.push(problem(POLICY_REASON.Invalid, `${field}.url`, `${port} is no port`));
  }
}

function loginOf(name: string, { look, namespace, field, invalid }: Reading): RedisLogin {
  const secret = find(look, 'Secret', { namespace, name });
  const decoded = (key: string): string | undefined => {
    const value = secret?.data?.[key];
    return value === undefined ? undefined : Buffer.from(value, 'base64').toString();
  };
  const [username, password] = [decoded('username'), decoded('password')];
  if (secret === undefined) {
    const message = `Secret ${namespace}/${name} does not exist: make it, with the key password`;
    invalid.push(problem(POLICY_REASON.Invalid, field, message));
  } else if (password === undefined || password === '') {
    invalid.push(problem(POLICY_REASON.Invalid, field, `Secret ${namespace}/${name} has no password in its data`));
  }
  const login: RedisLogin = {};
  if (username !== undefined && username !== '') login.username = username;
  if (password !== undefined) login.password = password;
  return login;
}

function tlsOf(
  { hostname, caCertificateRefs }: NonNullable<RedisStore['tls']>,
  { look, namespace, field, invalid }: Reading,
): NonNullable<RedisSettings['tls']> {
  const tls: NonNullable<RedisSettings['tls']> = {};
  if (hostname !== undefined) tls.serverName = hostname;
  if (caCertificateRefs === undefined) return tls;
  tls.ca = [];
  for (const [at, { kind, name }] of caCertificateRefs.entries()) {
    const object = find(look, kind, { namespace, name });
    const read = object === undefined ? { fault: 'does not exist' } : readAuthorities(object);
    if ('pem' in read) tls.ca.push(read.pem);
    else {
      const message = `${kind} ${namespace}/${name}: ${read.fault}`;
      invalid.push(problem(POLICY_REASON.Invalid, `${field}.caCertificateRefs[${at}]`, message));
    }
  }
  return tls;
}
