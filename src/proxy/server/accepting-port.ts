/** What ports of connections have in common: a listening socket, and the set of all that lives on it. */
import { DrainSet } from '../ground/drain.ts';
import { adoptSocket, type Handle, type ListeningSocket, linkOf } from '../listen/index.ts';
import { turnAway } from '../stream/index.ts';
import type { Port, PortContent, PortTarget, Swap } from './port.ts';
import type { World } from './world.ts';

export abstract class AcceptingPort implements Port {
  /** Connections, from accept until their last byte has left. */
  protected readonly live: DrainSet;
  protected readonly world: World;
  #socket: ListeningSocket | undefined;

  constructor(world: World) {
    this.world = world;
    this.live = new DrainSet(world.connections);
  }

  get bound(): readonly string[] {
    return this.#socket === undefined ? [] : [this.#socket.bound];
  }

  async open(target: PortTarget): Promise<void> {
    this.#socket = await this.world.sockets.open(target, (handle) => this.#take(handle));
  }

  release(): ListeningSocket | undefined {
    const socket = this.#socket;
    this.#socket = undefined;
    return socket;
  }

  takeOver(socket: ListeningSocket): void {
    socket.onAccept = (handle) => this.#take(handle);
    this.#socket = socket;
  }

  drain(timeout: number): Promise<void> {
    this.release()?.close();
    return this.live.drain(timeout);
  }

  #take(handle: Handle): void {
    const { maxConnections, maxListenerConnections } = this.world.limits;
    const { count } = this.world.connections;
    const full = (limit: number, held: number): boolean => limit > 0 && held >= limit;
    if (!full(maxConnections, count) && !full(maxListenerConnections, this.live.size)) return this.accept(handle);
    this.world.stats.connectionsRefused.value++;
    this.refuse(handle);
  }

  /** A connection too many came. */
  protected refuse(handle: Handle): void {
    turnAway(linkOf(adoptSocket(handle)));
  }

  abstract prepare(content: PortContent): Swap;
  /** A connection came. */
  protected abstract accept(handle: Handle): void;
}
