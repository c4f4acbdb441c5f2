/**
 * How often an API server is asked about tokens. Whoever reaches the port of the config stream can make up tokens, and each
 * would be a question: so what was answered with no is paid for, by address and in all, and what was answered with yes is not.
 */
import { Allowance, AllowanceBook, type AllowanceSize } from '../value/allowance.ts';

/** Tokens of one address that are asked about, and turn out to be nobody's. Data planes on the network of a node share one. */
export const ADDRESS_REVIEW_LIMIT: AllowanceSize = { most: 32, perSecond: 1 };
/** Of all addresses. The last half is for those that have asked next to nothing. */
export const REVIEW_LIMIT: AllowanceSize = { most: 128, perSecond: 16 };
/** Tokens that an address may ask about of that half: one that a data plane has at its start may be a moment old. */
const MAX_WHILE_SCARCE = 2;
/** Addresses whose questions are remembered; the one that asked longest ago is forgotten first. */
export const MAX_ASKING = 4096;

export class ReviewBudget {
  readonly #all: Allowance;
  readonly #byAddress: AllowanceBook;

  constructor(now: () => number) {
    this.#all = new Allowance(REVIEW_LIMIT, now);
    this.#byAddress = new AllowanceBook(ADDRESS_REVIEW_LIMIT, MAX_ASKING, now);
  }

  /** False: not now. */
  take(address: string): boolean {
    const own = this.#byAddress.of(address);
    const isScarce = this.#all.left < REVIEW_LIMIT.most / 2;
    if (isScarce && own.left <= ADDRESS_REVIEW_LIMIT.most - MAX_WHILE_SCARCE) return false;
    if (own.left < 1 || !this.#all.take()) return false;
    return own.take();
  }

  /** The token was somebody's. */
  giveBack(address: string): void {
    this.#all.give();
    this.#byAddress.known(address)?.give();
  }
}
