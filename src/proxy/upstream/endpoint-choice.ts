/**
 * Ways to choose among endpoints. Each is asked for one that takes requests, and says null where it knows none: then the
 * next group is asked, and in the end one of those that fail is tried.
 */
import type { LoadBalancing } from '../../config/index.ts';
import type { Aim } from './aim.ts';
import type { EndpointPool } from './connection.ts';
import { type EndpointGroup, loadOf } from './endpoint-group.ts';
import { addressHash, type HashReader, hashReader, NO_HASH } from './hash-key.ts';
import type { SteeredRequest } from './steered-request.ts';

/** What a choice must know besides the endpoints. */
export interface Choosing {
  /** On the wheel's clock. */
  readonly now: number;
  /** One that just failed. */
  readonly avoid: EndpointPool | null;
  /** Whose turn it is. */
  readonly turns: { turn: number };
  readonly aim: Aim | null;
}

/** A family: one for each type of load balancing. */
export interface EndpointChoice {
  /** What of a request it goes by; absent: nothing. */
  readonly reads?: HashReader;
  /** It goes by the client's address, among others or alone: so connections without a request have a hash, too. */
  readonly readsAddress?: boolean;
  choose(group: EndpointGroup, choosing: Choosing): EndpointPool | null;
}

/** Points of a ring that are looked at for one request. */
const MOST_POINTS_ASKED = 1_024;
/** Of its share, in percent, that an endpoint bears before keys go to the next. */
const MOST_LOAD = 125;
/** What a cold endpoint gets at least. */
const COLDEST = 1 / 10;

/** Passes over some of the requests for endpoints that have just come. */
class SlowStart {
  readonly #window: number;

  constructor(window: number) {
    this.#window = window;
  }

  admits({ health }: EndpointPool, now: number): boolean {
    if (this.#window === 0 || health.freshSince < 0) return true;
    const age = now - health.freshSince;
    return age >= this.#window || Math.random() < Math.max(COLDEST, age / this.#window);
  }
}

class RoundRobin implements EndpointChoice {
  readonly #start: SlowStart;

  constructor(start: SlowStart) {
    this.#start = start;
  }

  choose({ turns: pools }: EndpointGroup, { now, avoid, turns }: Choosing): EndpointPool | null {
    const { length } = pools;
    for (let i = 0; i < length; i++) {
      const pool = pools[turns.turn++ % length]!;
      if (pool !== avoid && this.#start.admits(pool, now) && pool.health.admits(now)) return pool;
    }
    return null;
  }
}

class Random implements EndpointChoice {
  readonly #start: SlowStart;

  constructor(start: SlowStart) {
    this.#start = start;
  }

  choose({ turns }: EndpointGroup, { now, avoid }: Choosing): EndpointPool | null {
    const { length } = turns;
    for (let i = 0, at = Math.floor(Math.random() * length); i < length; i++, at++) {
      const pool = turns[at % length]!;
      if (pool !== avoid && this.#start.admits(pool, now) && pool.health.admits(now)) return pool;
    }
    return null;
  }
}

/**
 * Of two by chance the one with fewer requests: nearly as even as the least of all, and many gateways that ask one
 * service do not all run to the same endpoint.
 */
class LeastRequest implements EndpointChoice {
  readonly #start: SlowStart;
  readonly #otherwise: EndpointChoice;

  constructor(start: SlowStart) {
    this.#start = start;
    this.#otherwise = new RoundRobin(start);
  }

  choose(group: EndpointGroup, choosing: Choosing): EndpointPool | null {
    const { now, avoid } = choosing;
    const { pools } = group;
    const { length } = pools;
    if (length > 1) {
      const first = Math.floor(Math.random() * length);
      const second = (first + 1 + Math.floor(Math.random() * (length - 1))) % length;
      const better = share(group, pools[second]!) < share(group, pools[first]!) ? second : first;
      for (const at of [better, better === first ? second : first]) {
        const pool = pools[at]!;
        if (pool !== avoid && this.#start.admits(pool, now) && pool.health.admits(now)) return pool;
      }
    }
    return this.#otherwise.choose(group, choosing);
  }
}

function share(group: EndpointGroup, pool: EndpointPool): number {
  return (loadOf(pool) + 1) / group.weight(pool);
}

class ConsistentHash implements EndpointChoice {
  readonly reads: HashReader;
  readonly readsAddress: boolean;
  readonly #otherwise: EndpointChoice;
  readonly #percent: number;
  readonly #subset: number;

  constructor({ keys, maxLoadPercent, subsetSize }: NonNullable<LoadBalancing['hash']>, otherwise: EndpointChoice) {
    this.reads = hashReader(keys);
    this.readsAddress = keys.some(({ type }) => type === 'ClientAddress');
    this.#otherwise = otherwise;
    this.#percent = maxLoadPercent ?? MOST_LOAD;
    this.#subset = subsetSize ?? 1;
  }

  choose(group: EndpointGroup, choosing: Choosing): EndpointPool | null {
    const { aim, avoid, now } = choosing;
    if (aim === null || aim.hash === NO_HASH) return this.#otherwise.choose(group, choosing);
    const { ring } = group;
    const first = ring.pointOf(aim.hash);
    if (this.#subset > 1) return this.#ofSubset(group, first, choosing);
    const most = this.#percent === 0 ? Number.POSITIVE_INFINITY : group.mostLoad(this.#percent);
    const points = Math.min(ring.points, MOST_POINTS_ASKED);
    for (let i = 0; i < points; i++) {
      const pool = ring.at(first + i);
      // An idle one takes a request, however small its share is.
      const load = loadOf(pool);
      if (pool !== avoid && (load === 0 || load < most * group.weight(pool)) && pool.health.admits(now)) return pool;
    }
    return null;
  }

  /** By chance among the first on the ring. */
  #ofSubset({ ring }: EndpointGroup, first: number, { avoid, now }: Choosing): EndpointPool | null {
    const subset: EndpointPool[] = [];
    const points = Math.min(ring.points, MOST_POINTS_ASKED);
    for (let i = 0; i < points && subset.length < this.#subset; i++) {
      const pool = ring.at(first + i);
      if (!subset.includes(pool)) subset.push(pool);
    }
    const { length } = subset;
    for (let i = 0, at = Math.floor(Math.random() * length); i < length; i++, at++) {
      const pool = subset[at % length]!;
      if (pool !== avoid && pool.health.admits(now)) return pool;
    }
    return null;
  }
}

/** It keeps nothing: whose turn it is stands elsewhere. */
const IN_TURN: EndpointChoice = new RoundRobin(new SlowStart(0));

/** Absent: round robin. */
export function endpointChoice(settings: LoadBalancing | undefined): EndpointChoice {
  if (settings === undefined) return IN_TURN;
  const start = new SlowStart(settings.slowStart ?? 0);
  switch (settings.type) {
    case 'RoundRobin':
      return new RoundRobin(start);
    case 'LeastRequest':
      return new LeastRequest(start);
    case 'Random':
      return new Random(start);
    case 'ConsistentHash':
      return new ConsistentHash(settings.hash ?? { keys: [{ type: 'ClientAddress' }] }, new RoundRobin(start));
  }
}

/** What a connection's endpoint depends on. */
export function hashOfClient({ readsAddress }: EndpointChoice, clientAddress: string): number {
  return readsAddress ? addressHash(clientAddress) : NO_HASH;
}

/** What of a request its endpoint depends on. */
export function hashOf({ reads }: EndpointChoice, request: SteeredRequest): number {
  return reads === undefined ? NO_HASH : reads(request);
}
