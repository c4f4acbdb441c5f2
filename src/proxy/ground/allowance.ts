/**
 * What may be looked through for one request. One look is cheap; tenants write as many as they like, so that all looks
 * of a request together are counted (docs/decisions/regular-expressions.md).
 */

/** Bytes that rules and policies may look through for a request, until it waits for somebody: one or two ms. */
export const MAX_MATCH_STEPS = 1_000_000;
/** The same for requests of one connection that come one after the other; what comes then waits until others were read. */
export const MAX_TURN_STEPS: number = MAX_MATCH_STEPS;

/** Requests are looked at one after the other. */
let left: number = MAX_MATCH_STEPS;
/** Whose request was looked at last, and what that and those just before it took. */
let spender: object | undefined;
let spent = 0;

/** Before a request is looked at. */
export function renewAllowance(): void {
  left = MAX_MATCH_STEPS;
}

/**
 * The same for a request of `client`; false: the requests before it took the turn of this one, and it is to wait for the
 * next. Most requests are charged nothing, which costs two comparisons.
 */
export function mayLook(client: object): boolean {
  const known = spender === client;
  spender = client;
  if (left === MAX_MATCH_STEPS && spent === 0) return true;
  spent = known ? spent + MAX_MATCH_STEPS - left : 0;
  left = MAX_MATCH_STEPS;
  return spent < MAX_TURN_STEPS;
}

/** Others were read since; it is the turn of `client`. */
export function newTurn(client?: object): void {
  left = MAX_MATCH_STEPS;
  spent = 0;
  spender = client;
}

/** What was taken in this turn. */
export function taken(): number {
  return spent + MAX_MATCH_STEPS - left;
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
