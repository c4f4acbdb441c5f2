/** What listeners that stand in nobody's way have to do with each other by their hosts: found by host, whatever their number. */
import { type Collection, counts, heads, index } from '../../graph/index.ts';
import type { Graph } from '../stage.ts';
import type { Problem } from '../verdict/problem.ts';
import { type DeclaredListener, type ListenerOwner, ownerKey } from './declared.ts';
import { ANY_HOST } from './hostnames.ts';
import { slotOf } from './listener-conflict.ts';
import { widerHosts } from './tls-overlap.ts';

/** A listener that takes hosts of a port. */
export interface StandingHost {
  key: string;
  gateway: string;
  /** Gateway and port. */
  place: string;
  owner: ListenerOwner;
  isTls: boolean;
  /** In lower case; `*` for any. */
  host: string;
  spec: Pick<DeclaredListener['spec'], 'name' | 'hostname'>;
}

/** Told of by listener key. */
export interface HostRelations {
  /** Of TLS listeners: another of the port whose hostnames it overlaps. */
  overlaps: Collection<StandingHost>;
  /** Which hosts more specific listeners of others take, in words. */
  taken: Collection<string>;
}

/** Named in one message; more are counted. */
const NAMED_AT_MOST = 4;
/** The Gateway API allows no more listeners of one object. */
const MAX_OWN = 64;

interface Hosts {
  /** By place and host. */
  exact: Collection<ReadonlyArray<StandingHost>>;
  /** By place and wildcard, those of all that it covers: the first of them, and how many they are. */
  narrower: Collection<ReadonlyArray<StandingHost>>;
  narrowerCount: Collection<number>;
  /** By place and owner. */
  own: Collection<ReadonlyArray<StandingHost>>;
}

export function deriveHostRelations(
  graph: Graph,
  declared: Collection<DeclaredListener>,
  conflicts: Collection<Problem>,
): HostRelations {
  const standing = graph.derive('standing listeners', declared, (context, listener, key) => {
    const found = context.fetch(conflicts, key) === undefined ? standingHost(listener) : undefined;
    return found === undefined ? [] : [[key, found] as const];
  });
  const wider = ({ place, host }: StandingHost): string[] => widerHosts(host).map((one) => `${place} ${one}`);
  const hosts: Hosts = {
    exact: index('standing listeners by host', standing, ({ place, host }) => [`${place} ${host}`]),
    narrower: heads('standing listeners by wider host', standing, { keysOf: wider, most: NAMED_AT_MOST + MAX_OWN }),
    narrowerCount: counts('number of standing listeners by wider host', standing, wider),
    own: index('standing listeners by owner', standing, ({ place, owner }) => [`${place} ${ownerKey(owner)}`]),
  };
  return {
    overlaps: graph.derive('tls overlaps', standing, (context, listener, key) => {
      const other = listener.isTls ? overlapOf(context, hosts, listener) : undefined;
      return other === undefined ? [] : [[key, other] as const];
    }),
    taken: graph.derive('taken hosts', standing, (context, listener, key) => {
      const text = takenText(context, hosts, listener);
      return text === undefined ? [] : [[key, text] as const];
    }),
  };
}

function standingHost(listener: DeclaredListener): StandingHost | undefined {
  const slot = slotOf(listener);
  if (slot?.family !== 'plain' && slot?.family !== 'tls') return undefined;
  const { key, gateway, owner, spec } = listener;
  const { name, hostname } = spec;
  return {
    key,
    gateway,
    place: `${gateway} ${slot.port}`,
    owner,
    isTls: slot.family === 'tls',
    host: slot.hostname,
    spec: { name, ...(hostname === undefined ? {} : { hostname }) },
  };
}

type Reading = Parameters<Parameters<Graph['derive']>[2]>[0];

/**
 * A client may reuse a connection to one listener for a request to the other. The spec wants it said on both: of the
 * narrower one that comes before it by key, else of the nearest wider one, else of a narrower one.
 */
function overlapOf(context: Reading, { exact, narrower }: Hosts, listener: StandingHost): StandingHost | undefined {
  const { key, place, host } = listener;
  const [first] = context.fetch(narrower, `${place} ${host}`) ?? [];
  if (first !== undefined && first.key < key) return first;
  for (const one of widerHosts(host)) {
    const [wider] = context.fetch(exact, `${place} ${one}`) ?? [];
    if (wider !== undefined) return wider;
  }
  return first;
}

/** The spec has it so, and whoever owns the wildcard has not written it. */
function takenText(context: Reading, hosts: Hosts, { place, host, owner }: StandingHost): string | undefined {
  if (host !== ANY_HOST && !host.startsWith('*.')) return undefined;
  const first = context.fetch(hosts.narrower, `${place} ${host}`);
  if (first === undefined) return undefined;
  const named = first.filter((one) => ownerKey(one.owner) !== ownerKey(owner)).slice(0, NAMED_AT_MOST);
  if (named.length === 0) return undefined;
  const own = context.fetch(hosts.own, `${place} ${ownerKey(owner)}`) ?? [];
  const ofOthers =
    (context.fetch(hosts.narrowerCount, `${place} ${host}`) ?? 0) -
    own.filter((one) => widerHosts(one.host).includes(host)).length;
  const more = ofOthers - named.length;
  const names = named.map(({ host: taken, spec, owner: { kind, namespace, name } }) => {
    return `${taken} by listener ${spec.name} of ${kind} ${namespace}/${name}`;
  });
  return `more specific listeners take hosts of it: ${names.join(', ')}${more > 0 ? `, and ${more} more` : ''}`;
}
