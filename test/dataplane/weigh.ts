/**
 * What a data plane weighs and what a change costs it: `npm run build && node test/dataplane/weigh.ts 5000`. Each route has a
 * Service of its own with two endpoints. Linux only.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import type { ConfigObject, Endpoints, RouteRule } from '../../src/config/index.ts';
import { StreamRig } from '../stream-rig.ts';
import { DataPlaneProcess } from './dataplane-process.ts';
import { listener } from './served-config.ts';

/** Changes of each kind, and milliseconds between two. */
const CHANGES = 50;
const INTERVAL = 200;
/** Milliseconds after which a process is at rest. */
const REST = 10_000;
/** Milliseconds of processor time in a tick of /proc. */
const TICK = 10;

const count = Number(process.argv[2] ?? 5000);

function route(i: number, path = `/api/${i}`): RouteRule {
  const namespace = `team-${i % 50}`;
  return {
    kind: 'RouteRule',
    key: `HTTPRoute/${namespace}/route-${i}/0`,
    route: { kind: 'HTTPRoute', namespace, name: `route-${i}` },
    created: '2026-11-29T00:00:00Z',
    attachments: [{ listener: 'infra/edge/http', hostnames: [`host-${i}.example.com`] }],
    index: 0,
    matches: [{ path: { type: 'PathPrefix', value: path }, headers: [], query: [] }],
    filters: [],
    backends: [{ weight: 1, filters: [], backend: `${namespace}/service-${i}:80` }],
  };
}

function endpoints(i: number, second = 2): Endpoints {
  const address = (first: number): string => `10.${first}.${(i >> 8) & 255}.${i & 255}`;
  const all = [1, second].map((first) => ({ address: address(first), port: 8080, state: 'ready' as const }));
  return { kind: 'Endpoints', key: `team-${i % 50}/service-${i}:80`, endpoints: all };
}

function service(i: number): ConfigObject[] {
  const [namespace, name] = [`team-${i % 50}`, `service-${i}`];
  const key = `${namespace}/${name}:80`;
  return [{ kind: 'Backend', key, service: { namespace, name, port: 80 }, protocol: 'http' }, endpoints(i)];
}

/** MiB: resident, and of that what no other process and no file shares. */
function memoryOf(pid: number): { resident: number; own: number } {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  const read = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(text)![1]) / 1024;
  return { resident: read('Rss'), own: read('Pss_Anon') };
}

function cpuOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
  return (Number(fields[11]) + Number(fields[12])) * TICK;
}

const rig = await StreamRig.start();
rig.gateway().put(listener(80), ...Array.from({ length: count }, (_, i) => [route(i), ...service(i)]).flat());
const folder = mkdtempSync('/dev/shm/daemun-weigh-');
const began = performance.now();
const running = await DataPlaneProcess.start(rig, ['--port-map', '80=0', '--drain-delay', '0s', '--snapshot', folder]);
const pids = [running.child.pid!, (await running.logged('worker started')).pid as number];
const shown = (numbers: number[]): string => numbers.map((one) => one.toFixed(1)).join(' + ');
console.log(`${count} routes: ready after ${Math.round(performance.now() - began)} ms`);

function weigh(when: string): void {
  const all = pids.map(memoryOf);
  const own = all.map((one) => one.own);
  const sum = own.reduce((before, one) => before + one, 0);
  console.log(`${when}: own ${shown(own)} = ${sum.toFixed(1)} MiB, resident ${shown(all.map((one) => one.resident))}`);
}

async function cost(what: string, change: (i: number) => ConfigObject): Promise<void> {
  const before = pids.map(cpuOf);
  for (let i = 0; i < Math.min(CHANGES, count); i++) {
    rig.gateway().put(change(i));
    await pause(INTERVAL);
  }
  await pause(INTERVAL * 5);
  const spent = pids.map((pid, at) => (cpuOf(pid) - before[at]!) / CHANGES);
  console.log(`${what}: ${shown(spent)} ms of processor time`);
}

await pause(REST);
weigh('at rest');
await cost('one change of endpoints', (i) => endpoints(i, 3));
await cost('one change of a route', (i) => route(i, `/other/${i}`));
weigh('after the changes');
await running.remove();
await rig.close();
rmSync(folder, { recursive: true });
