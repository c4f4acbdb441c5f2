/** A controller's own part, with ListenerSets of one Gateway and their routes; a data plane in memory takes all. */
import { setImmediate as setNextTurn } from 'node:timers';
import { setImmediate } from 'node:timers/promises';
import { type AnyResource, type Gateway, objectKey } from '../src/api/index.ts';
import type { Delta, ListenerState } from '../src/config/index.ts';
import { Control, type ResourceSource } from '../src/control/index.ts';
import { MemoryFleet } from '../src/delivery/index.ts';
import { batchInTurns, SourceCollection } from '../src/graph/index.ts';
import { createLog } from '../src/observe/index.ts';
import { Pace } from '../src/sources/cluster/index.ts';
import type { Diagnostic, ResourceCollections } from '../src/sources/index.ts';
import { emptyInputs, type SourceInputs } from '../src/translate/index.ts';

const GROUP = 'gateway.networking.k8s.io';
const V1 = `${GROUP}/v1`;
/** Routes of a set, where nobody says otherwise. */
const ROUTES = 16;
/** Sets that are made, edited and taken away to learn what each costs. */
const SAMPLE = 20;

export interface SetCost {
  /** Milliseconds of processor time: of a set that comes, of one of its routes, and of an edit of a set. */
  set: number;
  route: number;
  edit: number;
  /** Milliseconds of the longest turn in all of that. */
  longest: number;
}

export interface ListenerSetRigOptions {
  /** Of each set. */
  routes?: number;
  /** Listeners end TLS. */
  isTls?: boolean;
  /** Hostname of the Gateway's own listener; absent: none. */
  wide?: string;
}

export class ListenerSetRig {
  readonly #inputs: SourceInputs;
  readonly #control: Control;
  readonly #options: Required<Omit<ListenerSetRigOptions, 'wide'>>;
  readonly #given: ListenerSetRigOptions;
  #sets = 0;
  #made = 0;
  #longest = 0;

  private constructor(
    inputs: SourceInputs,
    control: Control,
    { routes = ROUTES, isTls = false }: ListenerSetRigOptions,
  ) {
    this.#inputs = inputs;
    this.#control = control;
    this.#options = { routes, isTls };
    this.#given = { isTls };
  }

  static async open(options: ListenerSetRigOptions = {}): Promise<ListenerSetRig> {
    const inputs = emptyInputs();
    const source: ResourceSource = {
      name: 'memory',
      synced: undefined,
      collections: inputs as unknown as ResourceCollections,
      diagnostics: new SourceCollection<Diagnostic>('diagnostics'),
      ready: Promise.resolve(),
      close: async () => {},
    };
    const control = new Control({
      source: () => source,
      perGateway: true,
      controllerNames: ['example.com/any'],
      log: await createLog({ level: 'silent', format: 'json' }),
    });
    const rig = new ListenerSetRig(inputs, control, options);
    for (const one of [CLASS, gatewayOf(options), SERVICE, SLICE]) rig.#put(one);
    await control.start((events) => new MemoryFleet('memory', () => new TakesAll(), events));
    await rig.#settled();
    return rig;
  }

  get routes(): number {
    return this.#sets * this.#options.routes;
  }

  /** Until there are so many sets. */
  async fill(sets: number): Promise<void> {
    while (this.#sets < sets) await this.#add(this.#sets++);
  }

  /** Of what comes next. All is as before afterwards. */
  async cost(): Promise<SetCost> {
    this.#longest = 0;
    await this.#settled();
    const { routes } = this.#options;
    let [set, route, edit] = [0, 0, 0];
    for (let at = this.#sets; at < this.#sets + SAMPLE; at++) {
      set += await this.#spent(() => this.#put(this.#set(at)));
      for (let one = 0; one < routes; one++) route += await this.#spent(() => this.#put(routeOf(at, one)));
      edit += await this.#spent(() => this.#put(this.#set(at, 8443)));
    }
    for (let at = this.#sets; at < this.#sets + SAMPLE; at++) {
      for (let one = 0; one < routes; one++) this.#drop(routeOf(at, one));
      this.#drop(this.#set(at));
    }
    const longest = this.#longest;
    await this.#settled();
    return { set: set / SAMPLE, route: route / SAMPLE / routes, edit: edit / SAMPLE, longest };
  }

  /**
   * The Gateway goes, with all that there is below it, and comes again, as a cluster tells it: turns of the loop until all
   * is told, and the longest of them in milliseconds of the processor.
   */
  async comesAnew(): Promise<{ turns: number; longest: number }> {
    let [turns, longest] = [0, 0];
    const pace = new Pace();
    let before = process.threadCpuUsage();
    const count = (): void => {
      turns++;
      const { user, system } = process.threadCpuUsage(before);
      longest = Math.max(longest, (user + system) / 1000);
      before = process.threadCpuUsage();
      setNextTurn(count).unref();
    };
    setNextTurn(count).unref();
    for (const value of [undefined, gatewayOf(this.#given) as Gateway]) {
      await batchInTurns(
        () => this.#inputs.Gateway.apply([{ key: 'Gateway/scale/edge', ...(value && { value }) }]),
        pace,
      );
    }
    const told = { turns, longest };
    await this.#settled();
    return told;
  }

  async close(): Promise<void> {
    await this.#control.end();
  }

  async #add(at: number): Promise<void> {
    this.#put(this.#set(at));
    for (let one = 0; one < this.#options.routes; one++) this.#put(routeOf(at, one));
    await this.#settled();
  }

  /** `more`: the port of another listener. */
  #set(at: number, more?: number): object {
    const { isTls } = this.#options;
    const ports = [isTls ? 443 : 80, ...(more === undefined ? [] : [more])];
    const hostname = `*.set-${at}.example.com`;
    const tls = isTls
      ? { tls: { mode: 'Terminate', certificateRefs: [{ group: '', kind: 'Secret', name: 'none' }] } }
      : {};
    const listeners = ports.map((port) => ({
      ...{ name: `on-${port}`, port, protocol: isTls ? 'HTTPS' : 'HTTP', hostname, allowedRoutes: ALL, ...tls },
    }));
    return {
      apiVersion: V1,
      kind: 'ListenerSet',
      metadata: { namespace: 'scale', name: `set-${at}`, creationTimestamp: timeOf(at) },
      spec: { parentRef: { group: GROUP, kind: 'Gateway', name: 'edge' }, listeners },
    };
  }

  async #spent(what: () => void): Promise<number> {
    const before = process.threadCpuUsage();
    what();
    await this.#settled();
    const { user, system } = process.threadCpuUsage(before);
    return (user + system) / 1000;
  }

  /** What an API server tells is one batch each. */
  #put(object: object): void {
    const value = {
      ...object,
      metadata: { ...(object as AnyResource).metadata, generation: ++this.#made },
    } as AnyResource;
    this.#apply(value.kind, [{ key: objectKey(value), value }]);
  }

  #drop(object: object): void {
    const { kind } = object as AnyResource;
    this.#apply(kind, [{ key: objectKey(object as AnyResource) }]);
  }

