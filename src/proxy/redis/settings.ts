/** How a Redis is reached: what a policy says of it, and what it is reached through. */
import type { RedisLogin, RedisServer, RedisSettings } from '../../config/index.ts';
import type { ConnectTarget, ConnectTls, Link, Sink } from '../ground/driver.ts';

/** How connections are opened: past whatever forbids some of them. */
export interface Dialer {
  connect(target: ConnectTarget, sink: Sink): Link;
  /** Addresses of a name that may be connected to; rejects with why there is none. `tenant`: in whose turn it is looked up. */
  addresses(server: RedisServer, tenant: string): Promise<string[]>;
}

export interface Access {
  dialer: Dialer;
  /** The namespace that asks. */
  tenant(): string;
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
