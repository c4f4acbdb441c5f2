/** The way into a port: where a policy says so, a PROXY header is read before anything else looks at a connection. */
import { type Policy, type ProxyProtocolFromClients, policyKey } from '../../config/index.ts';
import { Networks } from '../../value/networks.ts';
import type { DrainSet } from '../ground/drain.ts';
import { adoptSocket, type Handle, linkOf, type NetLink } from '../listen/index.ts';
import { ProxyGate, turnAway } from '../stream/index.ts';
import type { PortContent, Swap } from './port.ts';
import type { World } from './world.ts';

/** Takes a connection over and sets its sink; `firstBytes` were received already. Its link knows the true client. */
export type Admit = (link: NetLink, firstBytes: Buffer | undefined) => void;

interface Guard {
  /** Equal settings need no new gate. */
  settings: string;
  required: boolean;
  /** Whose header is heard. */
  sources: Networks;
  gate: ProxyGate;
}

export class Entrance {
  readonly #world: World;
  readonly #admit: Admit;
  readonly #live: DrainSet;
  #guard: Guard | undefined;

  /** Lets everything in until it is told what the port serves. */
  constructor(world: World, live: DrainSet, admit: Admit) {
    this.#world = world;
    this.#live = live;
    this.#admit = admit;
  }

  /** Whether connections must come through here; otherwise the port takes them as it likes best. */
  get guarded(): boolean {
    return this.#guard !== undefined;
  }

  /** Connections whose header is on its way stay with the settings that they came under. */
  prepare(content: PortContent): Swap {
    const wanted = settingsOf(content);
    const settings = JSON.stringify(wanted);
    const held = this.#guard;
    const same = held?.settings === settings;
    const guard = same ? held : wanted && this.#newGuard(wanted, { settings, name: content.listeners[0]!.key });
    return () => {
      this.#guard = guard;
    };
  }

  /** The true source decides whether a header is heard; a required one from elsewhere cannot come. */
  accept(handle: Handle): void {
    const link = linkOf(adoptSocket(handle));
    const guard = this.#guard;
    if (guard === undefined) this.#admit(link, undefined);
    else if (guard.sources.has(link.remoteAddress)) guard.gate.accept(link);
    else if (!guard.required) this.#admit(link, undefined);
    else {
      this.#world.meter.dropped('tcp', guard.gate.options.name, 'untrusted_source');
      turnAway(link);
    }
  }

  #newGuard(wanted: ProxyProtocolFromClients, about: { settings: string; name: string }): Guard {
    const { wheel, meter, streamLimits: limits } = this.#world;
    const required = wanted.mode === 'Required';
    const gate = new ProxyGate({
      wheel,
      limits,
      meter,
      live: this.#live,
      name: about.name,
      optional: !required,
      pass: (link, addresses, firstBytes) => {
        (link as NetLink).addresses = addresses;
        this.#admit(link as NetLink, firstBytes.length > 0 ? firstBytes : undefined);
      },
    });
    return { settings: about.settings, required, sources: new Networks(wanted.trustedSources), gate };
  }
}

/** Throws where a policy's sources are no networks. */
export function checkGuard(policy: Policy): void {
  if (policy.type === 'ClientTraffic') new Networks(policy.spec.proxyProtocol?.trustedSources ?? []);
}

/** Of the first listener that has a policy: translate gives all listeners of a port the same. */
function settingsOf({ listeners, config }: PortContent): ProxyProtocolFromClients | undefined {
  for (const { key } of listeners) {
    const policy = config.get('Policy', policyKey('ClientTraffic', key));
    if (policy?.type === 'ClientTraffic' && policy.spec.proxyProtocol !== undefined) return policy.spec.proxyProtocol;
  }
  return undefined;
}
