/**
 * Ports of data planes on the network of their nodes. Those of a rollout share them on purpose (SO_REUSEPORT), and so would
 * data planes of two Gateways: each got a part of the other's clients, and neither would be told. A port is the oldest's.
 */
import { LISTENER_REASON } from '../../api/index.ts';
import { type Collection, type Context, type Derived, index } from '../../graph/index.ts';
import { byAge, precedes } from '../precedence.ts';
import type { Graph } from '../stage.ts';
import { type Problem, problem } from '../verdict/problem.ts';
import type { DeclaredListener } from './declared.ts';
import type { ManagedGateway } from './gateway.ts';
import type { NodeNetwork } from './parameters.ts';
import type { GatewayPort } from './port-allotment.ts';
import { placeOf } from './port-holder.ts';

interface Known {
  gateways: Collection<ManagedGateway>;
  opened: Collection<GatewayPort>;
}

/** By place, as `placeOf` has it: the Gateway that has the port in its stead. */
export function deriveNodePorts(graph: Graph, { gateways, opened }: Known): Derived<ManagedGateway> {
  const claims = graph.derive('claims to ports of nodes', opened, (context, { gateway, port }, place) => {
    const claimant = context.fetch(gateways, `Gateway/${gateway}`);
    if (claimant?.nodes === undefined || claimant.withheld) return [];
    return [[place, { place, claimant, port: `${port.protocol}:${port.port}` }] as const];
  });
  const byPort = index('claims by port of nodes', claims, ({ port }) => [port]);
  return graph.derive('ports of nodes that are taken', byPort, (_context, group) => takenIn(group));
}

/** Why a listener has no port on the nodes, or undefined: it has, or needs none. */
export function nodePortRefusal(
  context: Context,
  taken: Collection<ManagedGateway>,
  { listener, gateway }: { listener: DeclaredListener; gateway: ManagedGateway },
): Problem | undefined {
  const place = gateway.nodes && placeOf(listener);
  const winner = place === undefined ? undefined : context.fetch(taken, place);
  if (winner === undefined) return undefined;
  const message = `port ${listener.spec.port} of the nodes is that of Gateway ${winner.key}, ${precedes(winner, gateway)} and whose data planes are on the network of the nodes (pod.hostNetwork), too: use another port, one Gateway for both, or nodes of their own (pod.nodeSelector)`;
  return problem(LISTENER_REASON.PortUnavailable, `spec.listeners[${listener.position}].port`, message);
}

interface Claim {
  place: string;
  claimant: ManagedGateway;
}

function takenIn(claims: ReadonlyArray<Claim>): Array<[string, ManagedGateway]> {
  const standing: ManagedGateway[] = [];
  const taken: Array<[string, ManagedGateway]> = [];
  for (const { place, claimant } of Array.from(claims).sort((a, b) => byAge(a.claimant, b.claimant))) {
    const winner = standing.find((other) => meet(other.nodes!, claimant.nodes!));
    if (winner === undefined) standing.push(claimant);
    else taken.push([place, winner]);
  }
  return taken;
}

/** Nobody is refused on a guess. */
function meet(a: NodeNetwork, b: NodeNetwork): boolean {
  if (a.elsewise || b.elsewise) return false;
  return Object.entries(a.labels).every(([key, value]) => (b.labels[key] ?? value) === value);
}
