/** A port of a TCP listener. */
import { adoptSocket, type Handle, linkOf, type NetLink } from '../listen/index.ts';
import { createTcpRelay, ruleForListener, type StreamPlan, type TcpRelay } from '../stream/index.ts';
import { AcceptingPort } from './accepting-port.ts';
import { Entrance } from './entrance.ts';
import type { PortContent, Swap } from './port.ts';
import type { World } from './world.ts';

export class TcpPort extends AcceptingPort {
  readonly #relay: TcpRelay;
  readonly #entrance: Entrance;
  #listener: string;
  #plan: StreamPlan | undefined;

  constructor(world: World, content: PortContent) {
    super(world);
    const { driver, wheel, meter, streamLimits: limits } = world;
    this.#relay = createTcpRelay({ driver, wheel, meter, limits, live: this.live });
    this.#listener = content.listeners[0]!.key;
    this.#entrance = new Entrance(world, this.live, (link, firstBytes) => this.#relayed(link, firstBytes));
    this.prepare(content)();
  }

  prepare(content: PortContent): Swap {
    const listener = content.listeners[0]!.key;
    const rule = ruleForListener(content.rules, listener, 'TCPRoute');
    const plan = rule === undefined ? undefined : this.world.plans.planOf(rule, listener);
    const swapEntrance = this.#entrance.prepare(content);
    return () => {
      this.#listener = listener;
      this.#plan = plan;
      swapEntrance();
    };
  }

  protected accept(handle: Handle): void {
    if (this.#entrance.guarded) this.#entrance.accept(handle);
    else this.#relayed(linkOf(adoptSocket(handle)), undefined);
  }

  #relayed(link: NetLink, firstBytes: Buffer | undefined): void {
    const received = firstBytes === undefined ? {} : { firstBytes };
    this.#relay.accept(link, this.#plan, { listener: this.#listener, protocol: 'tcp', ...received });
  }
}
