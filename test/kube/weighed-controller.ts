/** A controller against the embedded API, with a data plane that takes its config: processes of their own, as pods are. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { STREAM_AUDIENCE } from '../../src/authority/index.ts';
import { DaemunProcess, freePort } from '../cli/daemun-process.ts';
import { type ApiObject, ApiServer } from './index.ts';

const GATEWAY_API = 'gateway.networking.k8s.io/v1';
const NAMESPACE = 'scale';
const OWN_NAMESPACE = 'daemun-system';
const SERVER_NAME = 'daemun-controller.daemun-system.svc';
const TOKEN = 'token-of-edge';
/** Milliseconds of processor time in a tick of /proc. */
const TICK = 10;
/** Milliseconds until all routes say that they are served. */
const PATIENCE = 120_000;
/** So many routes are made at once, and milliseconds between: about as fast as an API server takes them. */
const AT_ONCE = 20;
const BETWEEN = 20;

interface Status {
  parents?: Array<{ conditions: Array<{ type: string; status: string; observedGeneration?: number }> }>;
}

/** Megabytes: pages that several processes share count in parts, and what no file and no other process has. */
export interface Weight {
  whole: number;
  own: number;
}

export class WeighedController {
  readonly api: ApiServer;
  readonly #folder: string;
  readonly #controller: DaemunProcess;
  readonly #dataPlane: DaemunProcess;

  private constructor(parts: { api: ApiServer; folder: string; controller: DaemunProcess; dataPlane: DaemunProcess }) {
    this.api = parts.api;
    this.#folder = parts.folder;
    this.#controller = parts.controller;
    this.#dataPlane = parts.dataPlane;
  }

  static async start(): Promise<WeighedController> {
    const folder = mkdtempSync('/dev/shm/daemun-weigh-');
    const api = await ApiServer.start();
    for (const made of [CLASS, EDGE]) api.store.create(api.kind(made.kind), made);
    const username = `system:serviceaccount:${NAMESPACE}:daemun-edge`;
    api.tokens.set(TOKEN, { username, audiences: [STREAM_AUDIENCE], pod: 'daemun-edge-1' });
    const streamPort = await freePort();
    const controller = new DaemunProcess([
      ...['controller', '--image', 'test', '--kubeconfig', kubeconfig(folder, api), '--log-format', 'json'],
      ...['--stream-port', String(streamPort), '--stream-address', `https://${SERVER_NAME}:${streamPort}`],
    ]);
    await controller.logged('the config stream listens');
    const { data } = api.store.get(api.kind('Secret'), OWN_NAMESPACE, 'daemun-authority') as {
      data?: Record<string, string>;
    };
    writeFileSync(join(folder, 'ca.crt'), Buffer.from(data!['ca.crt']!, 'base64'));
    writeFileSync(join(folder, 'token'), TOKEN);
    const dataPlane = new DaemunProcess([
      ...['dataplane', '--controller', `https://127.0.0.1:${streamPort}`, '--controller-server-name', SERVER_NAME],
      ...[
        '--ca',
        join(folder, 'ca.crt'),
        '--token',
        join(folder, 'token'),
        '--log-format',
        'json',
        '--snapshot',
        folder,
      ],
      ...['--port-map', '80=0', '--bind', '127.0.0.1', '--admin', '127.0.0.1:0', '--drain-delay', '0s'],
    ]);
    await dataPlane.logged('serving');
    return new WeighedController({ api, folder, controller, dataPlane });
  }

  /** So many routes, each with a Service and an EndpointSlice of its own; until all say that they are served. */
  async fill(count: number): Promise<void> {
    for (let at = 0; at < count; at++) {
      for (const made of [service(at), slice(at), route(at)]) this.api.store.create(this.api.kind(made.kind), made);
      if (at % AT_ONCE === 0) await pause(BETWEEN);
    }
    await this.settled();
  }

  /** So many ListenerSets with 16 routes each, one route after another; until each says that it has them. */
  async fillSets(count: number): Promise<void> {
    const { store } = this.api;
    for (let set = 0; set < count; set++) {
      store.create(this.api.kind('ListenerSet'), listenerSet(set));
      for (let at = 0; at < SET_ROUTES; at++) {
        store.create(this.api.kind('HTTPRoute'), setRoute(set, at));
        await pause(BETWEEN / 2);
      }
    }
    await this.settled();
    const end = performance.now() + PATIENCE;
    const attached = (one: ApiObject): number =>
      (one.status as { listeners?: Array<{ attachedRoutes: number }> } | undefined)?.listeners?.[0]?.attachedRoutes ??
      0;
    while (store.list(this.api.kind('ListenerSet'), '').some((one) => attached(one) !== SET_ROUTES)) {
      if (performance.now() > end) throw new Error('a ListenerSet does not say how many routes it has');
      await pause(200);
    }
  }

  /** An edit, as a user makes it. */
  replace(next: ApiObject): void {
    const { store } = this.api;
    const kind = this.api.kind(next.kind);
    const held = structuredClone(store.get(kind, NAMESPACE, next.metadata.name));
    const edited = { ...next, metadata: held.metadata, status: held.status };
    store.replace(kind, edited as ApiObject, { status: false });
  }

