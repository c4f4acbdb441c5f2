/** Endpoints that are chosen among alike, with what each way of choosing needs of them. */
import type { EndpointPool } from './connection.ts';
import { HashRing } from './hash-ring.ts';

/** Turns that are written down for endpoints of different weights; beyond it weights are rounded. */
const MOST_TURNS = 16_384;

/** Above every number of endpoints; Infinity would be an object of its own in each of thousands of groups. */
const NOT_COUNTED = 0x3fff_ffff;

export class EndpointGroup {
  static readonly NONE: EndpointGroup = new EndpointGroup([], null);
  readonly pools: readonly EndpointPool[];
  /** Each as often as it weighs, spread evenly. */
  readonly turns: readonly EndpointPool[];
  /** Null: all weigh the same. */
  readonly #weights: ReadonlyMap<EndpointPool, number> | null;
  readonly #totalWeight: number;
  #ring: HashRing<EndpointPool> | undefined;
  /** Requests at all of them, counted now and then, and how many were sent since. */
  #counted = 0;
  #since = NOT_COUNTED;

  constructor(pools: readonly EndpointPool[], weights: ReadonlyMap<EndpointPool, number> | null) {
    this.pools = pools;
    this.#weights =
      weights !== null && pools.some((pool) => weights.get(pool) !== weights.get(pools[0]!)) ? weights : null;
    this.turns = this.#weights === null ? pools : turnsOf(pools, this.#weights);
    this.#totalWeight = pools.reduce((sum, pool) => sum + this.weight(pool), 0);
  }

  get size(): number {
    return this.pools.length;
  }

  weight(pool: EndpointPool): number {
    return this.#weights?.get(pool) ?? 1;
  }

  /** Made where somebody asks for it. */
  get ring(): HashRing<EndpointPool> {
    this.#ring ??= new HashRing(
      this.pools,
      ({ label }) => label,
      (pool) => this.weight(pool),
    );
    return this.#ring;
  }

  /** Requests that one of weight 1 may have where each may have `percent` of its share; one more is on its way. */
  mostLoad(percent: number): number {
    // To count them all for each request would cost more than all else.
    if (this.#since >= this.pools.length) {
      this.#counted = 0;
      for (const pool of this.pools) this.#counted += loadOf(pool);
      this.#since = 0;
    }
    this.#since++;
    return ((this.#counted + this.#since) * percent) / 100 / this.#totalWeight;
  }
}

export function loadOf(pool: EndpointPool): number {
  return pool.load + pool.health.streams;
}

function turnsOf(pools: readonly EndpointPool[], weights: ReadonlyMap<EndpointPool, number>): EndpointPool[] {
  const total = pools.reduce((sum, pool) => sum + weights.get(pool)!, 0);
  const scale = Math.min(1, MOST_TURNS / total);
  const places = pools.flatMap((pool) => {
    const count = Math.max(1, Math.round(weights.get(pool)! * scale));
    return Array.from({ length: count }, (_, turn) => ({ pool, at: (turn + 1 / 2) / count }));
  });
  return places.sort((a, b) => a.at - b.at).map(({ pool }) => pool);
}
