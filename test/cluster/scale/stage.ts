/** A Gateway in the cluster with requests that never pause, and what all parts do to it. */
import { setTimeout as delay } from 'node:timers/promises';
import { ApiClient, clusterAccess } from '../../../src/sources/cluster/index.ts';
import { kubectl } from '../kubectl.ts';
import { gateway, route, Scene } from '../scene.ts';
import { Asker } from './asker.ts';
import { causeText, failureText } from './failure-book.ts';
import type { Implementation } from './implementation.ts';
import { Load, type LoadOutcome } from './load.ts';
import type { PodGroup } from './pod-group.ts';
import type { PodPlace } from './pod-process.ts';
import { RouteWatch } from './route-watch.ts';
import type { Tally } from './tally.ts';

const GATEWAY_API = '/apis/gateway.networking.k8s.io/v1';
/** Of the objects that a part makes: the routes of the stage itself have it not. */
const LABEL = 'daemun-scale';
export const STEADY_HOST = 'steady.example.com';
/** Calls to the API server at once. */
const CALLS = 16;
/** Milliseconds until a part gives up, and that a route which comes after a disturbance may take. */
const PATIENCE = 240_000;
const AFTERWARDS = 60_000;

/** From where the Gateway takes ListenerSets. */
const ALLOWS_SETS = `  allowedListeners: { namespaces: { from: Same } }\n`;

export interface LoadOf {
  part: string;
  host?: string;
  /** Requests a second. */
  rate: number;
}

export class Stage {
  readonly client: ApiClient;
  readonly scene: Scene;
  readonly address: string;
  readonly tally: Tally;
  readonly implementation: Implementation;
  readonly watch: RouteWatch;

  private constructor(parts: Pick<Stage, 'client' | 'scene' | 'address' | 'tally' | 'implementation' | 'watch'>) {
    this.client = parts.client;
    this.scene = parts.scene;
    this.address = parts.address;
    this.tally = parts.tally;
    this.implementation = parts.implementation;
    this.watch = parts.watch;
  }

  static async open(tally: Tally, implementation: Implementation): Promise<Stage> {
    const client = new ApiClient(await clusterAccess({}));
    const scene = await Scene.open('scale');
    await Promise.all([scene.echo('a', 1), scene.echo('b', 1)]);
    const edge = gateway('edge', ALLOWS_SETS).replace(
      'gatewayClassName: daemun',
      `gatewayClassName: ${implementation.name}`,
    );
    await scene.apply(edge + route('steady', { gateway: 'edge', host: STEADY_HOST, service: 'a' }));
    const address = await scene.address('edge');
    const path = `${GATEWAY_API}/namespaces/${scene.namespace}/httproutes`;
    const watch = new RouteWatch({ client, path, labelSelector: LABEL, says: implementation.says });
    await watch.ready;
    const stage = new Stage({ client, scene, address, tally, implementation, watch });
    await stage.answers(STEADY_HOST);
    return stage;
  }

  get namespace(): string {
    return this.scene.namespace;
  }

  get routes(): string {
    return `${GATEWAY_API}/namespaces/${this.namespace}/httproutes`;
  }

  get gateway(): string {
    return `${GATEWAY_API}/namespaces/${this.namespace}/gateways/edge`;
  }

  get listenerSets(): string {
    return `${GATEWAY_API}/namespaces/${this.namespace}/listenersets`;
  }

  /** What it does while requests do not pause; each of them that fails is told. */
  async under(of: LoadOf, what: () => Promise<void>): Promise<void> {
    const { part, host = STEADY_HOST, rate } = of;
    const load = new Load({ address: this.address, port: 80, host, rate });
    try {
      await what();
    } finally {
      this.#tell(part, await load.stop());
    }
  }

