/** What a controller reads of the embedded API and writes to it, in this process: statuses and Events, with a data plane that takes all. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ClusterRun, type ClusterSetup } from '../../src/cli/cluster-run.ts';
import type { Ack, Delta } from '../../src/config/index.ts';
import { Control } from '../../src/control/index.ts';
import { MemoryFleet } from '../../src/delivery/index.ts';
import { createLog } from '../../src/observe/index.ts';
import { type ApiObject, ApiServer } from './index.ts';

export const CONTROLLER = 'daemun.dev/gateway-controller';

export interface Told {
  type: string;
  reason: string;
  note: string;
  /** `Kind/name`. */
  about: string;
}

interface Status {
  conditions?: Condition[];
  parents?: Array<{ conditions: Condition[] }>;
  ancestors?: Array<{ conditions: Condition[] }>;
  listeners?: Array<{ conditions: Condition[] }>;
}

interface Condition {
  type: string;
  status: string;
  reason: string;
  message: string;
}

export class WrittenCluster {
  readonly api: ApiServer;
  readonly control: Control;
  readonly #run: ClusterRun;
  readonly #folder: string;

  private constructor(parts: { api: ApiServer; control: Control; run: ClusterRun; folder: string }) {
    this.api = parts.api;
    this.control = parts.control;
    this.#run = parts.run;
    this.#folder = parts.folder;
  }

  /** Leads when it answers. */
  static async start(objects: readonly ApiObject[], setup: Partial<ClusterSetup> = {}): Promise<WrittenCluster> {
    const api = await ApiServer.start({ bookmark: 50 });
    for (const object of objects) api.store.create(api.kind(object.kind), structuredClone(object));
    const folder = mkdtempSync(join(tmpdir(), 'daemun-written-'));
    const kubeconfig = join(folder, 'kubeconfig');
    writeFileSync(kubeconfig, kubeconfigOf(api));
    const log = await createLog({ level: 'silent', format: 'json' });
    const run = await ClusterRun.open({ kubeconfig, controllerNames: [CONTROLLER], lease: 'test', ...setup }, log);
    const { source, writer } = run;
    const { namespaces: _, ...names } = { controllerNames: [CONTROLLER], ...setup };
    const control = new Control({ source, writer, controllerNames: names.controllerNames, perGateway: true, log });
    await control.start((events) => new MemoryFleet('pod', () => new TakesAll(), events));
    run.begin();
    return new WrittenCluster({ api, control, run, folder });
  }

  create(...objects: ApiObject[]): void {
    for (const object of objects) this.api.store.create(this.api.kind(object.kind), structuredClone(object));
  }

  remove(kind: string, namespace: string, name: string): void {
    this.api.store.delete(this.api.kind(kind), namespace, name);
  }

  /** `Type=Status Reason message` of every condition. */
  said(kind: string, namespace: string, name: string): string[] {
    const { status = {} } = this.api.store.get(this.api.kind(kind), namespace, name) as { status?: Status };
    const parts = [...(status.parents ?? []), ...(status.ancestors ?? []), ...(status.listeners ?? []), status];
    return parts.flatMap(({ conditions = [] }) =>
      conditions.map((one) => `${one.type}=${one.status} ${one.reason} ${one.message}`),
    );
  }

  events(namespace: string): Told[] {
    const kind = this.api.kinds.find((one) => one.kind === 'Event' && one.group === 'events.k8s.io')!;
    const events = this.api.store.list(kind, namespace) as unknown as Array<
      Omit<Told, 'about'> & { regarding: { kind: string; name: string } }
    >;
    return events.map(({ type, reason, note, regarding }) => ({
      type,
      reason,
      note,
      about: `${regarding.kind}/${regarding.name}`,
    }));
  }

  /** As a controller that is told to end. */
  async end(): Promise<void> {
    await this.#run.close();
    await this.control.end();
  }

  async close(): Promise<void> {
    await this.end();
    await this.api.close();
    rmSync(this.#folder, { recursive: true });
  }
}

/** A data plane that serves all that it is told. */
class TakesAll {
  readonly #listeners = new Map<string, Ack['listeners'][number]>();

  async apply({ version, upserts, removals }: Delta): Promise<Ack> {
    for (const { kind, key } of removals) if (kind === 'Listener') this.#listeners.delete(key);
    for (const one of upserts) {
      if (one.kind !== 'Listener') continue;
      this.#listeners.set(one.key, { key: one.key, state: 'serving', bound: [`0.0.0.0:${one.port}`] });
    }
    return { version, proxy: 'pod', rejected: [], listeners: [...this.#listeners.values()] };
  }

  metrics(): [] {
    return [];
  }

  async drain(): Promise<void> {}
}

function kubeconfigOf({ url }: ApiServer): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'test',
    clusters: [{ name: 'test', cluster: { server: url } }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'test', namespace: 'daemun-system' } }],
    users: [{ name: 'test', user: {} }],
  });
}

const GATEWAY = 'gateway.networking.k8s.io/v1';

/** Of the Gateway API unless said otherwise; a namespace of '' is none. */
export function made(kind: string, place: string, spec: object, apiVersion = GATEWAY): ApiObject {
  const [namespace, name] = place.includes('/') ? place.split('/') : [undefined, place];
  return { apiVersion, kind, metadata: { ...(namespace ? { namespace } : {}), name: name! }, spec } as ApiObject;
}

export const CLASS = made('GatewayClass', 'daemun', { controllerName: CONTROLLER });

export function gateway(place: string, more: object = {}): ApiObject {
  const listeners = [{ name: 'http', port: 80, protocol: 'HTTP' }];
  return made('Gateway', place, { gatewayClassName: 'daemun', listeners, ...more });
}

export function route(place: string, gatewayName: string, rule: object = {}): ApiObject {
  return made('HTTPRoute', place, { parentRefs: [{ name: gatewayName }], rules: [rule] });
}

export function service(place: string): ApiObject {
  return made('Service', place, { ports: [{ port: 80, protocol: 'TCP' }] }, 'v1');
}

export function to(name: string, namespace?: string): { backendRefs: object[] } {
  return { backendRefs: [{ name, port: 80, ...(namespace ? { namespace } : {}) }] };
}
