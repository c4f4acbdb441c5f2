/** The life of a data plane's ports: opened, swapped, handed over to a port of another kind, drained, tried again. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Delta, Listener, ListenerState, Snapshot } from '../../config/index.ts';
import { DaemunError } from '../../observe/index.ts';
import type { PreparedRoutes } from '../route/index.ts';
import { nextTurn } from './accepting-port.ts';
import { hasCertificate, isChallenged } from './certificates.ts';
import { HttpPort } from './http-port.ts';
import { type FreshPort, type OpenPort, openPorts } from './opening.ts';
import type { Port, PortContent, Swap } from './port.ts';
import {
  type Binding,
  type PortGroup,
  type PortGroups,
  type PortKind,
  placesOf,
  portGroups,
  StreamRules,
} from './port-group.ts';
import { TcpPort } from './tcp-port.ts';
import { TlsPort } from './tls-port.ts';
import { UdpPort } from './udp-port.ts';
import type { World } from './world.ts';

/** Milliseconds that a connection has from its arrival to its first request, where this process is about to end. */
export const ARRIVAL_GRACE = 500;
/** The same for one that is in the middle of its handshake then: round trips may be long, and machines busy. */
export const HANDSHAKE_GRACE = 4_000;
/** Milliseconds between looks whether some still are. */
const HANDSHAKE_LOOK = 50;

export interface PortSetOptions extends Binding {
  reusePort: boolean;
  /** Milliseconds that what is under way on a port that goes may take to finish. */
  drainTimeout: number;
}

/** The version to come. */
export interface NextVersion {
  config: Snapshot;
  /** What led to it. */
  delta: Delta;
  /** By place. */
  tables: PreparedRoutes['tables'];
}

/** Ports for the next config, compiled. Nothing has changed yet. */
export interface PreparedPorts {
  /** In one step: new content for ports that stay, other ports for sockets that stay, no socket for what is gone. */
  swap: Swap;
  /** Opens what is new. What cannot be opened is told by `stateOf`. */
  open(): Promise<void>;
}

export class PortSet {
  readonly #world: World;
  readonly #options: PortSetOptions;
  /** By place. */
  readonly #open = new Map<string, OpenPort>();
  readonly #draining = new Map<Port, { key: string; ended: Promise<void> }>();
  #failed = new Map<string, DaemunError>();
  #refused: PortGroups['refused'] = new Map();
  #rules = StreamRules.NONE;

  constructor(world: World, options: PortSetOptions) {
    this.#world = world;
    this.#options = options;
  }

  /** Places that could not be bound. */
  get failed(): number {
    return this.#failed.size;
  }

