/**
 * Connections to one endpoint that speak HTTP/2 or HTTP/1.1, whichever it agrees to by ALPN. Each connection asks for both,
 * and an endpoint that changes its mind takes its requests with it: what it agreed to last counts for those that wait and
 * come, and those under way end where they began. A WebSocket goes over HTTP/1.1: few know how to open one in HTTP/2.
 */
import type { Upstream } from '../ground/codec.ts';
import type { Link } from '../ground/driver.ts';
import type { EndpointHealth } from '../state/index.ts';
import type { EndpointPool, EndpointTarget, OpenWaiter, UpstreamWorld } from '../upstream/index.ts';

/** A pool of one version. */
export interface VersionPool extends EndpointPool {
  /** Takes over a connection that is open, for those who wait. */
  take(link: Link, waiting: readonly OpenWaiter[]): void;
  /** Gives up those who wait. */
  surrender(): OpenWaiter[];
}

type Version = 'http' | 'h2';
export type VersionFactory = (world: UpstreamWorld, target: EndpointTarget, version: Version) => VersionPool;

export class AgreedPool implements EndpointPool {
  readonly address: string;
  readonly port: number;
  readonly health: EndpointHealth;
  readonly #world: UpstreamWorld;
  readonly #target: EndpointTarget;
  readonly #make: VersionFactory;
  #version: Version;
  /** What was agreed to last; at first HTTP/2, which opens one connection for all that come. */
  #spoken: VersionPool;
  /** For WebSockets, where HTTP/2 is spoken. */
  #tunnels: VersionPool | null = null;
  #retired = false;

  constructor(world: UpstreamWorld, target: EndpointTarget, make: VersionFactory) {
    this.address = target.address;
    this.port = target.port;
    this.health = target.health;
    this.#world = world;
    this.#target = target;
    this.#make = make;
    this.#version = 'h2';
    this.#spoken = this.#pool('h2');
  }

  get label(): string {
    return this.#spoken.label;
  }

  get retired(): boolean {
    return this.#retired;
  }

  get load(): number {
    return this.#spoken.load + (this.#tunnels?.load ?? 0);
  }

  open(waiter: OpenWaiter): Upstream | null {
    return this.#poolFor(waiter).open(waiter);
  }

  cancel(waiter: OpenWaiter): void {
    this.#spoken.cancel(waiter);
    this.#tunnels?.cancel(waiter);
  }

  retire(): void {
    this.#retired = true;
    this.#spoken.retire();
    this.#tunnels?.retire();
  }

  #poolFor(waiter: OpenWaiter): VersionPool {
    if (waiter.upgrades !== true || this.#version === 'http') return this.#spoken;
    if (this.#tunnels === null) {
      const { tls } = this.#target;
      this.#tunnels = this.#make(this.#world, { ...this.#target, tls: tls && { ...tls, alpn: ['http/1.1'] } }, 'http');
      if (this.#retired) this.#tunnels.retire();
    }
    return this.#tunnels;
  }

  #pool(version: Version): VersionPool {
    const target: EndpointTarget = { ...this.#target, otherwise: (link) => this.#agree(link, pool) };
    const pool = this.#make(this.#world, target, version);
    return pool;
  }

  /** False: the connection is of no use, since what it opened for has gone. */
  #agree(link: Link, from: VersionPool): boolean {
    if (from !== this.#spoken) return false;
    this.#version = this.#version === 'h2' ? 'http' : 'h2';
    this.#spoken = this.#pool(this.#version);
    this.#spoken.take(link, from.surrender());
    from.retire();
    if (this.#retired) this.#spoken.retire();
    return true;
  }
}
