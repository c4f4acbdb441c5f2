/** A controller with thousands of routes that hang on a few objects, against the embedded API: what a change of one of those holds up. */
import { setImmediate as setNextTurn } from 'node:timers';
import { expect, vi } from 'vitest';
import type { Ack, Delta } from '../../src/config/index.ts';
import { Control } from '../../src/control/index.ts';
import { MemoryFleet } from '../../src/delivery/index.ts';
import { createLog } from '../../src/observe/index.ts';
import { ApiClient, ClusterSource } from '../../src/sources/cluster/index.ts';
import { type ApiObject, ApiServer } from './index.ts';

export const GROUP = 'gateway.networking.k8s.io';
const CONTROLLER = 'daemun.dev/gateway-controller';
/** Milliseconds until what a change brings is told. */
const PATIENCE = 60_000;

export interface Held {
  /** Milliseconds of the processor: in all, and of the longest turn of the event loop. */
  whole: number;
  longest: number;
}

export class FanOutRig {
  readonly api: ApiServer;
  readonly #client: ApiClient;
  readonly #control: Control;
  /** Objects whose status has been told since the last change. */
  readonly #told = new Set<string>();

  private constructor(api: ApiServer, client: ApiClient, open: (told: Set<string>) => Control) {
    this.api = api;
    this.#client = client;
    this.#control = open(this.#told);
  }

  /** All are there when it starts, and their statuses are told. */
  static async start(objects: readonly ApiObject[], routes: number): Promise<FanOutRig> {
    const api = await ApiServer.start();
    for (const object of objects) api.store.create(api.kind(object.kind), structuredClone(object));
    const client = new ApiClient({ server: api.url, namespace: 'default', name: 'test' });
    const log = await createLog({ level: 'silent', format: 'json' });
    const rig = new FanOutRig(
      api,
      client,
      (told) =>
        new Control({
          source: (lastGood) => new ClusterSource({ client, lastGood }),
          writer: {
            write: (changes) => {
              for (const { key } of changes) told.add(key);
            },
          },
          controllerNames: [CONTROLLER],
          perGateway: true,
          log,
        }),
    );
    await rig.#control.start((events) => new MemoryFleet('pod', () => new TakesAll(), events));
    await rig.#tells('HTTPRoute/', routes);
    return rig;
  }

  /** What a change holds up until so many objects whose keys begin so have been told of. */
  async holds(change: (api: ApiServer) => void, about: string, count: number): Promise<Held> {
    this.#told.clear();
    let [whole, longest, isOver] = [0, 0, false];
    let before = process.threadCpuUsage();
    const look = (): void => {
      const { user, system } = process.threadCpuUsage(before);
      before = process.threadCpuUsage();
      const spent = (user + system) / 1000;
      whole += spent;
      longest = Math.max(longest, spent);
      if (!isOver) setNextTurn(look);
    };
    change(this.api);
    setNextTurn(look);
    await this.#tells(about, count);
    isOver = true;
    return { whole, longest };
  }

  async close(): Promise<void> {
    await this.#control.end();
    this.#client.close();
    await this.api.close();
  }

  async #tells(about: string, count: number): Promise<void> {
    const told = (): number => [...this.#told].filter((key) => key.startsWith(about)).length;
    await vi.waitFor(() => expect(told()).toBeGreaterThanOrEqual(count), { timeout: PATIENCE });
  }
}

/** A data plane that serves all that it is told. */
class TakesAll {
  readonly #listeners = new Map<string, Ack['listeners'][number]>();
  #told: Ack['listeners'] = [];

  async apply({ version, upserts, removals }: Delta): Promise<Ack> {
    for (const { kind, key } of removals) if (kind === 'Listener') this.#listeners.delete(key);
    for (const one of upserts) {
      if (one.kind !== 'Listener') continue;
      this.#listeners.set(one.key, { key: one.key, state: 'serving', bound: [`0.0.0.0:${one.port}`] });
    }
    // The same list until one of them changes, as it comes over the network.
    if ([...upserts, ...removals].some(({ kind }) => kind === 'Listener')) this.#told = [...this.#listeners.values()];
    return { version, proxy: 'pod', rejected: [], listeners: this.#told };
  }

  metrics(): [] {
    return [];
  }

  async drain(): Promise<void> {}
}

export const CLASS: ApiObject = object(`${GROUP}/v1`, 'GatewayClass', '', 'daemun', { controllerName: CONTROLLER });

/** Of an API, a kind, and a namespace ('' none). */
export function object(
  apiVersion: string,
  kind: string,
  ...[namespace, name, spec]: [string, string, object?]
): ApiObject {
  const metadata = { name, ...(namespace === '' ? {} : { namespace }) };
  return { apiVersion, kind, metadata, ...(spec === undefined ? {} : { spec }) } as ApiObject;
}
