/**
 * Which ports are opened for a Gateway that data planes and a Service are made for. Whoever may write ListenerSets could
 * ask for so many that the Service cannot be written, and with it everybody's traffic would be held up.
 */
import { type InfrastructurePort, LISTENER_REASON } from '../../api/index.ts';
import { type Collection, type Context, counts, index, join } from '../../graph/index.ts';
import type { Graph } from '../stage.ts';
import { type Problem, problem } from '../verdict/problem.ts';
import type { DeclaredListener } from './declared.ts';
import type { ManagedGateway } from './gateway.ts';
import { slotOf } from './listener-conflict.ts';
import { placeOf, rankOf } from './port-holder.ts';

/**
 * Different ports of one Gateway, its ListenerSets' too, where a Service is made for it: with 1,000 its Service has a fifth
 * of what an API server stores of one object. TCP and UDP count apart.
 */
export const MOST_GATEWAY_PORTS = 1000;

export interface GatewayPort {
  gateway: string;
  port: InfrastructurePort;
}

export interface PortAllotment {
  opened: Collection<GatewayPort>;
  /** Places, as `placeOf` has them, that are not opened. */
  closed: Collection<true>;
}

/** A port that somebody's listener asks for. */
export interface PortWish {
  place: string;
  gateway: string;
  /** Of the ListenerSet; of the Gateway's own: absent. */
  namespace?: string;
  rank: string;
  position: number;
}

interface Known {
  gateways: Collection<ManagedGateway>;
  declared: Collection<DeclaredListener>;
}

/**
 * Also those of listeners that cannot be served now: a port that came and went with a certificate would lose its number
 * on the nodes. One more listener on a port changes nothing.
 */
export function deriveAllotment(graph: Graph, { gateways, declared }: Known): PortAllotment {
  if (graph.options.shared) return { opened: join('no ports', []), closed: join('no closed ports', []) };
  const places = counts('listeners by gateway and port', declared, (listener) => {
    const place = placeOf(listener);
    return place === undefined ? [] : [place];
  });
  const asked = graph.derive('asked ports', places, (_context, _count, place) => [[place, portOf(place)]]);
  const numbers = counts('number of ports by gateway', asked, ({ gateway }) => [gateway]);
  // Only of those are all listeners looked at together: elsewhere one more costs the same, however many there are.
  const crowded = graph.derive('gateways with too many ports', numbers, (context, number, gateway) => {
    const limited = number > MOST_GATEWAY_PORTS && context.fetch(gateways, `Gateway/${gateway}`)?.hasService === true;
    return limited ? [[gateway, MOST_GATEWAY_PORTS] as const] : [];
  });
  const wishes = graph.derive('wishes for ports', declared, (context, listener, key) => {
    const most = context.fetch(crowded, listener.gateway);
    return most === undefined || slotOf(listener) === undefined ? [] : [[key, wishOf(listener)] as const];
  });
  const byGateway = index('wishes by gateway', wishes, ({ gateway }) => [gateway]);
  const closed = graph.derive('closed ports', byGateway, (context, group, gateway) => {
    const most = context.fetch(crowded, gateway);
    return most === undefined ? [] : closedPlaces(group, most).map((place) => [place, true] as const);
  });
  const opened = graph.derive('opened ports', asked, (context, port, place) =>
    context.fetch(closed, place) === undefined ? [[place, port] as const] : [],
  );
  return { opened, closed };
}

/** Why a listener has no port of its Gateway, or undefined: it has. */
export function closedRefusal(
  context: Context,
  closed: PortAllotment['closed'],
  listener: DeclaredListener,
): Problem | undefined {
  const place = placeOf(listener);
  if (place === undefined || context.fetch(closed, place) === undefined) return undefined;
  const { position, spec } = listener;
  const message = `port ${spec.port} is not opened: listeners of the Gateway and its ListenerSets ask for more than the ${MOST_GATEWAY_PORTS} different ports that it can have, which are shared out evenly between namespaces: use a port that another of its listeners has, told apart by hostname, or a Gateway of your own`;
  return problem(LISTENER_REASON.PortUnavailable, `spec.listeners[${position}].port`, message);
}

function wishOf(listener: DeclaredListener): PortWish {
  const { gateway, owner, position } = listener;
  const wish = { place: placeOf(listener)!, gateway, rank: rankOf(owner), position };
  return owner.kind === 'Gateway' ? wish : { ...wish, namespace: owner.namespace };
}

/**
 * The Gateway's own ports first. Then namespaces of ListenerSets take turns, the one with the oldest set first, each
 * with the ports of its older sets before those of its younger: what one opened is everybody's, and takes nobody a turn.
 */
export function closedPlaces(wishes: ReadonlyArray<PortWish>, most: number): string[] {
  const opened = new Set<string>();
  const queues = new Map<string, PortWish[]>();
  for (const wish of Array.from(wishes).sort(byRank)) {
    if (wish.namespace === undefined) {
      if (opened.size < most) opened.add(wish.place);
      continue;
    }
    const queue = queues.get(wish.namespace);
    if (queue === undefined) queues.set(wish.namespace, [wish]);
    else queue.push(wish);
  }
  let waiting = Array.from(queues.values(), (queue) => queue.values());
  while (waiting.length > 0 && opened.size < most) {
    waiting = waiting.filter((queue) => opened.size >= most || takesTurn(queue, opened));
  }
  return Array.from(new Set(wishes.map(({ place }) => place))).filter((place) => !opened.has(place));
}

/** False: it wants no more. */
function takesTurn(queue: IterableIterator<PortWish>, opened: Set<string>): boolean {
  for (let next = queue.next(); next.done !== true; next = queue.next()) {
    const { place } = next.value;
    if (opened.has(place)) continue;
    opened.add(place);
    return true;
  }
  return false;
}

function byRank(a: PortWish, b: PortWish): number {
  if (a.rank !== b.rank) return a.rank < b.rank ? -1 : 1;
  return a.position - b.position;
}

function portOf(place: string): GatewayPort {
  const [gateway, transport, port] = place.split(/[ :]/) as [string, string, string];
  return { gateway, port: { port: Number(port), protocol: transport === 'udp' ? 'UDP' : 'TCP' } };
}
