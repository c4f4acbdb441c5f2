/** A port of a TCP listener. */
import type { NetLink } from '../listen/index.ts';
import { createTcpRelay, ruleForListener, type StreamPlan, type TcpRelay } from '../stream/index.ts';
import { AcceptingPort } from './accepting-port.ts';
import type { PortContent, Swap } from './port.ts';
import type { World } from './world.ts';

export class TcpPort extends AcceptingPort {
  readonly #relay: TcpRelay;
  #listener: string;
  #plan: StreamPlan | undefined;

  constructor(world: World, content: PortContent) {
    super(world, content);
    const { driver, wheel, meter, policies, streamLimits: limits } = world;
    this.#relay = createTcpRelay({ driver, wheel, meter, policies, limits, live: this.live });
    this.#listener = content.listeners[0]!.key;
    this.prepareContent(content)();
  }

  protected prepareContent(content: PortContent): Swap {
    const listener = content.listeners[0]!.key;
    const rule = ruleForListener(content.rules, listener, 'TCPRoute');
    const plan = rule === undefined ? undefined : this.world.plans.planOf(rule, listener);
    return () => {
      this.#listener = listener;
      this.#plan = plan;
    };
  }

  protected admit(link: NetLink, firstBytes: Buffer | undefined): void {
    const received = firstBytes === undefined ? {} : { firstBytes };
    this.#relay.accept(link, this.#plan, { listener: this.#listener, protocol: 'tcp', ...received });
  }
}
