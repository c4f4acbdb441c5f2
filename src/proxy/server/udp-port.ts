/** A port of a UDP listener. */
import { socketError } from '../listen/index.ts';
import { localAddresses, NODE_DATAGRAMS, ruleForListener, type StreamPlan, UdpListener } from '../stream/index.ts';
import { boundName, type Port, type PortContent, type PortTarget } from './port.ts';
import type { World } from './world.ts';

/** Milliseconds that sessions live on once the port is closing. */
const DRAIN_GRACE = 1_000;

/** Milliseconds between looks at the machine's addresses, which come and go under a wildcard. */
const REBIND_INTERVAL = 5_000;

export class UdpPort implements Port {
  readonly #world: World;
  readonly #listener: UdpListener;
  bound: string[] = [];
  #rebind: NodeJS.Timeout | undefined;

  constructor(world: World, content: PortContent) {
    this.#world = world;
    const { wheel, meter, streamLimits: limits } = world;
    const listener = content.listeners[0]!.key;
    this.#listener = new UdpListener({ layer: NODE_DATAGRAMS, wheel, meter, limits, listener }, this.#planOf(content));
  }

  async open(target: PortTarget): Promise<void> {
    try {
      // One socket for each address, so that answers leave from the address that was asked.
      const bound = await this.#listener.open(localAddresses(target.address), target.port, target.reusePort);
      this.bound = bound.map(({ address, port }) => boundName(address, port));
      const [first] = bound;
      if (first !== undefined && isWildcard(target.address)) this.#follow({ ...target, port: first.port });
    } catch (error) {
      throw socketError(error as NodeJS.ErrnoException, target);
    }
  }

  /** An address that cannot be bound now is tried again the next time. */
  #follow(target: PortTarget): void {
    this.#rebind = setTimeout(() => {
      const addresses = localAddresses(target.address);
      void this.#listener.rebind(addresses, target.reusePort).then(() => this.#rebind && this.#follow(target));
    }, REBIND_INTERVAL);
    this.#rebind.unref();
  }

  swap(content: PortContent): void {
    this.#listener.plan = this.#planOf(content);
  }

  drain(timeout: number): Promise<void> {
    this.bound = [];
    clearTimeout(this.#rebind);
    this.#rebind = undefined;
    // A session has no end that could be waited for: answers on their way get a moment.
    return this.#listener.drain(Math.min(timeout, DRAIN_GRACE));
  }

  #planOf({ listeners, rules }: PortContent): StreamPlan | undefined {
    const listener = listeners[0]!.key;
    const rule = ruleForListener(rules, listener, 'UDPRoute');
    return rule === undefined ? undefined : this.#world.plans.planOf(rule, listener);
  }
}

function isWildcard(address: string): boolean {
  return address === '0.0.0.0' || address === '::';
}
