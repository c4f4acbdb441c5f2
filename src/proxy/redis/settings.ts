/** How a Redis is reached, as a policy says it. The same settings mean the same connections. */
import type { ConnectTarget, ConnectTls, Link, Sink } from '../ground/driver.ts';

export interface RedisServer {
  host: string;
  port: number;
}

export interface RedisLogin {
  username?: string | undefined;
  password?: string | undefined;
}

export interface RedisSettings {
  /** The server; of a cluster some of its nodes; with `sentinel` the Sentinels. */
  servers: RedisServer[];
  kind: 'Server' | 'Cluster' | 'Sentinel';
  login: RedisLogin;
  /** Number of a database; 0 in a cluster. */
  database: number;
  tls?: { serverName?: string | undefined; ca?: string[] | undefined } | undefined;
  /** Name of the master that Sentinels watch, and how they are asked. */
  sentinel?: { master: string; login: RedisLogin } | undefined;
}

/** How connections are opened: past whatever forbids some of them. */
export interface Dialer {
  connect(target: ConnectTarget, sink: Sink): Link;
  /** Addresses of a name that may be connected to; rejects with why there is none. */
  addresses(server: RedisServer): Promise<string[]>;
}

export interface Access {
  dialer: Dialer;
  login: RedisLogin;
  /** Of the server's host, where it speaks TLS. */
  tls?: ((host: string) => ConnectTls) | undefined;
}

/** In words, for metrics and messages: nothing of it is secret. */
export function nameOf({ servers, kind, database, tls, sentinel }: RedisSettings): string {
  const hosts = servers.map(({ host, port }) => `${host.includes(':') ? `[${host}]` : host}:${port}`).join(',');
  const master = kind === 'Sentinel' ? `/${sentinel!.master}` : '';
  return `${tls === undefined ? 'redis' : 'rediss'}://${hosts}${master}${database === 0 ? '' : `/${database}`}`;
}
