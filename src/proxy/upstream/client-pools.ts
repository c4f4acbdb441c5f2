/**
 * Connections to an endpoint that begin with a PROXY header. The header speaks for one client for as long as the
 * connection lives, so no two clients share one: each client connection has a pool of its own, which is given up when
 * that connection ends. Requests of one client use its connections again, as they would those of a shared pool.
 */
import assert from 'node:assert';
import { socketName } from '../../value/socket-name.ts';
import type { ClientConnection, Upstream } from '../ground/codec.ts';
import type { EndpointHealth } from '../state/index.ts';
import {
  type EndpointPool,
  type EndpointTarget,
  MAX_CLIENTS_PER_ENDPOINT,
  type OpenWaiter,
  type ProxyVersion,
  type UpstreamWorld,
} from './connection.ts';

export interface ClientPoolOptions {
  version: ProxyVersion;
  /** Makes the pool of one client. */
  make(target: EndpointTarget): EndpointPool;
}

export class ClientPools implements EndpointPool {
  readonly address: string;
  readonly port: number;
  readonly label: string;
  readonly health: EndpointHealth;
  readonly #world: UpstreamWorld;
  readonly #target: EndpointTarget;
  readonly #options: ClientPoolOptions;
  readonly #pools = new Map<ClientConnection | undefined, OwnPool>();
  #retired = false;

  constructor(world: UpstreamWorld, target: EndpointTarget, options: ClientPoolOptions) {
    this.#world = world;
    this.#target = target;
    this.#options = options;
    this.address = target.address;
    this.port = target.port;
    this.label = socketName(target.address, target.port);
    this.health = target.health;
  }

  open(waiter: OpenWaiter): Upstream | null {
    const pool = this.#pools.get(waiter.client) ?? this.#poolFor(waiter.client);
    if (pool !== undefined) return pool.pool.open(waiter);
    queueMicrotask(() => waiter.upstreamUnavailable('overloaded'));
    return null;
  }

  cancel(waiter: OpenWaiter): void {
    this.#pools.get(waiter.client)?.pool.cancel(waiter);
  }

  /** Clients count, whether or not they ask for something now: to look at all pools would cost more than it is worth. */
  get load(): number {
    return this.#pools.size;
  }

  get retired(): boolean {
    return this.#retired;
  }

  retire(): void {
    this.#retired = true;
    for (const pool of [...this.#pools.values()]) pool.retire();
  }

  #poolFor(client: ClientConnection | undefined): OwnPool | undefined {
    if (this.#pools.size >= MAX_CLIENTS_PER_ENDPOINT) return undefined;
    const { proxyHeader } = this.#world;
    assert(proxyHeader !== undefined);
    const preamble = proxyHeader(this.#options.version, {
      source: { address: client?.remoteAddress ?? '', port: client?.remotePort ?? 0 },
      destination: { address: client?.localAddress ?? '', port: client?.localPort ?? 0 },
    });
    const pool = this.#options.make({ ...this.#target, preamble });
    const own = new OwnPool(pool, client, () => this.#pools.delete(client));
    // A retry may come after the endpoint was given up, or after its client left: it is served, and nothing is kept.
    if (this.#retired || client?.ownPools === null) pool.retire();
    else this.#pools.set(client, own);
    return own;
  }
}

class OwnPool {
  readonly pool: EndpointPool;
  readonly #client: ClientConnection | undefined;
  readonly #forget: () => void;

  constructor(pool: EndpointPool, client: ClientConnection | undefined, forget: () => void) {
    this.pool = pool;
    this.#client = client;
    this.#forget = forget;
    if (client === undefined || client.ownPools === null) return;
    client.ownPools ??= new Set();
    client.ownPools.add(this);
  }

  /** The client left, or the endpoint is given up. */
  retire(): void {
    this.#forget();
    this.#client?.ownPools?.delete(this);
    this.pool.retire();
  }
}
