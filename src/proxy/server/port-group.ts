/** Which listeners share a port, and what kind of port it is. */
import type { Listener, RouteRule, Snapshot } from '../../config/index.ts';
import { HttpPort } from './http-port.ts';
import type { Port, PortContent } from './port.ts';
import { TcpPort } from './tcp-port.ts';
import { TlsPort } from './tls-port.ts';
import { UdpPort } from './udp-port.ts';
import type { World } from './world.ts';

export type PortKind = 'http' | 'tls' | 'tcp' | 'udp';

export interface PortGroup {
  /** `kind address port`. */
  id: string;
  kind: PortKind;
  address: string;
  port: number;
  listeners: Listener[];
}

/** Where the run binds what Gateways do not say. */
export interface Binding {
  bind: readonly string[];
  portMap: ReadonlyMap<number, number>;
}

/** A listener serves on the addresses that its Gateway asks for, or else on those of the run. */
export function placesOf(listener: Listener, binding: Binding): Array<Omit<PortGroup, 'listeners'>> {
  const addresses = listener.addresses.length > 0 ? listener.addresses : binding.bind;
  const port = binding.portMap.get(listener.port) ?? listener.port;
  const kind = kindOf(listener);
  // Port 0 asks for any free port: one for each port as written.
  const place = port === 0 ? `0 for ${listener.port}` : String(port);
  return addresses.map((address) => ({ id: `${kind} ${address} ${place}`, kind, address, port }));
}

export function portGroups(config: Snapshot, binding: Binding): Map<string, PortGroup> {
  const groups = new Map<string, PortGroup>();
  for (const listener of config.of('Listener').values()) {
    for (const place of placesOf(listener, binding)) {
      const group = groups.get(place.id);
      if (group === undefined) groups.set(place.id, { ...place, listeners: [listener] });
      else group.listeners.push(listener);
    }
  }
  return groups;
}

export function createPort(kind: PortKind, world: World, content: PortContent): Port {
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

function kindOf({ protocol }: Listener): PortKind {
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

/** Rules of TLSRoutes, TCPRoutes and UDPRoutes. */
export function streamRulesByListener(config: Snapshot): Map<string, RouteRule[]> {
  const byListener = new Map<string, RouteRule[]>();
  for (const rule of config.of('RouteRule').values()) {
    if (rule.route.kind === 'HTTPRoute' || rule.route.kind === 'GRPCRoute') continue;
    for (const { listener } of rule.attachments) {
      const rules = byListener.get(listener);
      if (rules === undefined) byListener.set(listener, [rule]);
      else if (rules.at(-1) !== rule) rules.push(rule);
    }
  }
  return byListener;
}
