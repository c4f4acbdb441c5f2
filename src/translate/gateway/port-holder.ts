/**
 * Conflicts between the listeners of one Gateway, so that one more listener costs the same whether there are ten others
 * or ten thousand. The Gateway's own come first, then ListenerSets by age; the first whose own listeners agree on what a
 * port speaks holds it, and from there on listeners of the port can only want the same host.
 */
import { type Collection, heads, index, join } from '../../graph/index.ts';
import type { Graph } from '../stage.ts';
import type { Problem } from '../verdict/problem.ts';
import { type DeclaredListener, type ListenerOwner, ownerKey } from './declared.ts';
import { type Claimant, conflict, conflictsOf, indistinct, slotOf } from './listener-conflict.ts';

/** Who would hold a port. */
interface PortClaim {
  /** Gateway and port. */
  place: string;
  rank: string;
  /** Of its listeners there, the first that stands. */
  first: Claimant;
}

/** By listener key. */
export function deriveConflicts(graph: Graph, declared: Collection<DeclaredListener>): Collection<Problem> {
  const byOwner = index('listeners by port and owner', declared, (listener) => {
    const place = placeOf(listener);
    return place === undefined ? [] : [`${place} ${ownerKey(listener.owner)}`];
  });
  // Under keys whose order is that of who comes first.
  const claims = graph.derive('holders of ports by owner', byOwner, (_context, own) => {
    const claim = claimOf(own);
    return claim === undefined ? [] : [[`${claim.place} ${claim.rank}`, claim] as const];
  });
  const holders = heads('holders of ports', claims, { keysOf: ({ place }) => [place], most: 1 });
  const ofPorts = graph.derive('port conflicts', byOwner, (context, own) =>
    portConflicts(own, context.fetch(holders, placeOf(own[0]!)!)?.[0]),
  );
  const byHost = index('listeners by port and host', declared, (listener) => {
    const slot = slotOf(listener);
    return slot === undefined ? [] : [`${placeOf(listener)} ${slot.hostname}`];
  });
  const ofHosts = graph.derive('host conflicts', byHost, (context, group) =>
    group.length === 1 ? [] : conflictsOf(group.filter(({ key }) => context.fetch(ofPorts, key) === undefined)),
  );
  return join('listener conflicts', [ofPorts, ofHosts]);
}

/** Gateway and port. */
export function placeOf(listener: DeclaredListener): string | undefined {
  const slot = slotOf(listener);
  return slot && `${listener.gateway} ${slot.port}`;
}

/** Digits of a time in milliseconds, so that times are ordered as text; what has none comes last. */
const TIME_DIGITS = 16;

/** As text it is ordered as owners are among each other. */
export function rankOf({ kind, created, namespace, name }: ListenerOwner): string {
  const time = Date.parse(created);
  const age = Number.isNaN(time) ? '~' : String(time).padStart(TIME_DIGITS, '0');
  return `${kind} ${age} ${namespace}/${name}`;
}

/** `own`: all that an owner has on a port. One whose listeners stand in each other's way holds nothing. */
function claimOf(own: ReadonlyArray<DeclaredListener>): PortClaim | undefined {
  const conflicts = conflictsOf(own);
  const standing = own.filter(({ key }) => !conflicts.has(key)).sort((a, b) => a.position - b.position);
  const [first] = standing;
  if (first === undefined) return undefined;
  const { key, owner, spec, position } = first;
  const { name, port, protocol, hostname } = spec;
  return {
    place: placeOf(first)!,
    rank: rankOf(owner),
    // No more than is asked of it: an edit of anything else has no port looked at again.
    first: { key, owner, position, spec: { name, port, protocol, ...(hostname === undefined ? {} : { hostname }) } },
  };
}

function portConflicts(own: ReadonlyArray<DeclaredListener>, holder: PortClaim | undefined): Map<string, Problem> {
  const rank = rankOf(own[0]!.owner);
  if (holder === undefined || rank < holder.rank) return conflictsOf(own);
  if (rank === holder.rank) return new Map();
  const slot = slotOf(holder.first)!;
  const lost = own.filter((listener) => indistinct(slotOf(listener)!, slot) !== undefined);
  return new Map(lost.map((listener) => [listener.key, conflict(listener, holder.first)]));
}
