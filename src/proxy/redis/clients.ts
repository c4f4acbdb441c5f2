/** All connections to Redis of a data plane: the same settings have the same, whichever policies they come from. */

import type { RedisSettings } from '../../config/index.ts';
import type { FamilySnapshot, MetricsSnapshot } from '../../observe/index.ts';
import { type Outcome, RedisClient } from './client.ts';
import type { Dialer } from './settings.ts';

const OUTCOMES: readonly Outcome[] = ['answered', 'away', 'timeout', 'overloaded', 'refused'];

export class RedisClients {
  readonly #dialer: Dialer;
  readonly #told: (client: RedisClient) => void;
  readonly #clients = new Map<string, RedisClient>();

  /** `told`: something is wrong with one, again and again while it is, or it is well once more. */
  constructor(dialer: Dialer, told: (client: RedisClient) => void = () => {}) {
    this.#dialer = dialer;
    this.#told = told;
  }

  /** Opens what it needs now, so that the first request finds it. `source`: of the user's policy. */
  client(settings: RedisSettings, source: string): RedisClient {
    const key = JSON.stringify(settings);
    let client = this.#clients.get(key);
    if (client === undefined) {
      const made: RedisClient = new RedisClient(settings, this.#dialer, {
        told: () => this.#told(made),
        opened: () => void this.#clients.set(key, made),
        closed: () => this.#clients.get(key) === made && this.#clients.delete(key),
      });
      client = made;
    }
    client.sources.add(source);
    client.open();
    return client;
  }

  close(): void {
    for (const client of [...this.#clients.values()]) client.close();
  }

  metrics(): MetricsSnapshot {
    // Of one server by two passwords there are two for a while.
    const stores = [...Map.groupBy(this.#clients.values(), ({ name }) => name)];
    const calls: FamilySnapshot['series'] = stores.flatMap(([store, clients]) =>
      OUTCOMES.map((outcome) => ({
        labels: { store, outcome },
        value: clients.reduce((sum, { counts }) => sum + counts[outcome], 0),
      })),
    );
    const away = stores.map(([store, clients]) => ({
      labels: { store },
      value: clients.some(({ trouble }) => trouble !== undefined) ? 1 : 0,
    }));
    return [
      {
        name: 'daemun_shared_limit_calls_total',
        help: 'Questions to the Redis of shared limits, by what came of them',
        type: 'counter',
        series: calls,
      },
      {
        name: 'daemun_shared_limit_store_away',
        help: 'Whether the Redis of shared limits is away: 1, else 0',
        type: 'gauge',
        merge: 'largest',
        series: away,
      },
    ];
  }
}
