/** What ports of connections have in common: a listening socket, the way in, and the set of all that lives on it. */

import type { ConnectionRefusal } from '../filter/index.ts';
import { DrainSet } from '../ground/drain.ts';
import { adoptSocket, type Handle, type ListeningSocket, linkOf, type NetLink } from '../listen/index.ts';
import { turnAway } from '../stream/index.ts';
import { Entrance } from './entrance.ts';
import type { Port, PortContent, PortTarget, Swap } from './port.ts';
import type { World } from './world.ts';

/** Milliseconds that a turn of the event loop may take to be called quiet: all that comes in it is lost. */
const QUIET_TURN = 0.05;
/** Milliseconds that such a turn is waited for: under a flood there is none. */
const QUIET_TIMEOUT = 1_000;

export abstract class AcceptingPort implements Port {
  /** Connections, from accept until their last byte has left. */
  protected readonly live: DrainSet;
  protected readonly world: World;
  readonly #entrance: Entrance;
  #socket: ListeningSocket | undefined;
  #taken = 0;
  /** Key of the first of those that share the port. */
  #listener: string;

  constructor(world: World, content: PortContent) {
    this.world = world;
    this.#listener = content.listeners[0]!.key;
    this.live = new DrainSet(world.connections);
    this.#entrance = new Entrance(world, this.live, {
      admit: (link, firstBytes) => this.admit(link, firstBytes),
      refuse: (link, refusal) => this.refuse(link, refusal),
    });
    this.#entrance.prepare(content)();
  }

  get bound(): readonly string[] {
    return this.#socket === undefined ? [] : [this.#socket.bound];
  }

  get arriving(): boolean {
    return this.live.arriving;
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

  /**
   * A socket that is closed resets the connections that wait in it, and others of its port get none of them. So it is
   * closed after a turn of the event loop in which none came, and which was so short that none has come since.
   */
  async stop(): Promise<number> {
    const { cease } = this.#socket ?? {};
    const until = performance.now() + QUIET_TIMEOUT;
    for (let isQuiet = false, now = performance.now(); cease !== undefined && !isQuiet && now < until; ) {
      const [began, before] = [now, this.#taken];
      await nextTurn();
      now = performance.now();
      isQuiet = this.#taken === before && now - began < QUIET_TURN;
      if (isQuiet) cease();
    }
    this.release()?.close();
    this.live.parting = true;
    return this.live.size;
  }

  drain(timeout: number): Promise<void> {
    this.release()?.close();
    return this.live.drain(timeout);
  }

  #take(handle: Handle): void {
    this.#taken++;
    if (handle.fd !== undefined && handle.fd >= this.world.descriptors) return this.#turnAway(handle);
    this.#entrance.accept(linkOf(adoptSocket(handle)));
  }

  /** Without a word: it would hold what there is none left of. */
  #turnAway(handle: Handle): void {
    handle.close();
    this.world.stats.refusedFor('descriptors').value++;
    const [endpoint = ''] = this.bound;
    this.world.troubles?.failed({ key: this.#listener, endpoint }, 'descriptors_short');
  }

  prepare(content: PortContent): Swap {
    const swapContent = this.prepareContent(content);
    const swapEntrance = this.#entrance.prepare(content);
    return () => {
      this.#listener = content.listeners[0]!.key;
      swapContent();
      swapEntrance();
    };
  }

  /** A connection may not come in. */
  protected refuse(link: NetLink, _refusal: ConnectionRefusal): void {
    turnAway(link);
  }

  protected abstract prepareContent(content: PortContent): Swap;
  /** A connection came in, and its link knows the true client: sets its sink. `firstBytes` were received already. */
  protected abstract admit(link: NetLink, firstBytes: Buffer | undefined): void;
}

/** After the next look at the sockets. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