  #tell(part: string, outcome: LoadOutcome): void {
    const { sent, failed, failures, causes, askedAgain, own, seconds, p50, p99, most } = outcome;
    for (const failure of failures) this.tally.fail(`${part}: a request beside it: ${failureText(failure)}`);
    this.tally.figure(part, 'requests meanwhile, failed', `${sent} in ${seconds.toFixed(0)} s, ${failed}`, '0 failed');
    for (const cause of causes) this.tally.figure(part, `failed: ${cause.cause}`, causeText(cause), 'none');
    const said = [own.away, own.longest, own.waited].map((time) => `${(time / 1000).toFixed(1)} s`);
    this.tally.figure(part, 'who asks was away, most at once, without a processor', said.join(', '));
    this.tally.figure(part, 'asked again, since who asks was away at the time of the answer', String(askedAgain));
    const times = [p50, p99, most].map((time) => `${time.toFixed(time < 10 ? 1 : 0)} ms`);
    this.tally.figure(part, 'their answers after, p50, p99, most', times.join(', '));
  }

  /** A route of a part, to a Service of the namespace; its host is its name. */
  route(name: string, service: string, { filters = [], parent = { name: 'edge' } }: RouteDetails = {}): object {
    return {
      apiVersion: 'gateway.networking.k8s.io/v1',
      kind: 'HTTPRoute',
      metadata: { name, labels: { [LABEL]: '' } },
      spec: {
        parentRefs: [parent],
        hostnames: [hostOf(name)],
        rules: [{ filters, backendRefs: [{ name: service, port: 8080 }] }],
      },
    };
  }

  async create(path: string, body: object): Promise<void> {
    await this.client.call({ method: 'POST', path, body });
  }

  async patch(path: string, body: object): Promise<void> {
    await this.client.call({ method: 'PATCH', path, body, contentType: 'application/merge-patch+json' });
  }

  async remove(path: string): Promise<void> {
    await this.client.call({ method: 'DELETE', path });
  }

  /** For each of so many, several at once. */
  async each(count: number, call: (at: number) => Promise<void>): Promise<void> {
    let next = 0;
    const one = async (): Promise<void> => {
      while (next < count) await call(next++);
    };
    await Promise.all(Array.from({ length: CALLS }, one));
  }

  /** Until the listener has so many routes of parts. */
  attached(count: number): Promise<void> {
    const path = this.gateway;
    return this.until(`${count} attached routes`, async () => {
      const { status } = await this.client.call<{ status?: { listeners?: Array<{ attachedRoutes: number }> } }>({
        path,
      });
      // One is the stage's own.
      const has = (status?.listeners?.[0]?.attachedRoutes ?? 0) - 1;
      return has === count ? undefined : `the Gateway says ${has}`;
    });
  }

  /** Until so many routes of parts say, of what they are now, that they are served. */
  programmed(count: number, patience = PATIENCE): Promise<void> {
    const missing = async () => (this.watch.served === count ? undefined : `${this.watch.served} are`);
    return this.until(`${count} routes that are served`, missing, patience);
  }

  /** Until a host is answered well. */
  async answers(host: string): Promise<void> {
    const asker = new Asker(this.address);
    try {
      await this.until(
        `answer for ${host}`,
        async () => {
          const { status } = await asker.ask(host);
          return status === 200 ? undefined : `status ${status}`;
        },
        AFTERWARDS,
      );
    } finally {
      asker.close();
    }
  }

  /** What comes afterwards is served, and says so. */
  async serves(name: string): Promise<void> {
    await this.create(this.routes, this.route(name, 'a'));
    await this.answers(hostOf(name));
    await this.until(`status of ${name}`, async () => (this.watch.isServed(name) ? undefined : 'it has none'));
    await this.remove(`${this.routes}/${name}`);
  }

  async until(what: string, missing: () => Promise<string | undefined>, patience = PATIENCE): Promise<void> {
    const end = performance.now() + patience;
    for (let told = performance.now(); ; ) {
      const miss = await missing();
      if (miss === undefined) return;
      if (performance.now() > end) throw new Error(`no ${what} after ${patience / 1000} s: ${miss}`);
      if (performance.now() > told + 5_000) {
        told = performance.now();
        this.tally.progress(`waiting for ${what}: ${miss}`);
      }
      await delay(100);
    }
  }

  /** All routes of a part go, each by a call of its own; seconds until none is there or attached. */
  async clear(): Promise<number> {
    const { items } = await this.client.call<{ items: Named[] }>({
      path: this.routes,
      query: { labelSelector: LABEL },
    });
    const began = performance.now();
    await this.each(items.length, (at) => this.remove(`${this.routes}/${items[at]!.metadata.name}`));
    await this.attached(0);
    return (performance.now() - began) / 1000;
  }

  controllers(): Promise<PodPlace[]> {
    return this.#pods(this.implementation.controllers);
  }

  dataPlanes(): Promise<PodPlace[]> {
    return this.#pods(this.implementation.dataPlanes(this.namespace));
  }

  async #pods({ namespace, selector, adminPort }: PodGroup): Promise<PodPlace[]> {
    const { items } = await this.client.call<{ items: Named[] }>({
      path: `/api/v1/namespaces/${namespace}/pods`,
      query: { labelSelector: selector, fieldSelector: 'status.phase=Running' },
    });
    return items.map(({ metadata }) => ({ namespace, name: metadata.name, adminPort }));
  }

  /** Deployments start anew, and are done; the pods that were replaced are gone. */
  async rollOut(
    deployments: string[],
    { namespace, selector }: Pick<PodGroup, 'namespace' | 'selector'>,
  ): Promise<void> {
    await kubectl(['-n', namespace, 'rollout', 'restart', ...deployments]);
    for (const name of deployments) {
      const timeout = PATIENCE + 5_000;
      await kubectl(['-n', namespace, 'rollout', 'status', name, `--timeout=${PATIENCE / 1000}s`], { timeout });
    }
    await this.settles({ namespace, selector }, 'whatever');
  }

  /** Until so many pods of a group are ready, and none goes. */
  settles(
    { namespace, selector }: Pick<PodGroup, 'namespace' | 'selector'>,
    count: number | 'whatever',
  ): Promise<void> {
    const query = { labelSelector: selector };
    return this.until(`pods at rest of ${selector}`, async () => {
      const { items } = await this.client.call<{ items: Pod[] }>({
        path: `/api/v1/namespaces/${namespace}/pods`,
        query,
      });
      const going = items.filter(({ metadata }) => metadata.deletionTimestamp !== undefined).length;
      const ready = items.filter(({ status }) =>
        status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True'),
      ).length;
      const enough = count === 'whatever' ? ready === items.length : ready === count && items.length === count;
      return enough && going === 0 ? undefined : `${ready} of ${items.length} are ready, ${going} go`;
    });
  }

  async close(): Promise<void> {
    await this.watch.close();
    this.client.close();
    await this.scene.close();
  }
}

interface RouteDetails {
  filters?: object[];
  parent?: object;
}

interface Named {
  metadata: { name: string; deletionTimestamp?: string };
}

interface Pod extends Named {
  status?: { conditions?: Array<{ type: string; status: string }> };
}

export function hostOf(name: string): string {
  return `${name}.example.com`;
}
