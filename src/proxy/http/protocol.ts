/** Which codec a connection gets. */
import type { Link } from '../ground/driver.ts';
import { ConnectionPool, type PoolFactory } from '../upstream/index.ts';
import { AgreedPool, type VersionFactory } from './agreed-pool.ts';
import { Exchange } from './exchange.ts';
import { H1ClientConnection } from './h1/client.ts';
import { refusalReply } from './h1/refusal.ts';
import { H1ServerConnection } from './h1/server.ts';
import { H2Pool, H2ServerConnection, type H2ServerHost, serverSettings } from './h2/index.ts';
import {
  type ConnectionLimits,
  connectionLimits,
  forgetConnection,
  type HttpService,
  linesRead,
  retirePools,
} from './service.ts';

/** By what holds for the connection. */
const hosts = new WeakMap<HttpService, WeakMap<ConnectionLimits, H2ServerHost>>();

/** Serves an accepted connection by what ALPN settled, or by its first bytes. Sets the link's sink. */
export function serveHttp(link: Link, service: HttpService): void {
  if (link.tls?.alpn === 'h2') serveH2(link, service);
  else link.sink = new H1ServerConnection(link, service, link.tls === undefined ? servePreface : undefined);
}

function serveH2(link: Link, service: HttpService): void {
  const connection = new H2ServerConnection(
    link,
    hostOf(service, connectionLimits(service, link.tls?.serverName ?? '')),
  );
  service.stats.connections.value++;
  service.stats.connectionsOpen.value++;
  service.connections.add(connection);
  link.sink = connection;
}

/** HTTP/2 with prior knowledge: the bytes that told so are the connection's first. */
function servePreface(link: Link, service: HttpService, bytes: { start: number; end: number }): void {
  serveH2(link, service);
  link.sink.onBytes(bytes.start, bytes.end);
}

function hostOf(service: HttpService, limits: ConnectionLimits): H2ServerHost {
  let known = hosts.get(service);
  if (known === undefined) hosts.set(service, (known = new WeakMap()));
  let host = known.get(limits);
  if (host === undefined) {
    host = {
      ...settingsOf(limits),
      wheel: service.wheel,
      keepAliveTimeout: limits.keepAliveTimeout,
      maxRequests: limits.maxRequests,
      get maxHeaderLines() {
        return linesRead(service);
      },
      newExchange: (down) => new Exchange(service, down),
      refusal: (connection, { status, message }) => {
        service.stats.refused.value++;
        return refusalReply(service, connection, { status, message, reason: 'malformed_request', type: '' });
      },
      closed: (connection) => retirePools(connection),
      gone: (connection) => forgetConnection(service, connection),
    };
    known.set(limits, host);
  }
  return host;
}

function settingsOf({ rules }: ConnectionLimits): Pick<H2ServerHost, 'settings' | 'ping'> {
  if (rules === null) return {};
  const { maxStreams, streamWindow, connectionWindow, maxFrame, pingInterval: interval, pingTimeout: timeout } = rules;
  const settings = serverSettings({
    ...(maxStreams > 0 && { maxStreams }),
    ...(streamWindow > 0 && { streamWindow }),
    ...(connectionWindow > 0 && { connectionWindow }),
    ...(maxFrame > 0 && { maxFrame }),
  });
  return interval > 0 ? { settings, ping: { interval, timeout } } : { settings };
}

/** One for all pools, of which there may be thousands. */
const connectH1 = (pool: ConnectionPool, link?: Link): H1ClientConnection => new H1ClientConnection(pool, link);

const versionPool: VersionFactory = (world, target, version) =>
  version === 'h2' ? new H2Pool(world, target) : new ConnectionPool(world, target, connectH1);

export const httpPool: PoolFactory = (world, target, protocol) =>
  protocol === 'auto' ? new AgreedPool(world, target, versionPool) : versionPool(world, target, protocol);
