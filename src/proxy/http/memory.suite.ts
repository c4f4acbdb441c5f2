/** An HTTP service over links in memory, with a clock of its own: what the exchange's tests and the fuzzing stand on. */
import { type ConfigObject, type RouteRule, Snapshot } from '../../config/index.ts';
import { type AccessEntry, Metrics } from '../../observe/index.ts';
import { Networks } from '../../value/networks.ts';
import { Policies } from '../filter/index.ts';
import { DrainSet } from '../ground/drain.ts';
import { MemoryDriver, MemoryLink } from '../listen/index.ts';
import { compileTable, PlanCache } from '../route/index.ts';
import { Backends } from '../upstream/index.ts';
import {
  DEFAULT_LIMITS,
  DeadlineWheel,
  type HttpLimits,
  type HttpService,
  httpPool,
  Stats,
  serveHttp,
} from './index.ts';

export interface MemoryOptions {
  rule?: Partial<RouteRule>;
  endpoints?: number;
  /** What the backends speak. */
  protocol?: 'http' | 'h2c';
  limits?: Partial<HttpLimits>;
  trustedHops?: string[];
  /** What acts on requests besides the rule's filters. */
  policies?: Policies;
  /** Further backends by name, each with one endpoint. */
  backends?: string[];
}

export interface MemoryRig {
  readonly service: HttpService;
  readonly driver: MemoryDriver;
  readonly accesses: AccessEntry[];
  /** Lets milliseconds pass, deadlines included. */
  pass(milliseconds: number): void;
  connect(): MemoryLink;
  /** Connections to backends, in the order of their opening. */
  backend(index?: number): MemoryLink;
  /** The endpoint's port of each. */
  backendPort(index: number): number;
}

/** Ports of the endpoints of the rule's backend begin here. */
export const FIRST_PORT = 9000;

export function memoryService(options: MemoryOptions = {}): MemoryRig {
  let time = 0;
  const wheel = new DeadlineWheel(() => time);
  const driver = new MemoryDriver();
  const objects = configOf(options);
  const delta = { version: 1, upserts: objects, removals: [] };
  const config = Snapshot.EMPTY.apply(delta);
  const upstreams = new Backends({ driver, wheel }, httpPool);
  upstreams.update(config, delta);
  const accesses: AccessEntry[] = [];
  const service: HttpService = {
    table: compileTable({
      listeners: [...config.of('Listener').values()],
      rules: [...config.of('RouteRule').values()],
      plans: new PlanCache(),
    }),
    policies: options.policies ?? new Policies(),
    upstreams,
    wheel,
    trustedHops: new Networks(options.trustedHops ?? []),
    limits: { ...DEFAULT_LIMITS, ...options.limits },
    stats: new Stats(new Metrics()),
    onAccess: (entry) => accesses.push(entry),
    connections: new DrainSet(),
  };
  return {
    service,
    driver,
    accesses,
    pass(milliseconds) {
      time += milliseconds;
      wheel.advance();
    },
    connect() {
      const link = new MemoryLink();
      serveHttp(link, service);
      return link;
    },
    backend: (index = driver.opened.length - 1) => driver.opened[index]!.link,
    backendPort: (index) => driver.opened[index]!.target.port,
  };
}

function configOf({ rule, endpoints = 1, backends = [], protocol = 'http' }: MemoryOptions): ConfigObject[] {
  const service = (name: string, ports: number[]): ConfigObject[] => [
    { kind: 'Backend', key: `d/${name}:80`, service: { namespace: 'd', name, port: 80 }, protocol },
    {
      kind: 'Endpoints',
      key: `d/${name}:80`,
      endpoints: ports.map((port) => ({ address: '10.0.0.1', port, state: 'ready' })),
    },
  ];
  return [
    { kind: 'Listener', key: 'd/g/http', gateway: 'd/g', name: 'http', addresses: [], port: 80, protocol: 'HTTP' },
    ...service(
      's',
      Array.from({ length: endpoints }, (_, i) => FIRST_PORT + i),
    ),
    ...backends.flatMap((name, i) => service(name, [FIRST_PORT + 500 + i])),
    {
      kind: 'RouteRule',
      key: 'HTTPRoute/d/r/0',
      route: { kind: 'HTTPRoute', namespace: 'd', name: 'r' },
      index: 0,
      created: '',
      attachments: [{ listener: 'd/g/http', hostnames: ['*'] }],
      matches: [{ path: { type: 'PathPrefix', value: '/' }, headers: [], query: [] }],
      filters: [],
      backends: [{ backend: 'd/s:80', weight: 1, filters: [] }],
      ...rule,
    },
  ];
}

/** Lets what was put off until after the current call happen. */
export async function settled(): Promise<void> {
  for (let i = 0; i < 4; i++) await Promise.resolve();
}

/** A gateway and a client that has sent `request`; the backend has what was due at once. */
export async function asked(
  request: string,
  options: MemoryOptions = {},
): Promise<{ rig: MemoryRig; client: MemoryLink }> {
  const rig = memoryService(options);
  const client = rig.connect();
  client.deliver(request);
  await settled();
  return { rig, client };
}

/** The other side has closed it; `code`: with an error of the system. */
export function close(link: MemoryLink, code?: string): void {
  link.sink.onClose(code === undefined ? undefined : Object.assign(new Error(code), { code }));
}