  /** Until every route says, of what it is now, that data planes have it. */
  async settled(): Promise<void> {
    const end = performance.now() + PATIENCE;
    for (;;) {
      const routes = this.api.store.list(this.api.kind('HTTPRoute'), '');
      const missing = routes.filter((one) => !isProgrammed(one)).length;
      if (missing === 0) return;
      if (performance.now() > end) throw new Error(`${missing} of ${routes.length} routes are not Programmed`);
      await pause(200);
    }
  }

  weigh(): Weight {
    const text = readFileSync(`/proc/${this.#controller.child.pid!}/smaps_rollup`, 'utf8');
    const read = (name: string): number => (Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(text)![1]) * 1024) / 1e6;
    return { whole: read('Pss'), own: read('Pss_Anon') };
  }

  /** Milliseconds of processor time since its start. */
  cpu(): number {
    const fields = readFileSync(`/proc/${this.#controller.child.pid!}/stat`, 'utf8').split(') ')[1]!.split(' ');
    return (Number(fields[11]) + Number(fields[12])) * TICK;
  }

  async close(): Promise<void> {
    for (const { child, finished } of [this.#dataPlane, this.#controller]) {
      child.kill('SIGTERM');
      await finished;
    }
    await this.api.close();
    rmSync(this.#folder, { recursive: true });
  }
}

function kubeconfig(folder: string, api: ApiServer): string {
  const path = join(folder, 'kubeconfig');
  const content = {
    'current-context': 'test',
    contexts: [{ name: 'test', context: { cluster: 'test', namespace: OWN_NAMESPACE } }],
    clusters: [{ name: 'test', cluster: { server: api.url.href } }],
  };
  writeFileSync(path, JSON.stringify(content));
  return path;
}

function isProgrammed({ metadata, status }: ApiObject): boolean {
  const { parents = [] } = (status ?? {}) as Status;
  return parents.some(({ conditions }) =>
    conditions.some(
      ({ type, status, observedGeneration }) =>
        type === 'Programmed' && status === 'True' && observedGeneration === metadata.generation,
    ),
  );
}

const object = (kind: string, name: string, more: object, apiVersion = GATEWAY_API): ApiObject =>
  ({
    apiVersion,
    kind,
    metadata: { name, ...(kind.endsWith('Class') ? {} : { namespace: NAMESPACE }) },
    ...more,
  }) as ApiObject;

export function route(i: number, header = ''): ApiObject {
  const set = [{ name: 'x-change', value: header }];
  const filters = header === '' ? [] : [{ type: 'RequestHeaderModifier', requestHeaderModifier: { set } }];
  const backendRefs = [{ group: '', kind: 'Service', name: `service-${i}`, port: 8080, weight: 1 }];
  const matches = [{ path: { type: 'PathPrefix', value: '/' } }];
  return object('HTTPRoute', `service-${i}`, {
    spec: {
      parentRefs: [{ group: 'gateway.networking.k8s.io', kind: 'Gateway', name: 'edge' }],
      hostnames: [`service-${i}.example.com`],
      rules: [{ ...(filters.length > 0 ? { filters } : {}), backendRefs, matches }],
    },
  });
}

function service(i: number): ApiObject {
  const ports = [{ port: 8080, protocol: 'TCP', targetPort: 3000 }];
  const families = { internalTrafficPolicy: 'Cluster', ipFamilies: ['IPv4'], ipFamilyPolicy: 'SingleStack' };
  const rest = { sessionAffinity: 'None', type: 'ClusterIP', clusterIP: 'None', clusterIPs: ['None'] };
  return object(
    'Service',
    `service-${i}`,
    { spec: { ...rest, ...families, ports }, status: { loadBalancer: {} } },
    'v1',
  );
}

export function slice(i: number, last = 1): ApiObject {
  const made = object(
    'EndpointSlice',
    `service-${i}`,
    {
      addressType: 'IPv4',
      ports: [{ name: '', port: 3000, protocol: 'TCP' }],
      endpoints: [{ addresses: [`10.9.${i >> 8}.${last}`], conditions: { ready: true } }],
    },
    'discovery.k8s.io/v1',
  );
  return { ...made, metadata: { ...made.metadata, labels: { 'kubernetes.io/service-name': `service-${i}` } } };
}

/** Routes of a ListenerSet. */
const SET_ROUTES = 16;

function listenerSet(i: number): ApiObject {
  const listeners = [{ name: 'http', port: 80, protocol: 'HTTP', hostname: `*.set-${i}.example.com` }];
  return object('ListenerSet', `set-${i}`, { spec: { parentRef: { name: 'edge' }, listeners } });
}

function setRoute(set: number, at: number): ApiObject {
  const made = route(set);
  const spec = made.spec as object;
  const parentRefs = [{ group: 'gateway.networking.k8s.io', kind: 'ListenerSet', name: `set-${set}` }];
  const hostnames = [`${at}.set-${set}.example.com`];
  return {
    ...made,
    metadata: { ...made.metadata, name: `set-${set}-${at}` },
    spec: { ...spec, parentRefs, hostnames },
  };
}

const CLASS = object('GatewayClass', 'daemun', { spec: { controllerName: 'daemun.dev/gateway-controller' } });
const EDGE = object('Gateway', 'edge', {
  spec: {
    gatewayClassName: 'daemun',
    listeners: [{ name: 'http', port: 80, protocol: 'HTTP' }],
    allowedListeners: { namespaces: { from: 'Same' } },
  },
});
