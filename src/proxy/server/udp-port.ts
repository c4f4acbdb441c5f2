/** A port of a UDP listener. */

import { socketName } from '../../value/socket-name.ts';
import { DrainSet } from '../ground/drain.ts';
import { socketError } from '../listen/index.ts';
import { localAddresses, ruleForListener, type StreamPlan, UdpListener } from '../stream/index.ts';
import type { Port, PortContent, PortTarget, Swap } from './port.ts';
import type { World } from './world.ts';

/** Milliseconds between looks at the machine's addresses, which come and go under a wildcard. */
const REBIND_INTERVAL = 5_000;

export class UdpPort implements Port {
  readonly #world: World;
  readonly #listener: UdpListener;
  bound: string[] = [];
  #rebind: NodeJS.Timeout | undefined;

  constructor(world: World, content: PortContent) {
    this.#world = world;
    const { wheel, meter, policies, streamLimits: limits } = world;
    const listener = content.listeners[0]!.key;
    const options = { layer: world.datagrams, wheel, meter, policies, limits, listener, live: new DrainSet() };
    this.#listener = new UdpListener(options, this.#planOf(content));
  }

  async open(target: PortTarget): Promise<void> {
    try {
      // One socket for each address, so that answers leave from the address that was asked; but one that was given is taken
      // as it is.
      const given = this.#world.sockets.find({ ...target, transport: 'udp' }) !== undefined;
      const addresses = given ? [target.address] : localAddresses(target.address, target);
      const bound = await this.#listener.open(addresses, target.port, target.reusePort);
      this.bound = bound.map(({ address, port }) => socketName(address, port));
      const port = bound[0]?.port ?? target.port;
      if (port !== 0 && !given && isWildcard(target.address)) this.#follow({ ...target, port });
    } catch (error) {
      throw socketError(error as NodeJS.ErrnoException, target);
    }
  }

  /** An address that cannot be bound now is tried again the next time. */
  #follow(target: PortTarget): void {
    this.#rebind = setTimeout(() => {
      void this.#bindAnew(target).then(() => this.#rebind && this.#follow(target));
    }, REBIND_INTERVAL);
    this.#rebind.unref();
  }

  async #bindAnew(target: PortTarget): Promise<void> {
    try {
      await this.#listener.rebind(localAddresses(target.address, target), target.reusePort);
    } catch {
      // No descriptor is left to ask with which addresses there are: it is seen the next time.
    }
  }

  prepare(content: PortContent): Swap {
    const plan = this.#planOf(content);
    return () => {
      this.#listener.plan = plan;
    };
  }

  /** Ports of datagrams have no kin that could go on with their sockets. */
  release(): undefined {}

  takeOver(): void {}

  drain(timeout: number): Promise<void> {
    this.bound = [];
    clearTimeout(this.#rebind);
    this.#rebind = undefined;
    return this.#listener.drain(timeout);
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
