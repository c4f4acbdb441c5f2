/**
 * Nanoseconds for one route match, and milliseconds to build a table and to bring it up to date after one rule changed.
 * `node bench/route.ts`. Each figure is the median of REPEATS, in CPU time of the thread.
 */
import { type ConfigObject, type HttpMatch, type Listener, type RouteRule, Snapshot } from '../src/config/index.ts';
import { atOnce } from '../src/proxy/ground/slice.ts';
import {
  type CompiledTable,
  compileTable,
  type PlainRequest,
  PlanCache,
  plainHead,
  RouteBook,
  type RouteTable,
} from '../src/proxy/route/index.ts';

const REPEATS = 7;
const MATCHES = 300_000;
const REBUILDS = 100;

const LISTENER: Listener = {
  kind: 'Listener',
  key: 'infra/gateway/http',
  gateway: 'infra/gateway',
  name: 'http',
  addresses: [],
  port: 80,
  protocol: 'HTTP',
};

/** Requests of one case walk over its rules, so that no cache line or branch stays warm for a single one. */
interface Case {
  name: string;
  counts: number[];
  host(i: number): string;
  match(i: number): HttpMatch;
  request(i: number): PlainRequest;
}

const prefix = (value: string): HttpMatch => ({ path: { type: 'PathPrefix', value }, headers: [], query: [] });
const get = (host: string, target: string, headers: Array<[string, string]> = []): PlainRequest => ({
  method: 'GET',
  host,
  target,
  headers,
});

const CASES: Case[] = [
  {
    name: 'one host, a path each',
    counts: [10, 1000, 5000],
    host: () => 'www.example.com',
    match: (i) => prefix(`/api/v1/service-${i}`),
    request: (i) => get('www.example.com', `/api/v1/service-${i}/items/42?page=2`),
  },
  {
    name: 'a host each',
    counts: [10, 1000, 5000],
    host: (i) => `service-${i}.example.com`,
    match: () => prefix('/api/v1'),
    request: (i) => get(`service-${i}.example.com`, '/api/v1/items/42?page=2'),
  },
  {
    name: '100 hosts × 10 or 50 paths',
    counts: [1000, 5000],
    host: (i) => `service-${i % 100}.example.com`,
    match: (i) => prefix(`/api/v${Math.floor(i / 100)}`),
    request: (i) => get(`service-${i % 100}.example.com`, `/api/v${Math.floor(i / 100)}/items/42?page=2`),
  },
  {
    name: 'a wildcard host each',
    counts: [10, 1000, 5000],
    host: (i) => `*.tenant-${i}.example.com`,
    match: () => prefix('/'),
    request: (i) => get(`www.tenant-${i}.example.com`, '/api/v1/items/42'),
  },
  {
    name: 'a header match',
    counts: [10],
    host: () => 'www.example.com',
    match: (i) => ({ ...prefix(`/a-${i}`), headers: [{ type: 'Exact', name: 'version', value: 'two' }] }),
    request: (i) => get('www.example.com', `/a-${i}`, [['version', 'two']]),
  },
  {
    name: 'a query match',
    counts: [10],
    host: () => 'www.example.com',
    match: (i) => ({ ...prefix(`/a-${i}`), query: [{ type: 'Exact', name: 'page', value: '2' }] }),
    request: (i) => get('www.example.com', `/a-${i}?sort=up&page=2`),
  },
  {
    name: 'regular expressions, the last of them',
    counts: [1, 10, 100],
    host: () => 'www.example.com',
    match: (i) => ({
      path: { type: 'RegularExpression', value: `/service-${i}/v[0-9]+/.*` },
      headers: [],
      query: [],
    }),
    request: () => get('www.example.com', '/service-0/v12/items/42'),
  },
];

function ruleOf(bench: Case, i: number): RouteRule {
  return {
    kind: 'RouteRule',
    key: `HTTPRoute/infra/route-${i}/0`,
    route: { kind: 'HTTPRoute', namespace: 'infra', name: `route-${i}` },
    index: 0,
    created: '2026-01-01T00:00:00Z',
    attachments: [{ listener: LISTENER.key, hostnames: [bench.host(i)] }],
    matches: [bench.match(i)],
    filters: [],
    backends: [{ backend: `infra/service-${i}:80`, weight: 1, filters: [] }],
  };
}

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
}

function milliseconds(work: (round: number) => void): number {
  return median(
    Array.from({ length: REPEATS }, (_, round) => {
      const before = process.threadCpuUsage();
      work(round);
      const { user, system } = process.threadCpuUsage(before);
      return (user + system) / 1000;
    }),
  );
}

/** Eight requests spread over the rules; their heads lie behind one another in ARENA. */
function nanosecondsPerMatch(table: RouteTable, bench: Case, count: number): number {
  const requests = Array.from({ length: 8 }, (_, i) => bench.request(Math.floor((i * count) / 8)));
  const heads = plainHeads(requests);
  const round = () => {
    for (let i = 0; i < MATCHES; i++) if (table.match(heads[i & 7]!, '') === null) throw new Error('no match');
  };
  round();
  return (milliseconds(round) * 1e6) / MATCHES;
}

function plainHeads(requests: PlainRequest[]) {
  return requests.map((request, i) => plainHead(request, i * 4096));
}

for (const bench of CASES) {
  for (const count of bench.counts) {
    const rules = Array.from({ length: count }, (_, i) => ruleOf(bench, i));
    const build = milliseconds(() => compileTable({ listeners: [LISTENER], rules, plans: new PlanCache() }));
    const book = new RouteBook();
    const sockets = new Map([['', [LISTENER]]]);
    let config = Snapshot.EMPTY;
    const step = (upserts: ConfigObject[]): CompiledTable => {
      const delta = { version: config.version + 1, upserts, removals: [] };
      config = config.apply(delta);
      const routes = atOnce(book.prepare({ delta, config, sockets }));
      routes.commit();
      return routes.tables.get('')!;
    };
    let table = step(rules);
    const middle = rules[Math.floor(count / 2)]!;
    const rebuilds = milliseconds((round) => {
      for (let i = 0; i < REBUILDS; i++) table = step([{ ...middle, name: `round-${round}-${i}` }]);
    });
    const match = nanosecondsPerMatch(table, bench, count);
    console.log(
      `${bench.name.padEnd(40)} ${String(count).padStart(5)} rules: match ${match.toFixed(0).padStart(5)} ns, ` +
        `build ${build.toFixed(1).padStart(5)} ms, one change ${(rebuilds / REBUILDS).toFixed(2).padStart(5)} ms`,
    );
  }
}
