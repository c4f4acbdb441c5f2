/**
 * Choice among a rule's backends by weight: smooth weighted round robin. In every run of `totalWeight` choices each
 * backend is chosen exactly `weight` times, and its turns are spread evenly over the run. Integer arithmetic only.
 */
import type { PlannedBackend } from './table.ts';

/** Most rules have one backend, and a typed array weighs more than all else of a choice. */
const NO_CREDIT = new Float64Array(0);

export class WeightedChoice<T extends { readonly weight: number } = PlannedBackend> {
  readonly #backends: ReadonlyArray<T>;
  /** How far each backend is behind its share. */
  readonly #credit: Float64Array;
  readonly #total: number;

  /** Backends of weight 0 are never chosen; those that are broken keep their share. */
  constructor(backends: ReadonlyArray<T>) {
    // A copy has exactly the room that is needed; what is filtered has room for a dozen more.
    this.#backends = backends.filter((backend) => backend.weight > 0).slice();
    this.#credit = this.#backends.length > 1 ? new Float64Array(this.#backends.length) : NO_CREDIT;
    this.#total = this.#backends.reduce((sum, backend) => sum + backend.weight, 0);
  }

  /** The backend whose turn it is, or null where no backend has a weight. */
  next(): T | null {
    const backends = this.#backends;
    if (backends.length <= 1) return backends.length === 0 ? null : backends[0]!;
    const credit = this.#credit;
    let best = 0;
    for (let i = 0; i < backends.length; i++) {
      credit[i]! += backends[i]!.weight;
      if (credit[i]! > credit[best]!) best = i;
    }
    credit[best]! -= this.#total;
    return backends[best]!;
  }
}
