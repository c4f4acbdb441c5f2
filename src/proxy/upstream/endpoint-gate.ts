/**
 * Which endpoints may be connected to. Neither the machine by a name that somebody has in his DNS, nor the gateway's own
 * sockets: its listeners (a request would run in a circle) and its admin API (a tenant's route would lead there). Asked
 * when endpoints come, after each look-up of a name, and once more for each connection.
 */
import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import { barredHost } from '../../config/index.ts';
import { canonicalAddress } from '../../value/address.ts';
import type { ConnectTarget, Driver, Link, Sink } from '../ground/driver.ts';

export interface GateRules {
  /** Endpoints (of slices, or given by flag) on this machine's loopback. */
  loopbackEndpoints: 'allowed' | 'refused';
  /** Names that resolve to it. */
  loopbackNames: 'allowed' | 'refused';
}

export interface OwnSocket {
  transport: 'tcp' | 'udp';
  address: string;
  port: number;
  /** In words, for messages. */
  what: string;
}

/** An endpoint as it is asked about. */
export interface Asked {
  address: string;
  port: number;
  transport: 'tcp' | 'udp';
  /** It came of a name. */
  named: boolean;
}

/** Milliseconds that the machine's addresses are believed to stay the same. */
export const INTERFACES_TTL = 5_000;

export class EndpointGate {
  /** Sockets that are open now. */
  own: ReadonlyArray<OwnSocket> = [];
  readonly #rules: GateRules;
  readonly #interfaces: typeof networkInterfaces;
  /** Undefined: it could never be looked at. */
  #machine: Set<string> | undefined;
  #machineUntil = 0;

  constructor(rules: GateRules, interfaces: typeof networkInterfaces = networkInterfaces) {
    this.#rules = rules;
    this.#interfaces = interfaces;
  }

  /** Why nothing is sent there, or undefined. */
  faultOf({ address, port, transport, named }: Asked): string | undefined {
    const { loopbackEndpoints, loopbackNames } = this.#rules;
    if (!isIP(address.split('%')[0]!)) return 'is no address';
    const barred = barredHost(address, named ? loopbackNames : loopbackEndpoints);
    if (barred !== undefined) return barred;
    const own = this.own.find((one) => one.port === port && one.transport === transport && this.#is(one, address));
    return own && `is ${own.what}`;
  }

  #is(own: OwnSocket, address: string): boolean {
    const asked = canonicalAddress(address);
    if (own.address !== '0.0.0.0' && own.address !== '::') return canonicalAddress(own.address) === asked;
    const machine = this.#addresses();
    // What may be this machine's is taken for it.
    return isLoopback(asked) || machine === undefined || machine.has(asked);
  }

  #addresses(): Set<string> | undefined {
    // Not the time of day, which may be set back.
    const now = performance.now();
    if (now >= this.#machineUntil) {
      const looked = this.#looked();
      if (looked !== undefined) {
        this.#machine = looked;
        this.#machineUntil = now + INTERFACES_TTL;
      }
    }
    return this.#machine;
  }

  /** Undefined where no descriptor is left to ask with: what was known stays. */
  #looked(): Set<string> | undefined {
    try {
      const infos = Object.values(this.#interfaces()).flatMap((one) => one ?? []);
      return new Set(infos.map((one) => canonicalAddress(one.address)));
    } catch {
      return undefined;
    }
  }
}

function isLoopback(address: string): boolean {
  return barredHost(address, 'allowed') === undefined && barredHost(address, 'refused') !== undefined;
}

/** Opens nothing that the gate refuses: what was let in before may be the gateway's own by now. */
export class GuardedDriver implements Driver {
  readonly #driver: Driver;
  readonly #gate: EndpointGate;

  constructor(driver: Driver, gate: EndpointGate) {
    this.#driver = driver;
    this.#gate = gate;
  }

  connect(target: ConnectTarget, sink: Sink): Link {
    const { address, port } = target;
    // What came of a name was asked about with its look-up, and is connected to by address.
    const fault = this.#gate.faultOf({ address, port, transport: 'tcp', named: false });
    return fault === undefined ? this.#driver.connect(target, sink) : new RefusedLink(`${address} ${fault}`, sink);
  }
}

class RefusedLink implements Link {
  sink: Sink;
  readonly remoteAddress: string = '';
  readonly remotePort: number = 0;
  readonly localAddress: string = '';
  readonly localPort: number = 0;
  readonly pending: number = 0;
  readonly tls: undefined;

  constructor(why: string, sink: Sink) {
    this.sink = sink;
    queueMicrotask(() => this.sink.onClose(Object.assign(new Error(why), { code: 'EACCES' })));
  }

  send(): boolean {
    return true;
  }
  pause(): void {}
  resume(): void {}
  close(): void {}
}
