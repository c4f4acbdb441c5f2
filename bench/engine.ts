/**
 * CPU of one request in the engine alone: parser, routing, header rewriting, accounting and composing over the
 * in-memory driver, with no kernel. `node bench/engine.ts` prints microseconds a request; compare before and after a
 * change.
 */
import { setFlagsFromString } from 'node:v8';
import { ENGINE_FLAG } from '../src/cli/engine-flag.ts';
import { type ConfigObject, Snapshot } from '../src/config/index.ts';
import { Metrics } from '../src/observe/index.ts';
import { Policies } from '../src/proxy/filter/index.ts';
import { DrainSet } from '../src/proxy/ground/drain.ts';
import {
  DEFAULT_LIMITS,
  DeadlineWheel,
  type HttpService,
  httpPool,
  Stats,
  serveHttp,
} from '../src/proxy/http/index.ts';
import { MemoryDriver, MemoryLink } from '../src/proxy/listen/index.ts';
import { compileTable, PlanCache } from '../src/proxy/route/index.ts';
import { Backends } from '../src/proxy/upstream/index.ts';
import { Networks } from '../src/value/networks.ts';

// As in a worker.
setFlagsFromString(ENGINE_FLAG);

const HOSTS = 100;
const PATHS = 10;
const ROUNDS = 400_000;

const BROWSER_LINES = [
  'User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36',
  'Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8',
  'Accept-Language: en-GB,en;q=0.9,de;q=0.8',
  'Accept-Encoding: gzip, deflate, br, zstd',
  'Cookie: session=7f3a9c1e5b2d4860; theme=dark; consent=all',
  'Connection: keep-alive',
  'Upgrade-Insecure-Requests: 1',
  'Sec-Fetch-Dest: document',
  'Sec-Fetch-Mode: navigate',
  'Sec-Fetch-Site: none',
  'Cache-Control: max-age=0',
];

const RESPONSE = Buffer.from(
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

function serviceOf(driver: MemoryDriver): HttpService {
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

async function measure(name: string, lines: readonly string[]): Promise<void> {
  const driver = new MemoryDriver();
  const service = serviceOf(driver);
  const client = new MemoryLink();
  serveHttp(client, service);
  const requests: Buffer[] = [];
  for (let i = 0; i < HOSTS * PATHS; i++) {
    const head = [
      `GET /service${i % PATHS}/items/42?page=2 HTTP/1.1`,
      `Host: host${i % HOSTS}.example.com`,
      ...lines,
      '',
      '',
    ];
    requests.push(Buffer.from(head.join('\r\n')));
  }
  client.deliver(requests[0]!);
  await Promise.resolve();
  const backend = driver.opened[0]!.link;
  backend.deliver(RESPONSE);
  const once = (count: number): void => {
    for (let i = 0; i < count; i++) {
      client.deliver(requests[i % requests.length]!);
      backend.take();
      backend.deliver(RESPONSE);
      client.take();
    }
  };
  once(ROUNDS / 10);
  const runs: number[] = [];
  for (let run = 0; run < 5; run++) {
    const before = process.cpuUsage();
    once(ROUNDS / 5);
    const { user, system } = process.cpuUsage(before);
    runs.push((user + system) / (ROUNDS / 5));
  }
  runs.sort((a, b) => a - b);
  console.log(`${name}: ${runs[2]!.toFixed(2)} us a request (${runs[0]!.toFixed(2)} to ${runs[4]!.toFixed(2)})`);
}

await measure('tiny head, 2 lines', ['Accept: */*']);
await measure('browser head, 12 lines', BROWSER_LINES);
