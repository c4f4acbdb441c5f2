/** What the API server says of the routes of a namespace: which of them are served, and how often their statuses were written. */
import { type ApiClient, ListWatch } from '../../../src/sources/cluster/index.ts';

interface Condition {
  type: string;
  status: string;
  observedGeneration?: number;
}

interface Route {
  metadata: { name: string; generation?: number; resourceVersion?: string };
  status?: { parents?: Array<{ conditions?: Condition[] }> };
}

interface Known {
  generation: number;
  served: boolean;
}

export interface RouteWatchOptions {
  client: ApiClient;
  /** Of the routes. */
  path: string;
  labelSelector: string;
  /** Conditions that a route which is served has, all of them. */
  says: readonly string[];
}

export class RouteWatch {
  /** Changes of a route that changed nothing but its status. */
  statusWrites = 0;
  /** Routes that say of what they are now that they are served. */
  served = 0;
  readonly #options: RouteWatchOptions;
  readonly #known = new Map<string, Known>();
  readonly #watch: ListWatch;

  constructor(options: RouteWatchOptions) {
    this.#options = options;
    const { client, path, labelSelector } = options;
    this.#watch = new ListWatch({
      ...{ client, path, labelSelector },
      events: {
        replace: (routes) => {
          const there = new Set(routes.map(({ metadata }) => metadata.name));
          for (const name of this.#known.keys()) if (!there.has(name)) this.#forget(name);
          for (const route of routes) this.#take(route as Route);
        },
        change: (changes) => {
          for (const { object, gone } of changes) {
            if (gone) this.#forget(object.metadata.name);
            else this.#take(object as Route);
          }
        },
        trouble() {},
      },
    });
  }

  get ready(): Promise<void> {
    return this.#watch.synced;
  }

  isServed(name: string): boolean {
    return this.#known.get(name)?.served ?? false;
  }

  close(): Promise<void> {
    return this.#watch.close();
  }

  #take({ metadata, status }: Route): void {
    const { name, generation = 0 } = metadata;
    const before = this.#known.get(name);
    if (before?.generation === generation) this.statusWrites++;
    const conditions = (status?.parents ?? []).flatMap((parent) => parent.conditions ?? []);
    const served = this.#options.says.every((type) =>
      conditions.some((one) => one.type === type && one.status === 'True' && one.observedGeneration === generation),
    );
    this.served += Number(served) - Number(before?.served ?? false);
    this.#known.set(name, { generation, served });
  }

  #forget(name: string): void {
    this.served -= Number(this.#known.get(name)?.served ?? false);
    this.#known.delete(name);
  }
}