  /** Resolves when all that drains now has ended; undefined where nothing drains. */
  get drained(): Promise<unknown> | undefined {
    if (this.#draining.size === 0) return undefined;
    return Promise.allSettled([...this.#draining.values()].map(({ ended }) => ended));
  }

  /** All sockets that are open. */
  get bound(): Array<{ name: string; transport: 'tcp' | 'udp' }> {
    return [...this.#open.values()].flatMap(({ group: { kind }, port }) =>
      port.bound.map((name) => ({ name, transport: kind === 'udp' ? ('udp' as const) : ('tcp' as const) })),
    );
  }

  /** Which listeners are to share which sockets. */
  groups(config: Snapshot): PortGroups {
    const kindNow = (key: string): PortKind | undefined => this.#open.get(key)?.group.kind;
    const found = portGroups(config, this.#options, kindNow);
    for (const [key, { listeners }] of found.groups) {
      const isOpen = (one: Listener): boolean => hasCertificate(one, config) || isChallenged(one, config);
      if (!listeners.some(isOpen)) found.groups.delete(key);
    }
    return found;
  }

  /** Throws where a port's content cannot be compiled. */
  prepare({ groups, refused }: PortGroups, next: NextVersion): PreparedPorts {
    const rules = this.#rules.next(next.config, next.delta);
    const swaps: Swap[] = [];
    const fresh: FreshPort[] = [];
    for (const group of groups.values()) {
      const content = contentOf(group, { ...next, rules });
      const held = this.#open.get(group.key);
      if (held !== undefined && sameSocket(held.group, group) && held.group.kind === group.kind) {
        const swap = held.port.prepare(content);
        swaps.push(() => {
          swap();
          held.group = group;
        });
        continue;
      }
      const again = (): Port => createPort(group.kind, this.#world, content);
      const port = again();
      if (held !== undefined && sameSocket(held.group, group)) swaps.push(() => this.#replace(held, { group, port }));
      else fresh.push({ group, port, again });
    }
    return {
      swap: () => {
        const gone = [...this.#open].filter(([key, held]) => !isWanted(held, groups.get(key)));
        for (const [key, { port }] of gone) this.#drain(key, port);
        for (const swap of swaps) swap();
        this.#refused = refused;
        this.#rules = rules;
      },
      open: () => this.#openAll(fresh),
    };
  }

  /** The new port takes the socket over, so that no connection is refused meanwhile. */
  #replace(held: OpenPort, next: OpenPort): void {
    const socket = held.port.release();
    if (socket === undefined) return;
    next.port.takeOver(socket);
    this.#drain(next.group.key, held.port);
    this.#open.set(next.group.key, next);
  }

  async #openAll(fresh: readonly FreshPort[]): Promise<void> {
    this.#failed = await openPorts(fresh, {
      open: this.#open,
      reusePort: this.#options.reusePort,
      before: (place) => this.#endFormer(place),
      done: (place, opened) => this.#open.set(place, opened),
    });
  }

  /** A draining port that holds on to its sockets, as those of datagrams do, ends before another opens them. */
  async #endFormer(key: string): Promise<void> {
    for (const [port, former] of this.#draining) {
      if (former.key !== key || !key.startsWith('udp')) continue;
      void port.drain(0);
      await former.ended;
    }
  }

  #drain(key: string, port: Port): void {
    this.#open.delete(key);
    const ended = port.drain(this.#options.drainTimeout).finally(() => this.#draining.delete(port));
    this.#draining.set(port, { key, ended });
  }

  /** What one listener has come to. */
  stateOf(listener: Listener, config: Snapshot): ListenerState {
    const { key } = listener;
    const places = placesOf(listener, this.#options);
    const bound: string[] = [];
    let failure = hasCertificate(listener, config) ? undefined : noCertificate(listener);
    for (const place of places) {
      const error = this.#refused.get(place.key)?.get(key) ?? this.#failed.get(place.key);
      failure ??= error;
      if (error === undefined) bound.push(...(this.#open.get(place.key)?.port.bound ?? []));
    }
    if (failure === undefined) return { key, state: 'serving', bound };
    return { key, state: 'failed', bound, code: failure.code, message: failure.message };
  }

  /**
   * Listens no more where others listen on the same ports. Connections that came last are given a moment for their
   * handshake and request, within `timeout` milliseconds: nobody else has them.
   */
  async stop(timeout: number): Promise<void> {
    const until = performance.now() + Math.min(timeout, HANDSHAKE_GRACE);
    const ports = Array.from(this.#open.values(), ({ port }) => port);
    const left = await Promise.all(ports.map((port) => port.stop?.()));
    if (left.every((count = 0) => count === 0)) return;
    await pause(Math.min(timeout, ARRIVAL_GRACE));
    // What came while the process was held up is read first.
    await nextTurn();
    while (ports.some(({ arriving }) => arriving === true) && performance.now() < until) await pause(HANDSHAKE_LOOK);
  }

  /** Ends everything, what drains already too, within `timeout` milliseconds. */
  async drain(timeout: number): Promise<void> {
    this.#world.sockets.end();
    for (const [key, { port }] of [...this.#open]) this.#drain(key, port);
    await Promise.all([...this.#draining].map(([port, { ended }]) => port.drain(timeout).then(() => ended)));
    this.#world.datagrams.end();
  }
}

function createPort(kind: PortKind, world: World, content: PortContent): Port {
  switch (kind) {
    case 'http':
      return new HttpPort(world, content);
    case 'tls':
      return new TlsPort(world, content);
    case 'tcp':
      return new TcpPort(world, content);
    case 'udp':
      return new UdpPort(world, content);
  }
}

function contentOf(
  { key, listeners }: PortGroup,
  { config, tables, rules }: NextVersion & { rules: StreamRules },
): PortContent {
  const attached = [...new Set(listeners.flatMap((listener) => rules.of(listener.key)))];
  return { listeners, rules: attached, table: tables.get(key)!, config };
}

/** What the port has open serves the group too, whatever is spoken on it. */
function sameSocket(held: PortGroup, group: PortGroup): boolean {
  return held.ipv6Only === group.ipv6Only;
}

function isWanted({ group: held }: OpenPort, group: PortGroup | undefined): boolean {
  return group !== undefined && sameSocket(held, group);
}

function noCertificate({ key }: Listener): DaemunError {
  return new DaemunError(
    'DMN_CERTIFICATE_INVALID',
    `listener ${key} has no certificate that TLS can use, and never had one; it is closed until there is one.`,
  );
}
