/** A port of a TCP listener. */
import { type ListeningSocket, type NetLink, openSocket } from '../listen/index.ts';
import { createTcpRelay, ruleForListener, type StreamPlan, type TcpRelay } from '../stream/index.ts';
import { Entrance } from './entrance.ts';
import type { Port, PortContent, PortTarget } from './port.ts';
import type { World } from './world.ts';

export class TcpPort implements Port {
  readonly #world: World;
  readonly #relay: TcpRelay;
  readonly #entrance: Entrance;
  #listener: string;
  #plan: StreamPlan | undefined;
  #socket: ListeningSocket | undefined;

  constructor(world: World, content: PortContent) {
    this.#world = world;
    const { driver, wheel, meter, streamLimits: limits } = world;
    this.#relay = createTcpRelay({ driver, wheel, meter, limits });
    this.#listener = content.listeners[0]!.key;
    this.#plan = this.#planOf(content);
    this.#entrance = new Entrance(world, content, (link, firstBytes) => this.#relayed(link, firstBytes));
  }

  get bound(): string[] {
    return this.#socket === undefined ? [] : [this.#socket.bound];
  }

  async open(target: PortTarget): Promise<void> {
    this.#socket = await openSocket(target, (handle) => this.#entrance.accept(handle));
  }

  swap(content: PortContent): void {
    this.#listener = content.listeners[0]!.key;
    this.#plan = this.#planOf(content);
    this.#entrance.swap(content);
  }

  drain(timeout: number): Promise<void> {
    this.#socket?.close();
    this.#entrance.drain();
    return this.#relay.drain(timeout);
  }

  #relayed(link: NetLink, firstBytes: Buffer | undefined): void {
    const received = firstBytes === undefined ? {} : { firstBytes };
    this.#relay.accept(link, this.#plan, { listener: this.#listener, protocol: 'tcp', ...received });
  }

  #planOf({ rules }: PortContent): StreamPlan | undefined {
    const rule = ruleForListener(rules, this.#listener, 'TCPRoute');
    return rule === undefined ? undefined : this.#world.plans.planOf(rule, this.#listener);
  }
}
