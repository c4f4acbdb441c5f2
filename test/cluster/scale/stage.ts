/** A Gateway in the cluster with requests that never pause, and what all parts do to it. */
import { setTimeout as delay } from 'node:timers/promises';
import { ApiClient, clusterAccess } from '../../../src/sources/cluster/index.ts';
import { gateway, route, Scene } from '../scene.ts';
import { Traffic } from '../traffic.ts';
import { metric, type PodPlace, podMetrics } from './pod-process.ts';
import type { Tally } from './tally.ts';

const GATEWAY_API = '/apis/gateway.networking.k8s.io/v1';
const CONTROLLERS = { namespace: 'daemun-system', selector: 'app.kubernetes.io/component=controller', port: 15_000 };
const DATA_PLANE_PORT = 15_020;
/** Of the objects that a part makes: the routes of the stage itself have it not. */
const LABEL = 'daemun-scale';
const STEADY_HOST = 'steady.example.com';
/** Requests a second that go on while parts measure; half of them on connections of their own. */
const STEADY_RATE = 20;
/** Calls to the API server at once. */
const CALLS = 16;
/** Milliseconds until a part gives up. */
const PATIENCE = 240_000;

interface Condition {
  type: string;
  status: string;
  observedGeneration?: number;
}

export interface Route {
  metadata: { name: string; generation: number };
  status?: { parents?: Array<{ conditions?: Condition[] }> };
}

export class Stage {
  readonly client: ApiClient;
  readonly scene: Scene;
  readonly address: string;
  readonly tally: Tally;
  /** The routes of the stage itself. */
  static readonly OWN_ROUTES = 1;

  private constructor(parts: { client: ApiClient; scene: Scene; address: string; tally: Tally }) {
    this.client = parts.client;
    this.scene = parts.scene;
    this.address = parts.address;
    this.tally = parts.tally;
  }

  static async open(tally: Tally): Promise<Stage> {
    const client = new ApiClient(await clusterAccess({}));
    const scene = await Scene.open('scale');
    await Promise.all([scene.echo('a', 1), scene.echo('b', 1)]);
    await scene.apply(gateway('edge') + route('steady', { gateway: 'edge', host: STEADY_HOST, service: 'a' }));
    const address = await scene.address('edge');
    const stage = new Stage({ client, scene, address, tally });
    await stage.programmed(Stage.OWN_ROUTES, '');
    return stage;
  }

  get namespace(): string {
    return this.scene.namespace;
  }

  get routes(): string {
    return `${GATEWAY_API}/namespaces/${this.namespace}/httproutes`;
  }

  /** What it does while requests do not pause; each of them that fails is told. */
  async under(part: string, what: () => Promise<void>): Promise<void> {
    const about = { address: this.address, host: STEADY_HOST, rate: STEADY_RATE / 2, clients: 1 };
    const traffic = [new Traffic(about), new Traffic({ ...about, fresh: true })];
    try {
      await what();
    } finally {
      const outcomes = await Promise.all(traffic.map((one) => one.stop()));
      const failures = outcomes.flatMap((one) => one.failures);
      for (const failure of failures) this.tally.fail(`${part}: a request beside it: ${failure}`);
      const sent = outcomes.reduce((sum, one) => sum + one.sent, 0);
      this.tally.figure(part, 'requests beside it, failed', `${sent}, ${failures.length}`, '0 failed');
    }
  }

  /** A route of a part, to a Service of the namespace; its host is its name. */
  route(name: string, service: string, filters: object[] = []): object {
    return {
      apiVersion: 'gateway.networking.k8s.io/v1',
      kind: 'HTTPRoute',
      metadata: { name, labels: { [LABEL]: '' } },
      spec: {
        parentRefs: [{ name: 'edge' }],
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
    const path = `${GATEWAY_API}/namespaces/${this.namespace}/gateways/edge`;
    return this.until(`${count} attached routes`, async () => {
      const { status } = await this.client.call<{ status?: { listeners?: Array<{ attachedRoutes: number }> } }>({
        path,
      });
      const has = (status?.listeners?.[0]?.attachedRoutes ?? 0) - Stage.OWN_ROUTES;
      return has === count ? undefined : `the Gateway says ${has}`;
    });
  }

  /** Until so many routes say, of what they are now, that data planes have it. */
  programmed(count: number, labelSelector: string | undefined = LABEL): Promise<void> {
    return this.until(`${count} programmed routes`, async () => {
      const { items } = await this.client.call<{ items: Route[] }>({ path: this.routes, query: { labelSelector } });
      const done = items.filter(isProgrammed).length;
      return done === count ? undefined : `${done} are`;
    });
  }

  async until(what: string, missing: () => Promise<string | undefined>): Promise<void> {
    const end = performance.now() + PATIENCE;
    for (let told = performance.now(); ; ) {
      const miss = await missing();
      if (miss === undefined) return;
      if (performance.now() > end) throw new Error(`no ${what} after ${PATIENCE / 1000} s: ${miss}`);
      if (performance.now() > told + 5_000) {
        told = performance.now();
        this.tally.progress(`waiting for ${what}: ${miss}`);
      }
      await delay(100);
    }
  }

  /** All routes of a part go, each by a call of its own; seconds until the Gateway has none of them. */
  async clear(): Promise<number> {
    const query = { labelSelector: LABEL };
    const { items } = await this.client.call<{ items: Route[] }>({ path: this.routes, query });
    const began = performance.now();
    await this.each(items.length, async (at) => {
      await this.client.call({ method: 'DELETE', path: `${this.routes}/${items[at]!.metadata.name}` });
    });
    await this.attached(0);
    return (performance.now() - began) / 1000;
  }

  async controllers(): Promise<PodPlace[]> {
    const { namespace, selector, port } = CONTROLLERS;
    return this.#pods(namespace, selector, port);
  }

  async dataPlanes(): Promise<PodPlace[]> {
    return this.#pods(this.namespace, 'gateway.networking.k8s.io/gateway-name=edge', DATA_PLANE_PORT);
  }

  async #pods(namespace: string, labelSelector: string, adminPort: number): Promise<PodPlace[]> {
    const path = `/api/v1/namespaces/${namespace}/pods`;
    const { items } = await this.client.call<{ items: Array<{ metadata: { name: string } }> }>({
      path,
      query: { labelSelector },
    });
    return items.map(({ metadata }) => ({ namespace, name: metadata.name, adminPort }));
  }

  /** Statuses of routes that the controllers have written. */
  async statusWrites(): Promise<number> {
    let sum = 0;
    for (const pod of await this.controllers()) {
      sum += metric(await podMetrics(this.client, pod), 'daemun_status_writes_total', 'kind="HTTPRoute"');
    }
    return sum;
  }

  async close(): Promise<void> {
    this.client.close();
    await this.scene.close();
  }
}

export function hostOf(name: string): string {
  return `${name}.example.com`;
}

function isProgrammed({ metadata, status }: Route): boolean {
  return (status?.parents ?? []).some(({ conditions = [] }) =>
    conditions.some(
      ({ type, status, observedGeneration }) =>
        type === 'Programmed' && status === 'True' && observedGeneration === metadata.generation,
    ),
  );
}
