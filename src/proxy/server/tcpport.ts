/** A port of a TCP listener. */
import { adoptSocket, type ListeningSocket, linkOf, openSocket } from '../listen/index.ts';
import { compileStreamPlan, createTcpRelay, ruleForListener, type StreamPlan, type TcpRelay } from '../stream/index.ts';
import type { Port, PortContent, PortTarget } from './port.ts';
import type { World } from './world.ts';

export class TcpPort implements Port {
  readonly #world: World;
  readonly #relay: TcpRelay;
  #listener: string;
  #plan: StreamPlan | undefined;
  #socket: ListeningSocket | undefined;

  constructor(world: World, content: PortContent) {
    this.#world = world;
    const { driver, wheel, meter, streamLimits: limits } = world;
    this.#relay = createTcpRelay({ driver, wheel, meter, limits });
    this.#listener = content.listeners[0]!.key;
    this.#plan = this.#planOf(content);
  }

  get bound(): string[] {
    return this.#socket === undefined ? [] : [this.#socket.bound];
  }

  async open(target: PortTarget): Promise<void> {
    this.#socket = await openSocket(target, (handle) =>
      this.#relay.accept(linkOf(adoptSocket(handle)), this.#plan, { listener: this.#listener, protocol: 'tcp' }),
    );
  }

  swap(content: PortContent): void {
    this.#listener = content.listeners[0]!.key;
    this.#plan = this.#planOf(content);
  }

  drain(timeout: number): Promise<void> {
    this.#socket?.close();
    return this.#relay.drain(timeout);
  }

  #planOf({ rules }: PortContent): StreamPlan | undefined {
    const rule = ruleForListener(rules, this.#listener, 'TCPRoute');
    return rule === undefined ? undefined : compileStreamPlan(rule, this.#listener, this.#world.streamBackend);
  }
}
