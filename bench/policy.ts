/** What policies cost a request, in memory and by themselves: `node bench/policy.ts`. Microseconds; see docs/performance.md. */
import assert from 'node:assert';
import { mkdtempSync, openSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { AccessRule, HealthCheck, LoadBalancing, RequestLimit, SessionPersistence } from '../src/config/index.ts';
import { CONTINUE, type CompiledFilter, POLICY_FILTERS } from '../src/proxy/filter/index.ts';
import { newTurn } from '../src/proxy/ground/allowance.ts';
import { DeadlineWheel } from '../src/proxy/ground/deadline.ts';
import { ProbeBook } from '../src/proxy/probe/index.ts';
import { plainHead } from '../src/proxy/route/index.ts';
import { PolicyState } from '../src/proxy/state/index.ts';
import { Balancer } from '../src/proxy/upstream/balancer.ts';
import type { EndpointPool, EndpointTarget } from '../src/proxy/upstream/connection.ts';

const ROUNDS = 5;
const REQUESTS = 200_000;
const CLIENTS = 256;

function filterOf(type: 'RateLimit' | 'Access', settings: object, state = new PolicyState()): CompiledFilter {
  const spec = { acts: [{ source: `${type}Policy/bench/bench`, holds: 'Default', settings }] };
  const target = { kind: 'Listener', key: 'bench/gw/http' };
  return [POLICY_FILTERS[type]!({ key: `${type}/bench`, type, target, spec }, state)].flat()[0]!;
}

const limit = (more: Partial<RequestLimit> = {}): RequestLimit => ({
  type: 'Requests',
  name: 'bench',
  key: [{ type: 'ClientAddress' }],
  when: [],
  exempt: [],
  dryRun: false,
  requests: 1_000_000,
  period: 1_000,
  burst: 1_000_000,
  cost: 1,
  statusCode: 429,
  ...more,
});

const rule = (more: Partial<AccessRule>): AccessRule => ({
  name: 'bench',
  addresses: [],
  methods: [],
  paths: [],
  headers: [],
  times: [],
  ...more,
});
const access = (deny: AccessRule[]): object => ({ deny, allow: [], statusCode: 403, shadow: false });
const networks = Array.from({ length: 10_000 }, (_, i) => `10.${i >> 8}.${i & 255}.0/25`);

/** As the first of two workers has it; the file goes with the process. */
function sharedByTwo(): PolicyState {
  const folder = mkdtempSync('/dev/shm/daemun-bench-');
  const fd = openSync(join(folder, 'limits'), 'w+');
  rmSync(folder, { recursive: true });
  return new PolicyState({ fd, index: 0, workers: 2, seed: 1 });
}

const CASES: Record<string, CompiledFilter> = {
  'local limit by client address, headers told': filterOf('RateLimit', { limits: [limit()], headers: 'All' }),
  'local limit by client address, headers of refusals': filterOf('RateLimit', {
    limits: [limit()],
    headers: 'Refused',
  }),
  'local limit that refuses': filterOf('RateLimit', {
    limits: [limit({ requests: 1, period: 86_400_000, burst: 1 })],
    headers: 'None',
  }),
  'local limit by client address, shared by two workers': filterOf(
    'RateLimit',
    { limits: [limit()], headers: 'None' },
    sharedByTwo(),
  ),
  '10,000 networks': filterOf('Access', access([rule({ addresses: networks })])),
  'three paths and a method': filterOf(
    'Access',
    access([rule({ methods: ['PUT'], paths: ['/a', '/b', '/c'].map((value) => ({ type: 'PathPrefix', value })) })]),
  ),
  'an expression of CEL': filterOf('Access', access([rule({ cel: 'request.headers["x-no"] == "1"' })])),
};

const addresses = Array.from({ length: CLIENTS }, (_, i) => `172.16.${i >> 4}.${i}`);
const head = plainHead({
  method: 'GET',
  host: 'shop.example.com',
  target: '/cart/7?x=1',
  headers: [
    ['accept', '*/*'],
    ['user-agent', 'bench'],
    ['x-no', '0'],
  ],
});
const scope = {
  head,
  clientAddress: '',
  listener: 'bench/gw/http',
  route: 'HTTPRoute/bench/r/0',
  keep() {},
  kept() {},
  tell() {},
  deny() {},
  patchResponse() {},
};

function microseconds(filter: CompiledFilter): number {
  const began = performance.now();
  let passed = 0;
  for (let i = 0; i < REQUESTS; i++) {
    // Each is the first of its turn: what expressions may look through is never used up.
    newTurn();
    scope.clientAddress = addresses[i % CLIENTS]!;
    if (filter.onRequest(scope as never) === CONTINUE) passed++;
  }
  if (passed < 0) throw new Error('never');
  return ((performance.now() - began) / REQUESTS) * 1_000;
}

for (const [name, filter] of Object.entries(CASES)) {
  const best = Math.min(...Array.from({ length: ROUNDS }, () => microseconds(filter)));
  console.log(`${best.toFixed(2).padStart(6)} µs  ${name}`);
}

// What chooses an endpoint is no filter: the choice among a hundred, by turns and by what a policy says instead.

class IdlePool implements EndpointPool {
  readonly address: string;
  readonly port = 80;
  readonly label: string;
  readonly load = 0;
  readonly retired = false;
  readonly health: EndpointPool['health'];

  constructor({ address, health }: EndpointTarget) {
    this.address = address;
    this.label = `${address}:80`;
    this.health = health;
  }
  open(): null {
    return null;
  }
  cancel(): void {}
  retire(): void {}
}

const ENDPOINTS = 100;
const session: SessionPersistence = {
  type: 'Cookie',
  name: 'sid',
  secret: 'bench',
  mode: 'Persistent',
  changeOnFailure: false,
  acrossBackends: true,
};
const keys = [{ type: 'Header' as const, name: 'x-user' }];
const healthCheck: HealthCheck = {
  question: { type: 'TCP' },
  interval: 10_000,
  timeout: 1_000,
  jitterPercent: 10,
  healthyThreshold: 2,
  unhealthyThreshold: 3,
  initialState: 'Healthy',
  panicThresholdPercent: 50,
};
interface Choice {
  loadBalancing?: LoadBalancing;
  session?: SessionPersistence;
  healthCheck?: HealthCheck;
}
const CHOICES: Record<string, Choice> = {
  'endpoint by turns': {},
  'endpoint by turns, of those whose health is checked': { healthCheck },
  'endpoint by two of chance': { loadBalancing: { type: 'LeastRequest' } },
  'endpoint by a consistent hash of a header': { loadBalancing: { type: 'ConsistentHash', hash: { keys } } },
  'endpoint of a session': { session },
  'endpoint of a new session, and its cookie': { session },
};

function balancerOf({ loadBalancing, session: kept, healthCheck: check }: Choice): Balancer {
  const backend = { kind: 'Backend' as const, key: 'bench/s:80', service: { namespace: 'bench', name: 's', port: 80 } };
  const wheel = new DeadlineWheel();
  const unheard = { keyOf: () => ({ a: 0, b: 0 }), isOwn: () => true, tell() {}, read() {}, news: () => false };
  const probes = new ProbeBook({ wheel, verdicts: unheard as never, troubles: undefined });
  const balancer = new Balancer(
    { ...backend, protocol: 'http' },
    {
      world: { driver: { connect: () => assert.fail() }, wheel, probes },
      makePool: (_world, target) => new IdlePool(target),
    },
  );
  balancer.loadBalancing = loadBalancing;
  balancer.session = kept;
  balancer.healthCheck = check;
  const addresses = Array.from({ length: ENDPOINTS }, (_, i) => `10.0.0.${i}`);
  balancer.update(addresses.map((address) => ({ address, port: 80, state: 'ready' })));
  return balancer;
}

function choosing(name: string, balancer: Balancer): number {
  const plain = plainHead({ method: 'GET', host: 'a', target: '/', headers: [['x-user', 'somebody']] });
  const request = { head: plain, clientAddress: '172.16.0.1', matchedPrefix: 0, secure: false };
  const first = balancer.sessionLine(balancer.aim(request, session), balancer.pick()!)!;
  const cookie = first.value.slice(0, first.value.indexOf(';'));
  const isNew = name.includes('new');
  if (balancer.session !== undefined && !isNew)
    request.head = plainHead({ method: 'GET', host: 'a', target: '/', headers: [['cookie', `theme=dark; ${cookie}`]] });
  const began = performance.now();
  for (let i = 0; i < REQUESTS; i++) {
    const aim = balancer.steers ? balancer.aim(request, balancer.session) : null;
    const pool = balancer.pick(null, aim)!;
    const line = aim === null ? undefined : balancer.sessionLine(aim, pool);
    assert.equal(line !== undefined, isNew);
  }
  return ((performance.now() - began) / REQUESTS) * 1_000;
}

for (const [name, settings] of Object.entries(CHOICES)) {
  const balancer = balancerOf(settings);
  const best = Math.min(...Array.from({ length: ROUNDS }, () => choosing(name, balancer)));
  console.log(`${best.toFixed(2).padStart(6)} µs  ${name}`);
}
