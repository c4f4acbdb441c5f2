/**
 * Keys that an issuer publishes. They are fetched when they are first needed, again after a while and when a token names
 * one that is not there, and the last ones stay while the issuer does not answer.
 */
import { type KeySet, readKeySet } from '../../value/json-web-key.ts';

/** Milliseconds between two tries, at least: neither a failure nor a made-up key name makes more of them. */
export const MIN_FETCH_INTERVAL: number = 5_000;

/** Milliseconds after which keys are fetched again, and for which the last ones hold where that fails. */
export interface KeyTimes {
  refresh: number;
  stale: number;
}

export interface KeyHolder {
  /** Those that are here now; null: none. */
  current(): KeySet | null;
  keys(): KeySet | null | Promise<KeySet | null>;
  /** The same after a token named a key that is not among them. */
  newKeys(): KeySet | null | Promise<KeySet | null>;
}

export class KeySource implements KeyHolder {
  readonly #times: KeyTimes;
  readonly #fetchText: () => Promise<string>;
  #keys: KeySet | null = null;
  #fetchedAt = 0;
  #triedAt = Number.NEGATIVE_INFINITY;
  #under: Promise<KeySet | null> | null = null;
  /** Of the last try; '' where it went well. */
  fault = '';

  constructor({ refresh, stale }: KeyTimes, fetch: () => Promise<string>) {
    this.#times = { refresh, stale };
    this.#fetchText = fetch;
    void this.#fetch(performance.now());
  }

  current(): KeySet | null {
    const now = performance.now();
    if (now - this.#fetchedAt >= this.#times.refresh) void this.#fetch(now);
    return this.#usable(now);
  }

  keys(now: number = performance.now()): KeySet | null | Promise<KeySet | null> {
    const age = now - this.#fetchedAt;
    if (this.#keys !== null && age < this.#times.refresh) return this.#keys;
    const fetching = this.#fetch(now);
    if (this.#keys === null || age > this.#times.stale) return fetching;
    return this.#keys;
  }

  newKeys(now: number = performance.now()): KeySet | null | Promise<KeySet | null> {
    return this.#fetch(now);
  }

  #usable(now: number): KeySet | null {
    return now - this.#fetchedAt > this.#times.stale ? null : this.#keys;
  }

  #fetch(now: number): Promise<KeySet | null> | KeySet | null {
    if (this.#under !== null) return this.#under;
    if (now - this.#triedAt < MIN_FETCH_INTERVAL) return this.#usable(now);
    this.#triedAt = now;
    this.#under = this.#fetchText().then(
      (text) => this.#take(text),
      (error: Error) => this.#fail(error.message),
    );
    return this.#under;
  }

  #take(text: string): KeySet | null {
    try {
      const keys = readKeySet(text, false);
      if (keys.keys.length === 0) return this.#fail(`no key can be used: ${keys.faults.join('; ')}`);
      this.#keys = keys;
      this.#fetchedAt = performance.now();
      this.#under = null;
      this.fault = '';
      return keys;
    } catch (error) {
      return this.#fail((error as Error).message);
    }
  }

  #fail(fault: string): KeySet | null {
    this.#under = null;
    this.fault = fault;
    return this.#usable(performance.now());
  }
}
