/**
 * Names of stores of policies. Connections are given up sooner than a name that must wait for its turn is known: the look-up goes on
 * for the next of them, and what it said is known for a moment.
 */
import { policyAddresses } from '../names/index.ts';

/** Milliseconds for which what a look-up said is used again. */
export const MAX_NAME_AGE = 5_000;

export class StoreNames {
  /** By namespace and name. */
  readonly #known = new Map<string, Promise<string[]>>();
  readonly #lookUp: typeof policyAddresses;

  constructor(lookUp = policyAddresses) {
    this.#lookUp = lookUp;
  }

  /** Of one namespace none waits for more than a look-up of each other one. */
  addressesOf(hostname: string, tenant: string): Promise<string[]> {
    const key = `${tenant} ${hostname}`;
    let found = this.#known.get(key);
    if (found === undefined) {
      found = this.#lookUp(hostname, { tenant, isWaiting: () => true });
      this.#known.set(key, found);
      const forget = (): boolean => this.#known.delete(key);
      found.then(() => setTimeout(forget, MAX_NAME_AGE).unref(), forget);
    }
    return found;
  }
}
