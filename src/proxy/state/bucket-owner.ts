/**
 * Whose a bucket is: which namespace's, and which limit of it. All limits of a data plane have one table, and keys are what
 * clients send: whoever makes very many of them must not have those of others forgotten, whose limits would be open then.
 */
import { Grace, type MetricsSnapshot } from '../../observe/index.ts';

/** Places of the two sets that a key may stand in. */
const KEY_PLACES = 8;

/** The two sets of a key that finds no room: whose the buckets are, and when each is full. */
export interface Crowd {
  readonly owners: Uint32Array;
  readonly times: Float64Array;
}

export function newCrowd(): Crowd {
  return { owners: new Uint32Array(KEY_PLACES), times: new Float64Array(KEY_PLACES) };
}

/**
 * Which place makes room for a bucket of `owner`. Keys are spread by chance, so that of the eight places most are those of
 * the namespace that has most of the table: it gives one up, and of its limits the one that has most. Who comes counts as if he
 * was there, and between two that have as many he is the one. Of what is left, the bucket that would be full first.
 */
export function whoMakesRoom({ owners, times }: Crowd, owner: number): number {
  let place = 0;
  let most = -1;
  for (let at = 0; at < KEY_PLACES; at++) {
    const rank = rankOf(owners, owners[at]!, owner);
    if (rank < most || (rank === most && times[at]! >= times[place]!)) continue;
    place = at;
    most = rank;
  }
  return place;
}

/** Of the places of one set, one of a namespace that has more of them than that of `owner` would have; -1: there is none. */
export function whoCrowdsOut(owners: Uint32Array, owner: number): number {
  const counts = Array.from(
    owners,
    (one) => owners.filter((other) => namespacePart(other) === namespacePart(one)).length,
  );
  const place = counts.indexOf(Math.max(...counts));
  const own = owners.filter((other) => namespacePart(other) === namespacePart(owner)).length + 1;
  return counts[place]! > own ? place : -1;
}

/** By how much of the places its namespace has, and then by how much its limit has. */
function rankOf(owners: Uint32Array, one: number, coming: number): number {
  const isOwn = namespacePart(one) === namespacePart(coming);
  const isSame = one === coming;
  let [ofNamespace, ofLimit] = [Number(isOwn), Number(isSame)];
  for (let at = 0; at < KEY_PLACES; at++) {
    if (namespacePart(owners[at]!) === namespacePart(one)) ofNamespace++;
    if (owners[at] === one) ofLimit++;
  }
  return (ofNamespace * 2 + Number(isOwn)) * KEY_PLACES * 4 + ofLimit * 2 + Number(isSame);
}

function namespacePart(owner: number): number {
  return owner >>> 16;
}

/** Names in 32 bits, the same for all workers, and how many buckets of each were forgotten. */
export class BucketOwners {
  /** Of hashes, so that nobody can choose a name that another has. */
  readonly #seed: number;
  readonly #known = new Map<number, { policy: string; rule: string; forgotten: number }>();
  readonly #grace = new Grace();

  constructor(seed: number) {
    this.#seed = seed;
  }

  /** `policy`: `Kind/namespace/name`; `rule`: what of it. */
  of(policy: string, rule: string): number {
    const namespace = policy.split('/', 2)[1] ?? '';
    const owner = ((sixteenBits(namespace, this.#seed) << 16) | sixteenBits(`${policy} ${rule}`, this.#seed)) >>> 0;
    if (!this.#known.has(owner)) this.#known.set(owner, { policy, rule, forgotten: 0 });
    return owner;
  }

  /** One of its buckets was forgotten before its time. */
  readonly forgot = (owner: number): void => {
    const known = this.#known.get(owner);
    if (known !== undefined) known.forgotten++;
  };

  /** `isServed`: whether the config has this policy. */
  family(name: string, help: string, isServed: (policy: string) => boolean): MetricsSnapshot[number] {
    const series = [];
    for (const [owner, { policy, rule, forgotten }] of this.#known) {
      if (!this.#grace.keeps(`${owner}`, isServed(policy))) this.#known.delete(owner);
      else if (forgotten > 0) series.push({ labels: { policy, rule }, value: forgotten });
    }
    return { name, help, type: 'counter', series };
  }
}

function sixteenBits(text: string, seed: number): number {
  let hash = seed | 0;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x85ebca6b) ^ (hash >>> 13);
  hash = Math.imul(hash ^ (hash >>> 16), 0x21f0aaad);
  hash = Math.imul(hash ^ (hash >>> 15), 0x735a2d97);
  return (hash ^ (hash >>> 15)) & 0xffff;
}
