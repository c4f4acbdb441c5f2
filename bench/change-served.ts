/**
 * What requests feel of a large change: `npm run build && node bench/change-served.ts` starts a gateway with 1,000 routes, asks it
 * at a steady rate, adds 4,000 routes in one go, and prints the slowest requests of the change beside those of a run of the
 * same length in which nothing changed, and the memory of control and of the worker.
 */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const FIRST = 1_000;
const ADDED = 4_000;
/** Milliseconds between two requests of one client. */
const PACE = 2;
const CLIENTS = 2;

const folder = mkdtempSync(join(tmpdir(), 'daemun-change-'));
const backend = createServer((_, response) => response.end('ok')).listen(0, '127.0.0.1');
await once(backend, 'listening');
const backendPort = (backend.address() as AddressInfo).port;

const GATEWAY = [
  {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'GatewayClass',
    metadata: { name: 'any' },
    spec: { controllerName: 'example.com/any' },
  },
  {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'Gateway',
    metadata: { name: 'edge', namespace: 'shop' },
    spec: { gatewayClassName: 'any', listeners: [{ name: 'http', port: 80, protocol: 'HTTP' }] },
  },
];

/** A route with a host, a Service and an endpoint of its own. */
function tenant(name: string): object[] {
  const metadata = { name, namespace: 'shop' };
  return [
    { apiVersion: 'v1', kind: 'Service', metadata, spec: { ports: [{ port: 80 }] } },
    {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { ...metadata, labels: { 'kubernetes.io/service-name': name } },
      addressType: 'IPv4',
      ports: [{ port: backendPort }],
      endpoints: [{ addresses: ['127.0.0.1'], conditions: { ready: true } }],
    },
    {
      apiVersion: 'gateway.networking.k8s.io/v1',
      kind: 'HTTPRoute',
      metadata,
      spec: {
        parentRefs: [{ name: 'edge' }],
        hostnames: [`${name}.example.com`],
        rules: [
          {
            matches: [{ path: { type: 'PathPrefix', value: '/' } }],
            filters: [
              { type: 'RequestHeaderModifier', requestHeaderModifier: { set: [{ name: 'x-tenant', value: name }] } },
            ],
            backendRefs: [{ name, port: 80 }],
          },
        ],
      },
    },
  ];
}

function write(file: string, objects: object[]): void {
  writeFileSync(join(folder, `.${file}`), objects.map((one) => `${JSON.stringify(one)}\n`).join('---\n'));
  renameSync(join(folder, `.${file}`), join(folder, file));
}

const tenants = (prefix: string, count: number): object[] =>
  Array.from({ length: count }, (_, at) => tenant(`${prefix}${at}`)).flat();

write('gateway.yaml', GATEWAY);
write('first.yaml', tenants('r', FIRST));
const bin = fileURLToPath(new URL('../bin/daemun.js', import.meta.url));
const flags = ['--port-map', '80=0', '--bind', '127.0.0.1', '--admin', 'off', '--log-format', 'json'];
const gateway = spawn(process.execPath, [bin, 'run', '-f', folder, ...flags], { stdio: ['ignore', 'ignore', 'pipe'] });
let log = '';
gateway.stderr.setEncoding('utf8').on('data', (text: string) => (log += text));

async function logged(message: string): Promise<{ listeners: Array<{ bound: string[] }>; took?: string }> {
  for (;;) {
    const line = log.split('\n').find((one) => one.includes(`"msg":"${message}"`));
    if (line !== undefined) return JSON.parse(line);
    if (gateway.exitCode !== null) throw new Error(log);
    await setTimeout(5);
  }
}

const port = Number((await logged('serving')).listeners[0]!.bound[0]!.split(':').at(-1));
const agent = new Agent({ keepAlive: true });

async function ask(host: string): Promise<{ status: number; took: number }> {
  const began = performance.now();
  const call = request({ host: '127.0.0.1', port, agent, headers: { host } });
  call.end();
  const [response] = await once(call, 'response');
  response.resume();
  await once(response, 'end');
  return { status: response.statusCode, took: performance.now() - began };
}

/** Milliseconds of each request until `done`. */
async function load(done: Promise<unknown>): Promise<number[]> {
  let running = true;
  void done.then(() => (running = false));
  const times: number[] = [];
  const client = async (number: number): Promise<void> => {
    for (let turn = number; running; turn += CLIENTS) {
      const { status, took } = await ask(`r${turn % FIRST}.example.com`);
      if (status !== 200) throw new Error(`answered ${status}`);
      times.push(took);
      await setTimeout(PACE);
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, (_, number) => client(number)));
  return times.sort((a, b) => b - a);
}

function told(name: string, times: number[]): void {
  const at = (share: number): string => times[Math.floor(times.length * share)]!.toFixed(1);
  console.log(`${name}: ${times.length} requests, slowest ${at(0)} ms, 99.9 % ${at(0.001)} ms, 99 % ${at(0.01)} ms`);
}

async function added(): Promise<void> {
  write('more.yaml', tenants('n', ADDED));
  await logged('config applied');
  while ((await ask(`n${ADDED - 1}.example.com`)).status !== 200);
}

await load(setTimeout(2000));
const began = performance.now();
const during = await load(added());
const length = performance.now() - began;
const without = await load(setTimeout(length));
told('nothing changes     ', without);
told(`${ADDED} routes more    `, during);
console.log(
  `the change took ${Math.round(length)} ms from the file to traffic, ${(await logged('config applied')).took} of it for the data plane`,
);
await setTimeout(2000);
const processes = execFileSync('ps', ['-o', 'pid=,rss=', '--ppid', String(gateway.pid), '-p', String(gateway.pid)], {
  encoding: 'utf8',
});
for (const line of processes.trim().split('\n')) {
  const [pid, rss] = line.trim().split(/\s+/).map(Number);
  const pss = /^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1];
  const role = pid === gateway.pid ? 'control' : 'worker';
  console.log(`${role}: resident ${Math.round(rss! / 1024)} MB, proportional ${Math.round(Number(pss) / 1024)} MB`);
}
gateway.kill('SIGTERM');
await once(gateway, 'exit');
agent.destroy();
backend.close();
rmSync(folder, { recursive: true, force: true });