  #apply(kind: AnyResource['kind'], changes: Array<{ key: string; value?: AnyResource }>): void {
    const before = performance.now();
    (this.#inputs[kind] as unknown as SourceCollection<AnyResource>).apply(changes);
    this.#longest = Math.max(this.#longest, performance.now() - before);
  }

  /** Until the data plane's answer has come. */
  async #settled(): Promise<void> {
    for (let turn = 0; turn < 8; turn++) {
      const before = performance.now();
      await setImmediate();
      this.#longest = Math.max(this.#longest, performance.now() - before);
    }
  }
}

/** Says of every listener that it serves, as data planes do. */
class TakesAll {
  readonly #listeners = new Map<string, ListenerState>();
  #told: ListenerState[] = [];

  async apply({ version, upserts, removals }: Delta) {
    for (const { kind, key } of removals) if (kind === 'Listener') this.#listeners.delete(key);
    for (const one of upserts) {
      if (one.kind !== 'Listener') continue;
      this.#listeners.set(one.key, { key: one.key, state: 'serving', bound: [`0.0.0.0:${one.port}`] });
    }
    // The same list until one of them changes, as it comes over the network.
    if ([...upserts, ...removals].some(({ kind }) => kind === 'Listener')) this.#told = [...this.#listeners.values()];
    return { version, proxy: 'memory', rejected: [], listeners: this.#told };
  }

  metrics(): [] {
    return [];
  }

  async drain(): Promise<void> {}
}

const CLASS = {
  apiVersion: V1,
  kind: 'GatewayClass',
  metadata: { name: 'c' },
  spec: { controllerName: 'example.com/any' },
};
const ALL = { namespaces: { from: 'All' } };
function gatewayOf({ isTls = false, wide }: ListenerSetRigOptions): object {
  const [port, protocol] = isTls ? [443, 'HTTPS'] : [80, 'HTTP'];
  return {
    apiVersion: V1,
    kind: 'Gateway',
    metadata: { namespace: 'scale', name: 'edge', creationTimestamp: timeOf(-1) },
    spec: {
      gatewayClassName: 'c',
      listeners: [
        { name: 'own', port, protocol, allowedRoutes: ALL, ...(wide === undefined ? {} : { hostname: wide }) },
      ],
      allowedListeners: { namespaces: { from: 'All' } },
    },
  };
}

/** Later ones are younger. */
function timeOf(at: number): string {
  return new Date(1.77e12 + at * 1000).toISOString();
}

const SERVICE = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { namespace: 'scale', name: 's' },
  spec: { type: 'ClusterIP', ports: [{ port: 80, protocol: 'TCP' }] },
};
const SLICE = {
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: { namespace: 'scale', name: 's-1', labels: { 'kubernetes.io/service-name': 's' } },
  addressType: 'IPv4',
  endpoints: [{ addresses: ['10.0.0.1'] }],
  ports: [{ name: '', port: 80, protocol: 'TCP' }],
};

function routeOf(set: number, at: number): object {
  return {
    apiVersion: V1,
    kind: 'HTTPRoute',
    metadata: {
      namespace: 'scale',
      name: `set-${set}-${at}`,
      creationTimestamp: timeOf(set),
    },
    spec: {
      parentRefs: [{ group: GROUP, kind: 'ListenerSet', name: `set-${set}` }],
      hostnames: [`${at}.set-${set}.example.com`],
      rules: [
        {
          matches: [{ path: { type: 'PathPrefix', value: '/' } }],
          backendRefs: [{ group: '', kind: 'Service', name: 's', port: 80, weight: 1 }],
        },
      ],
    },
  };
}
