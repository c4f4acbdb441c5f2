/**
 * What may be looked through for one request. One look is cheap; tenants write as many as they like, so that all looks
 * of a request together are counted (docs/decisions/regular-expressions.md).
 */

/** Bytes that rules and policies may look through for a request, until it waits for somebody: one or two ms. */
export const MAX_MATCH_STEPS = 1_000_000;

/** Requests are looked at one after the other. */
let left: number = MAX_MATCH_STEPS;

/** Before a request is looked at. */
export function renewAllowance(): void {
  left = MAX_MATCH_STEPS;
}

/** Nobody knows what would have held: whoever asked must refuse the request. */
export class Overdrawn extends Error {
  constructor() {
    super('what rules and policies ask of this request takes too long to find out');
  }
}

/** Throws Overdrawn where nothing was left. */
export function charge(steps: number): void {
  if (left < 0) throw new Overdrawn();
  left -= steps;
}
