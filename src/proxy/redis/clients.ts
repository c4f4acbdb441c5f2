/** All connections to Redis of a data plane: the same settings have the same, whichever policies they come from. */

import type { RedisSettings } from '../../config/index.ts';
import type { FamilySnapshot, MetricsSnapshot } from '../../observe/index.ts';
import { type Outcome, RedisClient } from './client.ts';
import type { Dialer } from './settings.ts';

const OUTCOMES: readonly Outcome[] = ['answered', 'away', 'timeout', 'overloaded', 'refused'];

/** What is asked of a Redis: it is told in other words, and what one does tells nothing of the other. */
export type RedisUse = 'limits' | 'sign-outs';

const FAMILIES = [
  {
    use: 'limits',
    calls: 'daemun_shared_limit_calls_total',
    away: 'daemun_shared_limit_store_away',
    what: 'the Redis of shared limits',
  },
  {
    use: 'sign-outs',
    calls: 'daemun_shared_sign_out_calls_total',
    away: 'daemun_shared_sign_out_store_away',
    what: 'the Redis that says who has signed out',
  },
] as const;

interface UsedClient {
  use: RedisUse;
  client: RedisClient;
}

/** `told`: something is wrong with one, again and again while it is, or it is well once more. */
export type RedisTold = (client: RedisClient, use: RedisUse) => void;

export class RedisClients {
  readonly #dialer: Dialer;
  readonly #told: RedisTold;
  readonly #clients = new Map<string, UsedClient>();

  constructor(dialer: Dialer, told: RedisTold = () => {}) {
    this.#dialer = dialer;
    this.#told = told;
  }

  /** Opens what it needs now, so that the first request finds it. `source`: of the user's policy. */
  client(settings: RedisSettings, source: string, use: RedisUse = 'limits'): RedisClient {
    const key = `${use} ${JSON.stringify(settings)}`;
    let client = this.#clients.get(key)?.client;
    if (client === undefined) {
      const made: RedisClient = new RedisClient(settings, this.#dialer, {
        told: () => this.#told(made, use),
        opened: () => void this.#clients.set(key, { use, client: made }),
        closed: () => this.#clients.get(key)?.client === made && this.#clients.delete(key),
      });
      client = made;
    }
    client.sources.add(source);
    client.open();
    return client;
  }

  close(): void {
    for (const { client } of [...this.#clients.values()]) client.close();
  }

  metrics(): MetricsSnapshot {
    return FAMILIES.flatMap(({ use, what, ...names }) => {
      const own = [...this.#clients.values()].filter((one) => one.use === use).map(({ client }) => client);
      // Of one server by two passwords there are two for a while.
      const stores = [...Map.groupBy(own, (client) => client.name)];
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
      const families: MetricsSnapshot = [
        {
          name: names.calls,
          help: `Questions to ${what}, by what came of them`,
          type: 'counter',
          series: calls,
        },
        {
          name: names.away,
          help: `Whether ${what} is away: 1, else 0`,
          type: 'gauge',
          merge: 'largest',
          series: away,
        },
      ];
      return families;
    });
  }
}
