/** Connections to one endpoint that each carry many requests (HTTP/2). */

import { socketName } from '../../../value/socket-name.ts';
import type { Failure, Upstream } from '../../ground/codec.ts';
import type { Deadline, DeadlineOwner, DeadlineWheel } from '../../ground/deadline.ts';
import type { Link } from '../../ground/driver.ts';
import type { EndpointHealth } from '../../state/index.ts';
import {
  DEFAULT_ENDPOINT_LIMITS,
  type EndpointLimits,
  type EndpointPool,
  type EndpointTarget,
  type OpenWaiter,
  overloaded,
  type UpstreamWorld,
  WaitingRoom,
} from '../../upstream/index.ts';
import { H2ClientConnection, type H2ClientHost } from './client-connection.ts';

/** Connections to one endpoint: one is enough until the backend's limit of streams is reached. */
export const MAX_H2_CONNECTIONS = 64;
/** And while its backend takes no request on any of them (SETTINGS_MAX_CONCURRENT_STREAMS is 0). */
export const MAX_SHUT_CONNECTIONS = 2;
/** Milliseconds that requests wait for such a backend to take them; then they go elsewhere at once, until it does. */
export const SHUT_PATIENCE = 1_000;

export class H2Pool implements EndpointPool, H2ClientHost, DeadlineOwner {
  readonly address: string;
  readonly port: number;
  readonly label: string;
  readonly wheel: DeadlineWheel;
  readonly health: EndpointHealth;
  readonly #world: UpstreamWorld;
  readonly #target: EndpointTarget;
  readonly #limits: Readonly<EndpointLimits>;
  readonly #connectDeadline: Deadline;
  /** Open ones that take requests. */
  readonly #connections: H2ClientConnection[] = [];
  /** The one that is being opened: one at a time. */
  #connecting: H2ClientConnection | null = null;
  readonly #waiting = new WaitingRoom();
  #retired = false;
  /** The backend takes no request on any connection. Null: it does, or did always. */
  #shut: ShutBackend | null = null;

  constructor(world: UpstreamWorld, target: EndpointTarget) {
    this.#world = world;
    this.#target = target;
    this.wheel = world.wheel;
    this.address = target.address;
    this.port = target.port;
    this.label = socketName(target.address, target.port);
    this.health = target.health;
    this.#limits = target.limits ?? DEFAULT_ENDPOINT_LIMITS;
    this.#connectDeadline = world.wheel.borrow(this);
  }

  get idleTimeout(): number {
    return this.#limits.idleTimeout;
  }

  get requestsPerConnection(): number {
    return this.#limits.requestsPerConnection;
  }

  open(waiter: OpenWaiter): Upstream | null {
    if (this.#limits.requests > 0 && this.load >= this.#limits.requests) return overloaded(waiter);
    const connection = this.#free(waiter.once === true);
    if (connection !== undefined) return connection.request(waiter);
    if (this.#shut?.isOver) return overloaded(waiter);
    if (this.#waiting.admit(waiter, this.#limits.pending)) this.#grow();
    return null;
  }

  /** `alive`: its backend has not closed it, as far as this machine knows. */
  #free(alive: boolean): H2ClientConnection | undefined {
    for (const connection of this.#connections) {
      if (!connection.free) continue;
      if (!alive || !connection.hasEnded()) return connection;
      connection.retire();
      return this.#free(alive);
    }
    return undefined;
  }

  cancel(waiter: OpenWaiter): void {
    this.#waiting.leave(waiter);
  }

  take(link: Link, waiting: readonly OpenWaiter[]): void {
    for (const waiter of waiting) this.#waiting.admit(waiter, Number.POSITIVE_INFINITY);
    const connection = new H2ClientConnection(this);
    connection.link = link;
    link.sink = connection;
    connection.onOpen();
  }

  surrender(): OpenWaiter[] {
    return [...this.#waiting.leaveAll()];
  }

  get retired(): boolean {
    return this.#retired;
  }

  get load(): number {
    let load = this.#waiting.size;
    for (const { streams } of this.#connections) load += streams.size;
    return load;
  }

  retire(): void {
    this.#retired = true;
    for (const connection of [...this.#connections]) connection.retire();
  }

  #grow(): void {
    const most = this.#shut === null ? MAX_H2_CONNECTIONS : MAX_SHUT_CONNECTIONS;
    if (this.#connecting !== null || this.#connections.length >= Math.min(most, this.#limits.connections)) return;
    const connection = new H2ClientConnection(this);
    this.#connecting = connection;
    this.wheel.set(this.#connectDeadline, this.#limits.connectTimeout);
    connection.link = this.#world.driver.connect(this.#target, connection);
  }

  onDeadline(): void {
    const connection = this.#connecting;
    if (connection === null) return;
    connection.link?.close('reset');
    this.refused(connection, 'connect_timeout');
  }

  // ── the connections' calls

  opened(connection: H2ClientConnection): void {
    this.#connecting = null;
    this.wheel.clear(this.#connectDeadline);
    this.health.opened();
    this.#connections.push(connection);
    this.available(connection);
    if (this.#retired) connection.retire();
  }

  refused(connection: H2ClientConnection, why: Failure): void {
    if (this.#connecting !== connection) return;
    this.#connecting = null;
    this.wheel.clear(this.#connectDeadline);
    this.health.refused(why);
    if (this.#connections.length === 0) this.#waiting.turnAway(why);
    else this.#waiting.next()?.upstreamUnavailable(why);
  }

  otherwise(link: Link): boolean {
    const { otherwise } = this.#target;
    if (otherwise === undefined) return false;
    this.#connecting = null;
    this.wheel.clear(this.#connectDeadline);
    this.health.opened();
    return otherwise(link);
  }

  closedItself(): void {
    if (this.#shut !== null || this.#connections.some(({ shut }) => !shut)) return;
    this.#shut = new ShutBackend(this.wheel, () => this.#waiting.turnAway('overloaded'));
    if (this.#waiting.size > 0) this.#grow();
  }

  #reopened(): void {
    this.#shut?.end();
    this.#shut = null;
  }

  available(connection: H2ClientConnection): void {
    if (!connection.shut && !connection.awaitsSettings) this.#reopened();
    while (connection.free) {
      const waiter = this.#waiting.next();
      if (waiter === undefined) return;
      const { used } = connection;
      waiter.upstreamReady(connection.request(waiter), used);
    }
    if (this.#waiting.size > 0) this.#grow();
  }

  gone(connection: H2ClientConnection): void {
    const at = this.#connections.indexOf(connection);
    if (at !== -1) this.#connections.splice(at, 1);
    if (this.#connections.length === 0) this.#reopened();
    else this.closedItself();
    if (this.#waiting.size > 0) this.#grow();
  }

  lost(): void {
    this.health.lost();
  }
}

/** A backend that takes no request: for how long that is borne. */
class ShutBackend implements DeadlineOwner {
  isOver = false;
  readonly #wheel: DeadlineWheel;
  readonly #deadline: Deadline;
  readonly #onOver: () => void;

  constructor(wheel: DeadlineWheel, onOver: () => void) {
    this.#wheel = wheel;
    this.#onOver = onOver;
    this.#deadline = wheel.borrow(this);
    wheel.set(this.#deadline, SHUT_PATIENCE);
  }

  onDeadline(): void {
    this.isOver = true;
    this.#onOver();
  }

  end(): void {
    this.#wheel.giveBack(this.#deadline);
  }
}
