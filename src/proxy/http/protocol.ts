/** Which codec a connection gets. */
import type { Link } from '../listen/driver.ts';
import { ConnectionPool, type PoolFactory } from '../upstream/index.ts';
import { H1ClientConnection } from './h1/client.ts';
import { H1ServerConnection } from './h1/server.ts';
import type { HttpService } from './service.ts';

/** Serves an accepted connection by what ALPN settled, or by its first bytes. Sets the link's sink. */
export function serveHttp(link: Link, service: HttpService): void {
  link.sink = new H1ServerConnection(link, service);
}

export const httpPool: PoolFactory = (world, target) =>
  new ConnectionPool(world, target, (pool) => new H1ClientConnection(pool));
