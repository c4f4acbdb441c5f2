/** A maker of infrastructure at work in a namespace of its own, on whichever API. */
import { expect } from 'vitest';
import type { DaemunParametersSpec, WantedInfrastructure } from '../../src/api/index.ts';
import {
  InfrastructureReconciler,
  type InfrastructureSettings,
  type InfrastructureState,
} from '../../src/reconcile/index.ts';
import { ApiClient } from '../../src/sources/cluster/index.ts';
import type { ApiRig } from './api.suite.ts';
import type { ApiObject } from './api-object.ts';

export const SETTINGS: InfrastructureSettings = {
  image: 'daemun/daemun:1',
  stream: 'https://daemun-controller.daemun-system.svc:15443',
  authority: 'CERTIFICATE',
  audience: 'daemun-config',
  namespace: 'daemun-system',
};

/** Nobody's: a controller that is in the cluster leaves its Gateways alone. */
const CLASS = 'desk';

const PATHS: Readonly<Record<string, string>> = {
  Service: '/api/v1 services',
  ServiceAccount: '/api/v1 serviceaccounts',
  ConfigMap: '/api/v1 configmaps',
  Deployment: '/apis/apps/v1 deployments',
  DaemonSet: '/apis/apps/v1 daemonsets',
  HorizontalPodAutoscaler: '/apis/autoscaling/v2 horizontalpodautoscalers',
  PodDisruptionBudget: '/apis/policy/v1 poddisruptionbudgets',
  NetworkPolicy: '/apis/networking.k8s.io/v1 networkpolicies',
  Gateway: '/apis/gateway.networking.k8s.io/v1 gateways',
};
export const MADE = Object.keys(PATHS).filter((kind) => kind !== 'Gateway');

/** A real cluster on a busy machine takes its time. */
export const PATIENT = { timeout: 20_000 };

interface Opening {
  leads?: boolean;
  settings?: Partial<InfrastructureSettings>;
  pauses?: { first: number; longest: number };
}

const QUICK = { firstPause: 5, longestPause: 20 };

export class Desk {
  readonly client: ApiClient;
  readonly namespace: string;
  readonly writes: string[] = [];
  readonly warnings: string[] = [];
  /** Pods that were told to be taken away. */
  readonly endings: string[] = [];
  readonly states = new Map<string, InfrastructureState | undefined>();
  readonly classes = new Map<string, string>();
  /** Labels of classes of other controllers. */
  readonly foreign = new Set<string>();
  readonly services = new Map<string, object>();
  /** Nodes with something behind a Service of the user's. */
  readonly serving = new Map<string, string[]>();
  readonly #rig: ApiRig;
  readonly #open: InfrastructureReconciler[] = [];

  constructor(rig: ApiRig) {
    this.#rig = rig;
    this.namespace = rig.namespace;
    this.client = new ApiClient(rig.access, { awayAfter: 0 });
  }

  async close(): Promise<void> {
    for (const one of this.#open) await one.close();
    this.client.close();
    await this.#rig.close();
  }

  /** One that leads; each that is opened is another controller, or the same after a restart. */
  reconciler({ leads = true, settings = {}, pauses }: Opening = {}) {
    const reconciler = new InfrastructureReconciler({
      client: this.client,
      namespaces: [this.namespace],
      classOf: (gateway) => this.classes.get(gateway),
      isForeign: (label) => this.foreign.has(label),
      published: {
        find: (namespace, name) => this.services.get(`${namespace}/${name}`) as never,
        names: (namespace) =>
          [...this.services.keys()].filter((key) => key.startsWith(`${namespace}/`)).map((key) => key.split('/')[1]!),
        nodesOf: (namespace, name) => new Set(this.serving.get(`${namespace}/${name}`)),
      },
      onState: (gateway, state) => this.states.set(gateway, state),
      onWrite: (verb, kind) => this.writes.push(`${verb} ${kind}`),
      onPodEnding: (gateway, name) => this.endings.push(`${gateway} ${name}`),
      log: { error() {}, warn: (_, text) => this.warnings.push(text), info() {}, debug() {} },
      times: QUICK,
      releasePause: 0,
      ...(pauses === undefined ? {} : { pauses }),
    });
    this.#open.push(reconciler);
    reconciler.configure({ ...SETTINGS, ...settings });
    reconciler.lead(leads);
    return reconciler;
  }

  /** A Gateway in the API, and what it wants. */
  async gateway(name: string, parameters: DaemunParametersSpec = {}): Promise<WantedInfrastructure> {
    const object = await this.client.call<ApiObject>({
      method: 'POST',
      path: this.path('Gateway'),
      body: {
        apiVersion: 'gateway.networking.k8s.io/v1',
        kind: 'Gateway',
        metadata: { name, namespace: this.namespace },
        spec: { gatewayClassName: CLASS, listeners: [{ name: 'http', port: 80, protocol: 'HTTP' }] },
      },
    });
    this.classes.set(`${this.namespace}/${name}`, CLASS);
    return {
      namespace: this.namespace,
      name,
      uid: object.metadata.uid!,
      className: CLASS,
      labels: {},
      annotations: {},
      ports: [{ port: 80, protocol: 'TCP' }],
      requests: [],
      parameters,
    };
  }

  /** Everything wanted is made once this is fulfilled. */
  async make(reconciler: InfrastructureReconciler, ...wanted: WantedInfrastructure[]): Promise<void> {
    reconciler.write(wanted.map((after) => ({ key: `Gateway/${after.namespace}/${after.name}`, after })));
    await reconciler.settled();
  }

  state(name: string): InfrastructureState | undefined {
    return this.states.get(`${this.namespace}/${name}`);
  }

  async get(kind: string, name: string): Promise<ApiObject> {
    return this.client.call<ApiObject>({ path: `${this.path(kind)}/${name}` });
  }

  async names(kind: string, prefix = 'daemun-'): Promise<string[]> {
    const { items } = await this.client.call<{ items: ApiObject[] }>({ path: this.path(kind) });
    // A real cluster makes some of its own in each namespace.
    return items.map(({ metadata }) => metadata.name).filter((name) => name.startsWith(prefix));
  }

  /** Versions of all that was made. */
  async versions(): Promise<Record<string, string | undefined>> {
    const found: Record<string, string | undefined> = {};
    for (const kind of MADE) {
      for (const name of await this.names(kind)) {
        // Controllers of the cluster write statuses, which change the version: the generation does not, where there is one.
        const { generation, resourceVersion, uid } = (await this.get(kind, name)).metadata;
        found[`${kind}/${name}`] = `${uid} ${generation ?? resourceVersion}`;
      }
    }
    return found;
  }

  async patch(kind: string, name: string, body: object): Promise<void> {
    const contentType = 'application/merge-patch+json';
    await this.client.call({ method: 'PATCH', path: `${this.path(kind)}/${name}`, contentType, body });
  }

  async remove(kind: string, name: string): Promise<void> {
    await this.client.call({ method: 'DELETE', path: `${this.path(kind)}/${name}` });
  }

  async gone(kind: string, name: string): Promise<void> {
    await expect.poll(() => this.names(kind), PATIENT).not.toContain(name);
  }

  path(kind: string): string {
    const [root, plural] = PATHS[kind]!.split(' ');
    return `${root}/namespaces/${this.namespace}/${plural}`;
  }
}
