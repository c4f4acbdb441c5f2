/** One Backend with the pools of its endpoints: round robin over the ready ones, then over the draining ones. */
import type { Backend, Endpoint, Endpoints } from '../../config/index.ts';
import type { ConnectTls } from '../ground/driver.ts';
import { ClientPools } from './client-pools.ts';
import type { EndpointPool, EndpointTarget, PoolFactory, ProxyVersion, UpstreamWorld } from './connection.ts';

export class Balancer {
  readonly backend: Backend;
  /** Why no request may go to this backend (its TLS policy cannot be met, say), or undefined. */
  readonly broken: string | undefined;
  readonly #world: UpstreamWorld;
  readonly #makePool: PoolFactory;
  /** Options of TLS to the endpoints. */
  readonly tls: ConnectTls | undefined;
  /** Of the PROXY header that connections to the endpoints begin with. */
  readonly proxyProtocol: ProxyVersion | undefined;
  readonly #pools = new Map<string, EndpointPool>();
  #ready: EndpointPool[] = [];
  #draining: EndpointPool[] = [];
  #next = 0;

  constructor(
    backend: Backend,
    around: {
      world: UpstreamWorld;
      makePool: PoolFactory;
      tls?: ConnectTls | undefined;
      proxyProtocol?: ProxyVersion | undefined;
      broken?: string | undefined;
    },
  ) {
    this.backend = backend;
    this.broken = around.broken;
    this.#world = around.world;
    this.#makePool = around.makePool;
    this.tls = around.tls;
    this.proxyProtocol = around.proxyProtocol;
  }

  /** The endpoint for the next request, or null where there is none. `avoid`: one that just failed. */
  pick(avoid: EndpointPool | null = null): EndpointPool | null {
    const pools = this.#ready.length > 0 ? this.#ready : this.#draining;
    const { length } = pools;
    const { now } = this.#world.wheel;
    for (let i = 0; i < length; i++) {
      const pool = pools[this.#next++ % length]!;
      if (pool.evictedUntil <= now && pool !== avoid) return pool;
    }
    // All are evicted: trying one is better than failing all.
    return length > 0 ? pools[this.#next++ % length]! : null;
  }

  get size(): number {
    return this.#ready.length + this.#draining.length;
  }

  /** Takes over a new list of endpoints; connections to those that stay are kept. */
  update(endpoints: Endpoints['endpoints']): void {
    const stay = new Set<string>();
    const poolOf = (endpoint: Endpoint): EndpointPool => {
      const label = labelOf(endpoint);
      stay.add(label);
      let pool = this.#pools.get(label);
      if (pool === undefined) {
        pool = this.#poolOf({ address: endpoint.address, port: endpoint.port, tls: this.tls });
        this.#pools.set(label, pool);
      }
      return pool;
    };
    const ready = endpoints.filter(({ state }) => state === 'ready').map(poolOf);
    const draining = endpoints.filter(({ state }) => state === 'draining').map(poolOf);
    this.#ready = ready;
    this.#draining = draining;
    for (const [label, pool] of this.#pools) {
      if (stay.has(label)) continue;
      this.#pools.delete(label);
      pool.retire();
    }
  }

  #poolOf(target: EndpointTarget): EndpointPool {
    const protocol = this.backend.protocol === 'h2c' ? 'h2' : 'http';
    const make = (own: EndpointTarget): EndpointPool => this.#makePool(this.#world, own, protocol);
    return this.proxyProtocol === undefined
      ? make(target)
      : new ClientPools(this.#world, target, { version: this.proxyProtocol, make });
  }

  /** The same choice for connections and sessions that no pool carries (TCP, TLS, UDP). */
  readonly picker = {
    pick: (): EndpointPool | undefined => this.pick() ?? undefined,
    failed: (endpoint: { address: string; port: number }): void => this.#pools.get(labelOf(endpoint))?.noteRefused(),
    succeeded: (endpoint: { address: string; port: number }): void =>
      this.#pools.get(labelOf(endpoint))?.noteAnswered(),
    release: (): void => {},
  };

  retire(): void {
    this.update([]);
  }
}

function labelOf({ address, port }: { address: string; port: number }): string {
  return `${address}:${port}`;
}
