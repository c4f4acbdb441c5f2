/** What the benches of the engine have in common: a service with many routes to one backend, over a driver in memory. */
import { setFlagsFromString } from 'node:v8';
import { ENGINE_FLAG } from '../src/cli/engine-flag.ts';
import { type ConfigObject, Snapshot } from '../src/config/index.ts';
import { Metrics } from '../src/observe/index.ts';
import { Policies } from '../src/proxy/filter/index.ts';
import { DrainSet } from '../src/proxy/ground/drain.ts';
import { DEFAULT_LIMITS, DeadlineWheel, type HttpService, httpPool, Stats } from '../src/proxy/http/index.ts';
import type { MemoryDriver } from '../src/proxy/listen/index.ts';
import { compileTable, PlanCache } from '../src/proxy/route/index.ts';
import { Backends } from '../src/proxy/upstream/index.ts';
import { Networks } from '../src/value/networks.ts';

// As in a worker.
setFlagsFromString(ENGINE_FLAG);

export const HOSTS = 100;
export const PATHS = 10;

export const RESPONSE: Buffer = Buffer.from(
  'HTTP/1.1 200 OK\r\nServer: nginx\r\nDate: Wed, 25 Nov 2026 16:00:00 GMT\r\nContent-Type: text/plain\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nok',
);

function configOf(): ConfigObject[] {
  const objects: ConfigObject[] = [
    { kind: 'Listener', key: 'd/g/http', gateway: 'd/g', name: 'http', addresses: [], port: 80, protocol: 'HTTP' },
    { kind: 'Backend', key: 'd/s:80', service: { namespace: 'd', name: 's', port: 80 }, protocol: 'http' },
    { kind: 'Endpoints', key: 'd/s:80', endpoints: [{ address: '127.0.0.1', port: 8080, state: 'ready' }] },
  ];
  for (let h = 0; h < HOSTS; h++) {
    for (let p = 0; p < PATHS; p++) {
      objects.push({
        kind: 'RouteRule',
        key: `HTTPRoute/d/r${h}/${p}`,
        route: { kind: 'HTTPRoute', namespace: 'd', name: `r${h}` },
        index: p,
        created: '',
        attachments: [{ listener: 'd/g/http', hostnames: [`host${h}.example.com`] }],
        matches: [{ path: { type: 'PathPrefix', value: `/service${p}` }, headers: [], query: [] }],
        filters: [],
        backends: [{ backend: 'd/s:80', weight: 1, filters: [] }],
      });
    }
  }
  return objects;
}

export function serviceOf(driver: MemoryDriver): HttpService {
  const delta = { version: 1, upserts: configOf(), removals: [] };
  const config = Snapshot.EMPTY.apply(delta);
  const wheel = new DeadlineWheel();
  const upstreams = new Backends({ driver, wheel }, httpPool);
  upstreams.update(config, delta);
  const table = compileTable({
    listeners: [...config.of('Listener').values()],
    rules: [...config.of('RouteRule').values()],
    plans: new PlanCache(),
  });
  return {
    table,
    policies: new Policies(),
    upstreams,
    wheel,
    trustedHops: new Networks([]),
    limits: DEFAULT_LIMITS,
    stats: new Stats(new Metrics()),
    onAccess: undefined,
    connections: new DrainSet(),
  };
}

/** Microseconds of processor time that each of `count` requests took: the middle of five runs, and the extremes. */
export async function report(name: string, count: number, once: () => void | Promise<void>): Promise<void> {
  const runs: number[] = [];
  for (let run = 0; run < 5; run++) {
    const before = process.cpuUsage();
    await once();
    const { user, system } = process.cpuUsage(before);
    runs.push((user + system) / count);
  }
  runs.sort((a, b) => a - b);
  console.log(`${name}: ${runs[2]!.toFixed(2)} us a request (${runs[0]!.toFixed(2)} to ${runs[4]!.toFixed(2)})`);
}
