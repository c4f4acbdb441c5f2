/** Which listeners share a port, what kind of port it is, and who has to stand back. */
import type { Delta, Listener, RouteRule, Snapshot } from '../../config/index.ts';
import { DaemunError } from '../../observe/index.ts';
import { socketName } from '../../value/socket-name.ts';
import type { GivenSocket } from '../listen/index.ts';

export type PortKind = 'http' | 'tls' | 'tcp' | 'udp';

export interface Place {
  /** `transport address port`: what a socket is known by. What is spoken on it is no part of that. */
  key: string;
  address: string;
  port: number;
  /** Places of one port on several addresses: where it is any free one, it is the same on all. */
  kin: string;
}

export interface PortGroup extends Place {
  kind: PortKind;
  listeners: Listener[];
  /** Of `::` where another group has `0.0.0.0` with the same port. */
  ipv6Only: boolean;
}

/** Where the run binds what Gateways do not say. */
export interface Binding {
  bind: readonly string[];
  portMap: ReadonlyMap<number, number>;
  /** Sockets that are there already: of a port that has one the run opens no others. */
  given?: readonly Pick<GivenSocket, 'transport' | 'address' | 'port'>[];
}

/** The groups by the keys of their places, and why listeners are in none of their places. */
export interface PortGroups {
  groups: Map<string, PortGroup>;
  /** By place, then by listener. */
  refused: Map<string, Map<string, DaemunError>>;
}

/** A listener serves on the addresses that its Gateway asks for, or else on those of the run. */
export function placesOf(listener: Listener, binding: Binding): Place[] {
  const port = binding.portMap.get(listener.port) ?? listener.port;
  const transport = listener.protocol === 'UDP' ? 'udp' : 'tcp';
  const given = (binding.given ?? []).filter((one) => one.transport === transport && one.port === port);
  const own = given.length > 0 ? given.map(({ address }) => address) : binding.bind;
  const addresses = listener.addresses.length > 0 ? listener.addresses : own;
  // Port 0 asks for any free port: one for each port as written.
  const place = port === 0 ? `0 for ${listener.port}` : String(port);
  const kin = `${transport} ${addresses.join(' ')} ${place}`;
  return addresses.map((address) => ({ key: `${transport} ${address} ${place}`, address, port, kin }));
}

/** `kindNow`: what a place serves at present. It stays so for as long as one of its listeners wants it. */
export function portGroups(
  config: Snapshot,
  binding: Binding,
  kindNow: (key: string) => PortKind | undefined,
): PortGroups {
  const claims = new Map<string, { place: Place; listeners: Listener[] }>();
  for (const listener of config.of('Listener').values()) {
    for (const place of placesOf(listener, binding)) {
      const claim = claims.get(place.key);
      if (claim === undefined) claims.set(place.key, { place, listeners: [listener] });
      else claim.listeners.push(listener);
    }
  }
  const groups = new Map<string, PortGroup>();
  const refused = new Map<string, Map<string, DaemunError>>();
  for (const [key, { place, listeners }] of claims) {
    const { kind, served } = settle(listeners, kindNow(key));
    const other = place.address === '::' ? key.replace(' :: ', ' 0.0.0.0 ') : key;
    groups.set(key, { ...place, kind, listeners: served, ipv6Only: other !== key && claims.has(other) });
    const losers = listeners.filter((listener) => !served.includes(listener));
    if (losers.length === 0) continue;
    refused.set(key, new Map(losers.map((loser) => [loser.key, conflict(place, loser, served[0]!)])));
  }
  return { groups, refused };
}

/** One kind has the port. A port of TCP or UDP has nothing to tell listeners apart by, and so has one of them. */
function settle(listeners: readonly Listener[], now: PortKind | undefined): { kind: PortKind; served: Listener[] } {
  const stays = listeners.some((listener) => kindOf(listener) === now);
  const kind = stays && now !== undefined ? now : kindOf(listeners[0]!);
  const fitting = listeners.filter((listener) => kindOf(listener) === kind);
  return { kind, served: kind === 'tcp' || kind === 'udp' ? fitting.slice(0, 1) : fitting };
}

function conflict({ address, port }: Place, { protocol, port: written }: Listener, other: Listener): DaemunError {
  const where = socketName(address, port);
  return new DaemunError(
    'DMN_PORT_CONFLICT',
    `${where} serves listener ${other.key} with ${other.protocol}, and cannot serve ${protocol} beside it; ` +
      `give one of the two another port, or map ${written} elsewhere with --port-map.`,
  );
}

export function kindOf({ protocol }: Listener): PortKind {
  switch (protocol) {
    case 'HTTP':
      return 'http';
    case 'HTTPS':
    case 'TLS':
      return 'tls';
    case 'TCP':
      return 'tcp';
    case 'UDP':
      return 'udp';
  }
}

/** Rules of TLSRoutes, TCPRoutes and UDPRoutes by listener: made anew where one of them changed, and only there. */
export class StreamRules {
  static readonly NONE = new StreamRules([]);

  readonly #keys = new Set<string>();
  readonly #byListener = new Map<string, RouteRule[]>();

  private constructor(rules: Iterable<RouteRule>) {
    for (const rule of rules) {
      if (!isStream(rule)) continue;
      this.#keys.add(rule.key);
      for (const { listener } of rule.attachments) {
        const held = this.#byListener.get(listener);
        if (held === undefined) this.#byListener.set(listener, [rule]);
        else if (held.at(-1) !== rule) held.push(rule);
      }
    }
  }

  of(listener: string): readonly RouteRule[] {
    return this.#byListener.get(listener) ?? [];
  }

  /** Those of the config that `delta` led to. */
  next(config: Snapshot, { upserts, removals }: Delta): StreamRules {
    const touched =
      upserts.some((object) => object.kind === 'RouteRule' && isStream(object)) ||
      removals.some(({ kind, key }) => kind === 'RouteRule' && this.#keys.has(key));
    return touched ? new StreamRules(config.of('RouteRule').values()) : this;
  }
}

function isStream({ route }: RouteRule): boolean {
  return route.kind !== 'HTTPRoute' && route.kind !== 'GRPCRoute';
}
