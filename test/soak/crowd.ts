/** All clients at once, each making one exchange after the other until it is told to go. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Tally } from './tally.ts';
import type { Place, SoakClient, TrafficKind } from './traffic/index.ts';

/** Milliseconds that a client waits after a failure. */
const AFTER_FAILURE = 500;

export interface CrowdOptions {
  place: Place;
  kinds: readonly TrafficKind[];
  /** Clients of each kind. */
  clients: number;
}

export class Crowd {
  readonly #leaving = new AbortController();
  readonly #clients: Promise<void>[];
  readonly #tally: Tally;

  constructor({ place, kinds, clients }: CrowdOptions, tally: Tally) {
    this.#tally = tally;
    this.#clients = kinds.flatMap((kind) => Array.from({ length: clients }, () => this.#play(kind, place)));
  }

  /** Resolves when all have finished what they were at, and let go of their connections. */
  async leave(): Promise<void> {
    this.#leaving.abort();
    await Promise.all(this.#clients);
  }

  async #play(kind: TrafficKind, place: Place): Promise<void> {
    let client: SoakClient | undefined;
    const { signal } = this.#leaving;
    const end = (): Promise<unknown> => Promise.resolve(client?.close()).catch(() => {});
    while (!signal.aborted) {
      const done = await this.#tally.exchange(kind.name, async () => {
        client ??= await kind.open(place);
        await client.exchange();
      });
      if (!done) {
        await end();
        client = undefined;
      }
      await delay(done ? kind.pace : AFTER_FAILURE, undefined, { signal }).catch(() => {});
    }
    await end();
  }
}
