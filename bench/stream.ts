/**
 * What data planes cost their controller over the network: `node --expose-gc bench/stream.ts [DATA_PLANES] [GATEWAYS] [ROUTES]`
 * (default 100, 10, 1,000 routes a Gateway) serves the config stream over TLS on loopback. The data planes are in another
 * process; they take everything and acknowledge it. It prints memory, the processor time of a change on the controller's
 * side, and the time from a change to the last acknowledgement. Translation has no part in it.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { type ConfigObject, Publisher } from '../src/config/index.ts';
import { type RemoteFleets as Fleets, openStream, RemoteFleets, StreamClient } from '../src/delivery/stream/index.ts';
import { createLog } from '../src/observe/index.ts';
import { issued } from '../src/value/certificate.ts';
import { percentile } from './statistics.ts';

const CHANGES = 200;
const SERVER_NAME = 'controller.bench';

interface Setup {
  port: number;
  ca: string;
  dataPlanes: number;
  gateways: number;
}

const log = await createLog({ level: 'silent', format: 'json' });

/** In the other process. */
function connectAll({ port, ca, dataPlanes, gateways }: Setup): void {
  for (let i = 0; i < dataPlanes; i++) {
    const name = `pod-${i}`;
    const listeners = [{ key: 'd/g/http', state: 'serving' as const, bound: ['0.0.0.0:80'] }];
    const client: StreamClient = new StreamClient({
      address: { host: '127.0.0.1', port },
      serverName: SERVER_NAME,
      ca: () => ca,
      token: () => `d/g${i % gateways}`,
      name,
      version: 'bench',
      onDelta: ({ version }) => client.acknowledge({ version, proxy: name, rejected: [], listeners }),
      log,
    });
  }
}

/** A route with a Service of its own. */
function route(gateway: string, name: string, path = '/'): ConfigObject[] {
  const backend = `d/${name}:80`;
  return [
    { kind: 'Backend', key: backend, service: { namespace: 'd', name, port: 80 }, protocol: 'http' },
    { kind: 'Endpoints', key: backend, endpoints: [{ address: '10.0.0.1', port: 8080, state: 'ready' }] },
    {
      kind: 'RouteRule',
      key: `HTTPRoute/d/${name}/0`,
      route: { kind: 'HTTPRoute', namespace: 'd', name },
      index: 0,
      created: '',
      attachments: [{ listener: `${gateway}/http`, hostnames: [`${name}.example.com`] }],
      matches: [{ path: { type: 'PathPrefix', value: path }, headers: [], query: [] }],
      filters: [
        { type: 'RequestHeaderModifier', set: [{ name: 'x-tenant', value: name }], add: [], remove: ['x-debug'] },
      ],
      backends: [{ backend, weight: 1, filters: [] }],
    },
  ];
}

class BenchGateway {
  readonly #name: string;
  readonly #fleets: Fleets;
  readonly #publisher = new Publisher();
  readonly #reached = new Map<string, number>();
  #wake: () => void = () => {};

  constructor(name: string, fleets: Fleets, routes: number) {
    this.#name = name;
    this.#fleets = fleets;
    fleets.open(name, {
      onAck: ({ proxy, version }) => {
        this.#reached.set(proxy, version);
        this.#wake();
      },
      full: () => this.#publisher.snapshot.full(),
      published: () => ({ version: this.#publisher.snapshot.version, hashes: this.#publisher.hashes }),
      log,
    });
    const objects = Array.from({ length: routes }, (_, i) => route(name, `r${i}`)).flat();
    this.#publisher.publish(objects.map((after) => ({ after })));
  }

  change(count: number): void {
    const delta = this.#publisher.publish(route(this.#name, 'r7', `/${count}`).map((after) => ({ after })));
    this.#fleets.at(this.#name)!.send(delta!);
  }

  /** That so many data planes serve the last version. */
  async served(by: number): Promise<void> {
    for (;;) {
      const { version } = this.#publisher.snapshot;
      const there = Array.from(this.#reached.values()).filter((one) => one >= version).length;
      if (there >= by) return;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  forget(): void {
    this.#reached.clear();
  }
}

function megabytes(): number {
  globalThis.gc?.();
  globalThis.gc?.();
  return process.memoryUsage.rss() / 2 ** 20;
}

function spent(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

async function run(): Promise<void> {
  const [dataPlanes = 100, gateways = 10, routes = 1000] = process.argv.slice(2).map(Number);
  const times = { from: new Date(Date.now() - 60_000), until: new Date(Date.now() + 3_600_000) };
  const authority = await issued({ name: 'bench', dns: [], use: 'authority', ...times });
  const tls = await issued({ name: SERVER_NAME, dns: [SERVER_NAME], use: 'server', ...times }, authority);
  const fleets = new RemoteFleets();
  const all = Array.from({ length: gateways }, (_, i) => new BenchGateway(`d/g${i}`, fleets, routes));
  const authenticate = async (token: string) => ({ gateway: token });
  const options = { host: '127.0.0.1', tls, authenticate, fleets, version: 'bench', log };
  let stream = await openStream({ ...options, port: 0 });
  const { port } = stream;
  const each = Math.floor(dataPlanes / gateways);
  const served = () => Promise.all(all.map((gateway) => gateway.served(each)));
  const empty = megabytes();
  console.info(`${dataPlanes} data planes of ${gateways} Gateways with ${routes} routes each (${routes * 3} objects)`);
  console.info(`memory before: ${empty.toFixed(0)} MiB`);

  const child: ChildProcess = fork(import.meta.filename, { execArgv: process.execArgv });
  await measured('all connect, hold nothing, and serve the whole config', async () => {
    child.send({ port, ca: authority.certificate, dataPlanes, gateways } satisfies Setup);
    await served();
  });
  const full = megabytes();
  const apiece = ((full - empty) * 1024) / dataPlanes;
  console.info(`memory with all of them: ${full.toFixed(0)} MiB, ${apiece.toFixed(0)} KiB a data plane`);

  await changes(all, each);
  await measured('the controller is away and comes back: all connect, hold everything', async () => {
    await stream.close();
    for (const gateway of all) gateway.forget();
    stream = await openStream({ ...options, port });
    await served();
  });
  console.info(`memory at the end: ${megabytes().toFixed(0)} MiB`);
  child.kill();
  await once(child, 'exit');
  await stream.close();
  process.exit(0);
}

async function measured(what: string, does: () => Promise<void>): Promise<void> {
  const [cpu, began] = [spent(), performance.now()];
  await does();
  const took = performance.now() - began;
  console.info(`${what}: ${took.toFixed(0)} ms, ${(spent() - cpu).toFixed(0)} ms of processor time`);
}

async function changes(all: BenchGateway[], each: number): Promise<void> {
  const took: number[] = [];
  const cpu = spent();
  for (let i = 0; i < CHANGES; i++) {
    const gateway = all[i % all.length]!;
    const began = performance.now();
    gateway.change(i);
    await gateway.served(each);
    took.push(performance.now() - began);
  }
  const cost = (spent() - cpu) / CHANGES;
  const [p50, p99] = [percentile(took, 0.5), percentile(took, 0.99)];
  console.info(
    `a change of one route, to ${each} data planes: ${cost.toFixed(2)} ms of processor time; ` +
      `last acknowledgement after ${p50.toFixed(1)} ms (p50), ${p99.toFixed(1)} ms (p99)`,
  );
}

if (process.send) process.on('message', (setup: Setup) => connectAll(setup));
else await run();
