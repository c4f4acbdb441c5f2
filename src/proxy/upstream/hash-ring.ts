/**
 * Consistent hashing: members on a ring of 32 bits, each at many points, so that of those that come or go only their
 * share of the keys moves. The same on every worker and replica: it depends on the members' names and weights alone.
 */

/** Points of a member of mean weight, while there are few; with more of them each has fewer, by halves. */
const POINTS_PER_MEMBER = 160;
const FEWEST_POINTS = 20;
/** Points of a ring beyond which members have fewer: to sort more would hold up requests. */
const MOST_POINTS = 32_768;

/** A point is a whole number up to 2^48: its place on the ring, and behind it the member. */
const MEMBERS = 0x1_0000;

export class HashRing<T> {
  readonly members: readonly T[];
  readonly #places: Uint32Array;
  readonly #owners: Uint16Array;

  /** The first 65,536 members have points. */
  constructor(members: readonly T[], nameOf: (member: T) => string, weightOf: (member: T) => number = () => 1) {
    this.members = members.slice(0, MEMBERS);
    const weights = this.members.map(weightOf);
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    let each = POINTS_PER_MEMBER;
    while (each > FEWEST_POINTS && each * this.members.length > MOST_POINTS) each /= 2;
    const mean = total / this.members.length;
    const points: number[] = [];
    for (const [index, member] of this.members.entries()) {
      const name = nameOf(member);
      const count = Math.max(1, Math.round((each * weights[index]!) / mean));
      for (let i = 0; i < count; i++) points.push(hashText(`${name}#${i}`) * MEMBERS + index);
    }
    const sorted = Float64Array.from(points).sort();
    this.#places = Uint32Array.from(sorted, (point) => Math.floor(point / MEMBERS));
    this.#owners = Uint16Array.from(sorted, (point) => point % MEMBERS);
  }

  get points(): number {
    return this.#places.length;
  }

  /** The first point at `hash` or behind it. */
  pointOf(hash: number): number {
    const places = this.#places;
    let low = 0;
    let high = places.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (places[middle]! < hash) low = middle + 1;
      else high = middle;
    }
    return low === places.length ? 0 : low;
  }

  /** Whose point it is; points are counted around the ring. */
  at(point: number): T {
    return this.members[this.#owners[point % this.#owners.length]!]!;
  }
}

/** 32 bits of a text, spread evenly however alike texts are. */
export function hashText(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return spread(hash);
}

export function spread(hash: number): number {
  let h = hash;
  h = Math.imul(h ^ (h >>> 16), 0x21f0aaad);
  h = Math.imul(h ^ (h >>> 15), 0x735a2d97);
  return (h ^ (h >>> 15)) >>> 0;
}
