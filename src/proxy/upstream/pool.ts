/** Connections to one endpoint that carry one request at a time (HTTP/1.1). */

import { socketName } from '../../value/socket-name.ts';
import type { Failure, Upstream } from '../ground/codec.ts';
import type { Link } from '../ground/driver.ts';
import type { EndpointHealth } from '../state/index.ts';
import {
  DEFAULT_ENDPOINT_LIMITS,
  type EndpointLimits,
  type EndpointPool,
  type EndpointTarget,
  type OpenWaiter,
  type UpstreamWorld,
} from './connection.ts';
import { overloaded, WaitingRoom } from './waiting-room.ts';

/** A connection as the pool sees it. */
export interface PooledConnection extends Upstream {
  /** When its last answer was complete, on the wheel's clock. */
  readonly answeredAt: number;
  /** Its connection is open. */
  onOpen(): void;
  /** Takes the next exchange; only while idle. */
  adopt(waiter: OpenWaiter): void;
  /** Closes an idle connection. */
  closeIdle(): void;
  /** Of an idle one: its backend has closed it, as far as this machine knows. If not, what it carries next leaves at once. */
  hasEnded?(): boolean;
}

/** Starts a connection, or takes over one that is open; it calls `opened`, `idle` and `gone` of the pool. */
export type ConnectionFactory = (pool: ConnectionPool, link?: Link) => PooledConnection;

export class ConnectionPool implements EndpointPool {
  readonly address: string;
  readonly port: number;
  readonly label: string;
  readonly target: EndpointTarget;
  readonly world: UpstreamWorld;
  readonly health: EndpointHealth;
  readonly #connect: ConnectionFactory;
  readonly #limits: Readonly<EndpointLimits>;
  readonly #idle: PooledConnection[] = [];
  /** Null where nobody has waited yet: of most endpoints it stays so. */
  #waiting: WaitingRoom | null = null;
  #connections = 0;
  #connecting = 0;
  #retired = false;

  constructor(world: UpstreamWorld, target: EndpointTarget, connect: ConnectionFactory) {
    this.world = world;
    this.target = target;
    this.address = target.address;
    this.port = target.port;
    this.label = target.label ?? socketName(target.address, target.port);
    this.health = target.health;
    this.#limits = target.limits ?? DEFAULT_ENDPOINT_LIMITS;
    this.#connect = connect;
  }

  get limits(): Readonly<EndpointLimits> {
    return this.#limits;
  }

  open(waiter: OpenWaiter): Upstream | null {
    if (this.#limits.requests > 0 && this.load >= this.#limits.requests) return overloaded(waiter);
    // The one used last is the least likely to be closed by its idle timeout.
    const connection = waiter.once === true ? this.#alive() : this.#idle.pop();
    if (connection !== undefined) {
      connection.adopt(waiter);
      return connection;
    }
    // Whoever gets a connection that is about to open does not wait for others.
    const opening = this.#connecting + (this.#connections < this.#limits.connections ? 1 : 0);
    this.#waiting ??= new WaitingRoom();
    if (this.#waiting.admit(waiter, this.#limits.pending + opening)) this.#grow();
    return null;
  }

  /** An idle connection that was looked at. */
  #alive(): PooledConnection | undefined {
    for (let one = this.#idle.pop(); one !== undefined; one = this.#idle.pop()) {
      if (one.hasEnded?.() !== true) return one;
      one.closeIdle();
    }
    return undefined;
  }

  cancel(waiter: OpenWaiter): void {
    this.#waiting?.leave(waiter);
  }

  take(link: Link, waiting: readonly OpenWaiter[]): void {
    this.#waiting ??= new WaitingRoom();
    for (const waiter of waiting) this.#waiting.admit(waiter, Number.POSITIVE_INFINITY);
    this.#connections++;
    this.#connecting++;
    this.#connect(this, link).onOpen();
    for (let left = this.#waiting.size; left > 0; left--) this.#grow();
  }

  surrender(): OpenWaiter[] {
    return [...(this.#waiting?.leaveAll() ?? [])];
  }

  /** A connection is open that speaks another version. False: it is of no use. */
  otherwise(link: Link): boolean {
    this.#connecting--;
    this.#connections--;
    this.health.opened();
    return this.target.otherwise!(link);
  }

  /** A connection is open and can take a request. */
  opened(connection: PooledConnection): void {
    this.#connecting--;
    this.health.opened();
    this.#rest(connection, false);
  }

  /** A connection finished its request and can take another one. */
  idle(connection: PooledConnection): void {
    this.#rest(connection, true);
  }

  #rest(connection: PooledConnection, used: boolean): void {
    const waiter = this.#waiting?.next();
    if (waiter !== undefined) {
      connection.adopt(waiter);
      waiter.upstreamReady(connection, used);
    } else if (this.#retired || this.#idle.length >= this.#limits.idle) {
      connection.closeIdle();
    } else {
      this.#idle.push(connection);
    }
  }

  /** A connection could not be opened: who waits tries another endpoint. */
  refused(why: Failure): void {
    this.#connecting--;
    this.#connections--;
    this.health.refused(why);
    // Where this machine has nothing left to connect with, those that it has begun may open all the same.
    const mayOpen = why === 'limit' && this.#connecting > 0;
    if (this.#connections === this.#connecting && !mayOpen) this.#waiting?.turnAway(why);
    // Others are open and serve who waits: one asks elsewhere, for whom this one was. Those may never become idle
    // (tunnels), so the others get a connection where there is room for it now.
    else {
      this.#waiting?.next()?.upstreamUnavailable(why);
      this.#grow();
    }
  }

  /** An open connection ended. */
  gone(connection: PooledConnection): void {
    this.#connections--;
    const at = this.#idle.indexOf(connection);
    if (at !== -1) this.#idle.splice(at, 1);
    this.#grow();
  }

  get load(): number {
    return this.#connections - this.#connecting - this.#idle.length + (this.#waiting?.size ?? 0);
  }

  /**
   * A request that was sent at `since` got no answer in its time: idle connections that have not answered since then
   * may be as dead as the one it went over.
   */
  doubt(since: number): void {
    const doubtful = this.#idle.filter(({ answeredAt }) => answeredAt <= since);
    for (const connection of doubtful) connection.closeIdle();
  }

  retire(): void {
    this.#retired = true;
    for (const connection of this.#idle.splice(0)) connection.closeIdle();
  }

  get retired(): boolean {
    return this.#retired;
  }

  #grow(): void {
    if (
      this.#waiting === null ||
      this.#waiting.size <= this.#connecting ||
      this.#connections >= this.#limits.connections
    )
      return;
    this.#connections++;
    this.#connecting++;
    this.#connect(this);
  }
}
