import { LISTENER_REASON } from '../../api/index.ts';
import { byAge, ordered, precedes } from '../precedence.ts';
import { type Problem, problem } from '../verdict/problem.ts';
import type { DeclaredListener } from './declared.ts';
import type { ManagedGateway } from './gateway.ts';
import { indistinct, slotOf } from './listener-conflict.ts';
import { overlapsOf } from './tls-overlap.ts';

/** A listener that would open a port, with its Gateway. */
export interface PortClaim {
  listener: DeclaredListener;
  gateway: ManagedGateway;
}

/** What several Gateways on one port come to: who is refused, and who shares. By listener key. */
export interface Sharing {
  refused: Map<string, Problem>;
  shared: Map<string, string>;
  /** TLS listeners with another on the same sockets whose hostnames they overlap, or are equal to. */
  overlaps: Map<string, DeclaredListener>;
}

/**
 * In one data plane, Gateways without addresses of their own meet on the same sockets. HTTP and TLS listeners share
 * them, told apart by hostname; what cannot be told apart goes to the older Gateway.
 */
export function sharePort(claims: ReadonlyArray<PortClaim>): Sharing {
  const sharing: Sharing = { refused: new Map(), shared: new Map(), overlaps: new Map() };
  const standing: PortClaim[] = [];
  for (const claim of Array.from(claims).sort(byGatewayAge)) {
    const met = standing.filter(
      (other) => other.gateway.key !== claim.gateway.key && meet(claim.gateway, other.gateway),
    );
    const winner = met.find((other) => clash(claim.listener, other.listener));
    if (winner !== undefined) {
      sharing.refused.set(claim.listener.key, refusal(claim, winner));
      continue;
    }
    standing.push(claim);
    const [first] = met;
    if (first !== undefined) sharing.shared.set(claim.listener.key, shareMessage(claim, first));
  }
  const owners = new Map(standing.map(({ listener, gateway }) => [listener.key, gateway]));
  sharing.overlaps = overlapsOf(
    standing.map(({ listener }) => listener),
    (one, other) => meet(owners.get(one.key)!, owners.get(other.key)!),
  );
  return sharing;
}

/** Where a Gateway has data planes of its own, what is not for clients is there, too. */
export function ownPortRefusal(listener: DeclaredListener, { ownPort }: ManagedGateway): Problem | undefined {
  if (ownPort === undefined || slotOf(listener)?.port !== `tcp:${ownPort}`) return undefined;
  const message = `port ${ownPort} is that of the data planes' own metrics and probes: use another port`;
  return problem(LISTENER_REASON.PortUnavailable, `spec.listeners[${listener.position}].port`, message);
}

function byGatewayAge(a: PortClaim, b: PortClaim): number {
  return byAge(a.gateway, b.gateway) || ordered(a.listener.key, b.listener.key);
}

function meet(a: ManagedGateway, b: ManagedGateway): boolean {
  if (a.addresses.length === 0 || b.addresses.length === 0) return true;
  return a.addresses.some((address) => b.addresses.includes(address));
}

/** Equal hostnames with equal protocol are no clash between Gateways: the routes of both are candidates. */
function clash(a: DeclaredListener, b: DeclaredListener): boolean {
  return indistinct(slotOf(a)!, slotOf(b)!) === LISTENER_REASON.ProtocolConflict;
}

function refusal({ listener, gateway }: PortClaim, winner: PortClaim): Problem {
  const { port, protocol } = winner.listener.spec;
  const message = `port ${port} is taken by listener ${winner.listener.spec.name} (${protocol}) of Gateway ${winner.gateway.key}, ${precedes(winner.gateway, gateway)}: use another port, or give the Gateways different spec.addresses`;
  return problem(LISTENER_REASON.PortUnavailable, `spec.listeners[${listener.position}].port`, message);
}

function shareMessage({ listener, gateway }: PortClaim, first: PortClaim): string {
  return `Gateways ${first.gateway.key} and ${gateway.key} share port ${listener.spec.port}: hostnames decide between their listeners; give them different spec.addresses to keep them apart`;
}
