/**
 * The endpoints of one Backend in the form that requests are balanced over, made from the form before. Of a list of
 * thousands in which one has come or gone, little is made anew; and it is made in steps, so that requests go first.
 */
import type { Endpoint, LoadBalancing } from '../../config/index.ts';
import { Networks } from '../../value/networks.ts';
import { socketName } from '../../value/socket-name.ts';
import type { EndpointPool } from './connection.ts';
import { EndpointGroup } from './endpoint-group.ts';

/** Endpoints of one step: some hundredths of a millisecond. */
const STEP = 128;

const NO_POOLS: readonly EndpointPool[] = [];

export type Weights = ReadonlyMap<EndpointPool, number> | null;

export interface Roster {
  readonly offered: readonly Endpoint[];
  /** Of each of `offered`. */
  readonly members: readonly EndpointPool[];
  /** Each once. */
  readonly pools: readonly EndpointPool[];
  readonly ready: EndpointGroup;
  /** Of the ready ones, where requests are to stay in the gateway's zone. */
  readonly near: EndpointGroup;
  readonly draining: EndpointGroup;
  /** Null: all weigh the same. */
  readonly weights: Weights;
}

export const EMPTY_ROSTER: Roster = {
  offered: [],
  members: NO_POOLS,
  pools: NO_POOLS,
  ready: EndpointGroup.NONE,
  near: EndpointGroup.NONE,
  draining: EndpointGroup.NONE,
  weights: null,
};

/** What a roster is made by. */
export interface RosterRules {
  loadBalancing: LoadBalancing | undefined;
  /** Where this gateway runs. */
  zone: string | undefined;
  newPool(endpoint: Endpoint, label: string): EndpointPool;
}

export interface RosterStep {
  readonly before: Roster;
  readonly roster: Roster;
  /** Pools that were made for it. */
  readonly come: readonly EndpointPool[];
  /** Pools that are in the roster before, and not in it. */
  readonly gone: readonly EndpointPool[];
}

/** Stops after each step. Pools of endpoints that stay are the same as before. */
export function* rosterStep(
  before: Roster,
  offered: readonly Endpoint[],
  rules: RosterRules,
): Generator<void, RosterStep, void> {
  const { members, come } = yield* membersOf(before, offered, rules.newPool);
  const used = new Set<EndpointPool>();
  for (const [at, pool] of members.entries()) {
    used.add(pool);
    if (at % STEP === STEP - 1) yield;
  }
  // The list itself where it may be: a second one, in each of thousands of backends, weighs more than what is in it.
  const pools = used.size === members.length ? members : Array.from(used);
  const gone: EndpointPool[] = [];
  for (const [at, pool] of before.pools.entries()) {
    if (!used.has(pool)) gone.push(pool);
    if (at % STEP === STEP - 1) yield;
  }
  const weights = yield* weightsOf(offered, members, rules.loadBalancing);
  const ready = yield* inState('ready', offered, members);
  const near = nearest(offered, members, rules);
  yield;
  const draining = yield* inState('draining', offered, members);
  const roster: Roster = {
    offered,
    members,
    pools,
    ready: yield* groupOf(ready, weights),
    near: yield* groupOf(near, weights),
    draining: yield* groupOf(draining, weights),
    weights,
  };
  return { before, roster, come, gone };
}

function* membersOf(
  before: Roster,
  offered: readonly Endpoint[],
  newPool: RosterRules['newPool'],
): Generator<void, { members: readonly EndpointPool[]; come: readonly EndpointPool[] }, void> {
  if (offered.length === 0) return { members: NO_POOLS, come: NO_POOLS };
  const members: EndpointPool[] = [];
  const come = new Map<string, EndpointPool>();
  let places: Map<string, number> | undefined;
  // Lists come in one order, mostly: what stood behind the last one is the first guess.
  let next = 0;
  for (const endpoint of offered) {
    if (members.length % STEP === STEP - 1) yield;
    if (isAt(before, next, endpoint)) {
      members.push(before.members[next++]!);
      continue;
    }
    places ??= yield* placesIn(before);
    const label = socketName(endpoint.address, endpoint.port);
    const place = places.get(label);
    if (place !== undefined) {
      members.push(before.members[place]!);
      next = place + 1;
      continue;
    }
    let pool = come.get(label);
    if (pool === undefined) come.set(label, (pool = newPool(endpoint, label)));
    members.push(pool);
  }
  return { members, come: come.size === 0 ? NO_POOLS : Array.from(come.values()) };
}

function isAt({ offered }: Roster, at: number, { address, port }: Endpoint): boolean {
  const there = offered[at];
  return there !== undefined && there.port === port && there.address === address;
}

/** Where each stood, by `address:port`. */
function* placesIn({ members }: Roster): Generator<void, Map<string, number>, void> {
  const places = new Map<string, number>();
  for (const [at, { label }] of members.entries()) {
    places.set(label, at);
    if (at % STEP === STEP - 1) yield;
  }
  return places;
}

function* weightsOf(
  offered: readonly Endpoint[],
  members: readonly EndpointPool[],
  loadBalancing: LoadBalancing | undefined,
): Generator<void, Weights, void> {
  const asked = loadBalancing?.weights;
  if (asked === undefined) return null;
  const rules = asked.map(({ networks, weight }) => ({ among: new Networks(networks), weight }));
  const weights = new Map<EndpointPool, number>();
  for (const [at, { address }] of offered.entries()) {
    weights.set(members[at]!, rules.find(({ among }) => among.has(address))?.weight ?? 1);
    if (at % STEP === STEP - 1) yield;
  }
  return weights;
}

function* inState(
  state: Endpoint['state'],
  offered: readonly Endpoint[],
  members: readonly EndpointPool[],
): Generator<void, readonly EndpointPool[], void> {
  const pools: EndpointPool[] = [];
  for (const [at, one] of offered.entries()) {
    if (one.state === state) pools.push(members[at]!);
    if (at % STEP === STEP - 1) yield;
  }
  return pools.length === members.length ? members : pools;
}

/** Where the policy has requests stay in the gateway's zone. */
function nearest(
  offered: readonly Endpoint[],
  members: readonly EndpointPool[],
  { loadBalancing, zone }: RosterRules,
): readonly EndpointPool[] {
  if (loadBalancing?.zone !== 'PreferLocal' || zone === undefined) return NO_POOLS;
  return members.filter((_, at) => offered[at]!.state === 'ready' && offered[at]!.zone === zone);
}

function* groupOf(pools: readonly EndpointPool[], weights: Weights): Generator<void, EndpointGroup, void> {
  const group = groupIn(pools, weights);
  yield;
  return group;
}

export function groupIn(pools: readonly EndpointPool[], weights: Weights): EndpointGroup {
  return pools.length === 0 ? EndpointGroup.NONE : new EndpointGroup(pools, weights);
}
