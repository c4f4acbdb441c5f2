/** One Backend with the pools of its endpoints, and the choice among them: the ready ones, else the draining ones. */
import type { Backend, Endpoint, Endpoints, LoadBalancing } from '../../config/index.ts';
import { socketName } from '../../value/socket-name.ts';
import type { Failure } from '../ground/codec.ts';
import type { ConnectTls } from '../ground/driver.ts';
import { type BackendState, ProxyState, type RetryBudget } from '../state/index.ts';
import { ClientPools } from './client-pools.ts';
import {
  DEFAULT_ENDPOINT_LIMITS,
  type EndpointLimits,
  type EndpointPool,
  type EndpointTarget,
  type PoolFactory,
  type ProxyVersion,
  type UpstreamWorld,
} from './connection.ts';

export interface BalancerOptions {
  world: UpstreamWorld;
  makePool: PoolFactory;
  /** Under which its state is kept; absent: the backend's. */
  stateKey?: string | undefined;
  tls?: ConnectTls | undefined;
  proxyProtocol?: ProxyVersion | undefined;
  broken?: string | undefined;
}

export class Balancer {
  readonly backend: Backend;
  /** Why no request may go to this backend (its TLS policy cannot be met, say), or undefined. */
  readonly broken: string | undefined;
  /** Options of TLS to the endpoints. */
  readonly tls: ConnectTls | undefined;
  /** Of the PROXY header that connections to the endpoints begin with. */
  readonly proxyProtocol: ProxyVersion | undefined;
  loadBalancing: LoadBalancing | undefined = undefined;
  /** Shared with the pools: what is set here holds for them at once. */
  readonly limits: EndpointLimits = { ...DEFAULT_ENDPOINT_LIMITS };
  readonly #world: UpstreamWorld;
  readonly #makePool: PoolFactory;
  readonly #states: ProxyState['backends'];
  readonly #stateKey: string;
  readonly state: BackendState;
  readonly #pools = new Map<string, EndpointPool>();
  #ready: EndpointPool[] = [];
  #draining: EndpointPool[] = [];
  #retired = false;

  constructor(backend: Backend, options: BalancerOptions) {
    this.backend = backend;
    this.broken = options.broken;
    this.#world = options.world;
    this.#makePool = options.makePool;
    this.tls = options.tls;
    this.proxyProtocol = options.proxyProtocol;
    this.#states = (options.world.state ?? new ProxyState(options.world.wheel)).backends;
    this.#stateKey = options.stateKey ?? backend.key;
    this.state = this.#states.hold(this.#stateKey);
  }

  get size(): number {
    return this.#ready.length + this.#draining.length;
  }

  get retries(): RetryBudget {
    return this.state.retries;
  }

  /** The endpoint for the next request, or null where there is none. `avoid`: one that just failed. */
  pick(avoid: EndpointPool | null = null): EndpointPool | null {
    const pools = this.#ready.length > 0 ? this.#ready : this.#draining;
    if (this.loadBalancing?.type === 'LeastRequest' && pools.length > 1) return this.#lessLoaded(pools, avoid);
    return this.#next(pools, avoid);
  }

  #next(pools: ReadonlyArray<EndpointPool>, avoid: EndpointPool | null): EndpointPool | null {
    const { length } = pools;
    const { now } = this.#world.wheel;
    const { state } = this;
    for (let i = 0; i < length; i++) {
      const pool = pools[state.turn++ % length]!;
      if (pool !== avoid && pool.health.admits(now)) return pool;
    }
    // All are evicted: trying one is better than failing all.
    return length > 0 ? pools[state.turn++ % length]! : null;
  }

  /**
   * Of two by chance the one with fewer requests: nearly as even as the least of all, and many gateways that ask one
   * service do not all run to the same endpoint.
   */
  #lessLoaded(pools: ReadonlyArray<EndpointPool>, avoid: EndpointPool | null): EndpointPool | null {
    const { length } = pools;
    const first = Math.floor(Math.random() * length);
    const second = (first + 1 + Math.floor(Math.random() * (length - 1))) % length;
    const better = loadOf(pools[second]!) < loadOf(pools[first]!) ? second : first;
    const { now } = this.#world.wheel;
    for (const at of [better, better === first ? second : first]) {
      const pool = pools[at]!;
      if (pool !== avoid && pool.health.admits(now)) return pool;
    }
    return this.#next(pools, avoid);
  }

  /** Takes over a new list of endpoints; connections to those that stay are kept. */
  update(endpoints: Endpoints['endpoints']): void {
    const stay = new Set<string>();
    const poolOf = (endpoint: Endpoint): EndpointPool => {
      const label = labelOf(endpoint);
      stay.add(label);
      let pool = this.#pools.get(label);
      if (pool === undefined) {
        pool = this.#newPool(endpoint, label);
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
      this.state.endpoints.letGo(label);
    }
  }

  #newPool({ address, port }: Endpoint, label: string): EndpointPool {
    const health = this.state.endpoints.hold(label);
    const target: EndpointTarget = { address, port, tls: this.tls, health, limits: this.limits };
    const protocol = this.backend.protocol === 'h2c' ? 'h2' : 'http';
    const make = (own: EndpointTarget): EndpointPool => this.#makePool(this.#world, own, protocol);
    return this.proxyProtocol === undefined
      ? make(target)
      : new ClientPools(this.#world, target, { version: this.proxyProtocol, make });
  }

  /** The same choice for connections and sessions that no pool carries (TCP, TLS, UDP). */
  readonly picker = {
    pick: (): EndpointPool | undefined => {
      const pool = this.pick() ?? undefined;
      if (pool !== undefined) pool.health.streams++;
      return pool;
    },
    failed: (endpoint: EndpointPool, why: Failure = 'connect_refused'): void => endpoint.health.refused(why),
    succeeded: (endpoint: EndpointPool): void => endpoint.health.opened(),
    release: (endpoint: EndpointPool): void => void endpoint.health.streams--,
  };

  /** No endpoints, and no state: another form of this Backend has taken both over, or it is gone. */
  retire(): void {
    this.update([]);
    if (!this.#retired) this.#states.letGo(this.#stateKey);
    this.#retired = true;
  }
}

function loadOf(pool: EndpointPool): number {
  return pool.load + pool.health.streams;
}

function labelOf({ address, port }: { address: string; port: number }): string {
  return socketName(address, port);
}
