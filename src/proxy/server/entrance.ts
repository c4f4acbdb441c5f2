/**
 * The way into a port, which every connection takes before anything else looks at it: how many there may be, who it is
 * (where a policy says so, by a PROXY header), and what filters say of that client.
 */
import { type Policy, type ProxyProtocolFromClients, policyKey } from '../../config/index.ts';
import { Networks } from '../../value/networks.ts';
import { ConnectionChain, type ConnectionFilter, ConnectionLimit, type ConnectionRefusal } from '../filter/index.ts';
import type { DrainSet } from '../ground/drain.ts';
import type { NetLink } from '../listen/index.ts';
import { ProxyGate, turnAway } from '../stream/index.ts';
import type { PortContent, Swap } from './port.ts';
import type { World } from './world.ts';

/** Where connections go. */
export interface EntranceExits {
  /** Takes a connection over and sets its sink; `firstBytes` were received already. Its link knows the true client. */
  admit(link: NetLink, firstBytes: Buffer | undefined): void;
  refuse(link: NetLink, refusal: ConnectionRefusal): void;
}

interface Guard {
  /** Equal settings need no new gate. */
  settings: string;
  required: boolean;
  /** Whose header is heard. */
  sources: Networks;
  gate: ProxyGate;
}

/** A policy and what it is on connections. */
interface Held {
  policy: Policy;
  filters: ConnectionFilter[];
}

export class Entrance {
  readonly #world: World;
  readonly #exits: EntranceExits;
  readonly #live: DrainSet;
  #guard: Guard | undefined;
  /** By key: a policy that did not change keeps its filters, and what they count. */
  #held = new Map<string, Held>();
  /** Before anything of a connection is read; null: no limits. */
  #limits: ConnectionChain | null = null;
  /** Once it is known who came. */
  #clients: ConnectionChain | null = null;

  /** Lets everything in until it is told what the port serves. */
  constructor(world: World, live: DrainSet, exits: EntranceExits) {
    this.#world = world;
    this.#live = live;
    this.#exits = exits;
  }

  /** Connections whose header is on its way stay with the settings that they came under. */
  prepare(content: PortContent): Swap {
    const wanted = settingsOf(content);
    const settings = JSON.stringify(wanted);
    const held = this.#guard;
    const same = held?.settings === settings;
    const guard = same ? held : wanted && this.#newGuard(wanted, { settings, name: content.listeners[0]!.key });
    const filters = this.#filtersOf(content);
    const all = [...this.#limitsOfRun(), ...[...filters.values()].flatMap((one) => one.filters)];
    const limits = ConnectionChain.of(all.filter(({ step }) => step === 'connection-limits'));
    const clients = ConnectionChain.of(all.filter(({ step }) => step === 'client-connections'));
    return () => {
      this.#guard = guard;
      this.#held = filters;
      this.#limits = limits;
      this.#clients = clients;
    };
  }

  #limitsOfRun(): ConnectionFilter[] {
    const { limits, connections } = this.#world;
    const inAll = new ConnectionLimit(limits.maxConnections, () => connections.count);
    const onPort = new ConnectionLimit(limits.maxListenerConnections, () => this.#live.size);
    return [...(limits.maxConnections > 0 ? [inAll] : []), ...(limits.maxListenerConnections > 0 ? [onPort] : [])];
  }

  /** Of each type the policy of the first listener that has one: translate gives all listeners of a port the same. */
  #filtersOf({ listeners, config }: PortContent): Map<string, Held> {
    const filters = new Map<string, Held>();
    const port = { count: () => this.#live.size };
    for (const [type, make] of Object.entries(this.#world.connectionPolicies)) {
      const policy = listeners
        .map(({ key }) => config.get('Policy', policyKey(type, key)))
        .find((one) => one !== undefined);
      if (policy === undefined) continue;
      const held = this.#held.get(policy.key);
      filters.set(policy.key, held?.policy === policy ? held : { policy, filters: make(policy, port) });
    }
    return filters;
  }

  /** The true source decides whether a header is heard; a required one from elsewhere cannot come. */
  accept(link: NetLink): void {
    const refusal = this.#limits === null ? null : this.#limits.admit(link);
    const guard = this.#guard;
    if (refusal !== null) this.#refuse(link, refusal);
    else if (guard === undefined) this.#meet(link, undefined);
    else if (guard.sources.has(link.remoteAddress)) guard.gate.accept(link);
    else if (!guard.required) this.#meet(link, undefined);
    else {
      this.#world.meter.dropped('tcp', guard.gate.options.name, 'untrusted_source');
      turnAway(link);
    }
  }

  /** Its client is known. */
  #meet(link: NetLink, firstBytes: Buffer | undefined): void {
    const clients = this.#clients;
    if (clients === null) return this.#exits.admit(link, firstBytes);
    const { remoteAddress, remotePort, localAddress, localPort } = link;
    const arrival = { remoteAddress, remotePort, localAddress, localPort };
    const refusal = clients.admit(arrival);
    if (refusal !== null) return this.#refuse(link, refusal);
    if (clients.ending) link.socket.once('close', () => clients.end(arrival));
    this.#exits.admit(link, firstBytes);
  }

  #refuse(link: NetLink, refusal: ConnectionRefusal): void {
    this.#world.stats.refusedFor(refusal.reason).value++;
    this.#exits.refuse(link, refusal);
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
        this.#meet(link as NetLink, firstBytes.length > 0 ? firstBytes : undefined);
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
