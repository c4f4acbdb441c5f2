/**
 * What a decision of a shared limit costs this process, over a Redis of its own: `node bench/shared-limit.ts`. Decisions a
 * second of one core, Redis itself not counted; see docs/performance.md.
 */
import type { RequestLimit } from '../src/config/index.ts';
import { CONTINUE, type CompiledFilter, LATER, POLICY_FILTERS } from '../src/proxy/filter/index.ts';
import { OPEN_DIALER, startRedis } from '../src/proxy/redis/redis-server.fixture.ts';
import { plainHead } from '../src/proxy/route/index.ts';
import { PolicyState } from '../src/proxy/state/index.ts';

const REQUESTS = 100_000;
const AT_ONCE = 64;
const CLIENTS = 256;
const ROUNDS = 3;

const limit: RequestLimit = {
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
};

const redis = await startRedis();
const state = new PolicyState(undefined, { dialer: OPEN_DIALER });

function filterOf(batch: number): CompiledFilter {
  const store = { servers: [{ host: '127.0.0.1', port: redis.port }], kind: 'Server', login: {}, database: 0 };
  const shared = { redis: store, onFailure: 'Closed', batch, timeout: 10_000 };
  const source = `RateLimitPolicy/bench/batch-${batch}`;
  const spec = { acts: [{ source, holds: 'Default', settings: { limits: [limit], headers: 'All', shared } }] };
  const target = { kind: 'Listener', key: 'bench/gw/http' };
  return [POLICY_FILTERS.RateLimit!({ key: 'RateLimit/bench', type: 'RateLimit', target, spec }, state)].flat()[0]!;
}

const head = plainHead({ method: 'GET', host: 'shop.example.com', target: '/cart/7', headers: [['accept', '*/*']] });

/** One request; false: refused. */
function decided(filter: CompiledFilter, client: number): Promise<boolean> | boolean {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const wait = () => ({ proceed: () => resolve(true), deny: () => resolve(false), respond: () => resolve(false) });
  const clientAddress = `172.16.${client >> 4}.${client & 15}`;
  const scope = { head, clientAddress, keep() {}, kept() {}, tell() {}, deny() {}, patchResponse() {}, wait };
  const verdict = filter.onRequest(scope as never);
  return verdict === LATER ? promise : verdict === CONTINUE;
}

async function perSecond(filter: CompiledFilter): Promise<{ core: number; wall: number }> {
  let sent = 0;
  let passed = 0;
  const loop = async (): Promise<void> => {
    while (sent < REQUESTS) if (await decided(filter, sent++ % CLIENTS)) passed++;
  };
  const [began, before] = [performance.now(), process.cpuUsage()];
  await Promise.all(Array.from({ length: AT_ONCE }, loop));
  const { user, system } = process.cpuUsage(before);
  if (passed < REQUESTS) throw new Error(`${REQUESTS - passed} of ${REQUESTS} were refused`);
  return { core: REQUESTS / ((user + system) / 1e6), wall: REQUESTS / ((performance.now() - began) / 1_000) };
}

for (const batch of [1, 20, 1_000]) {
  const filter = filterOf(batch);
  const all: Array<{ core: number; wall: number }> = [];
  for (let i = 0; i < ROUNDS; i++) all.push(await perSecond(filter));
  const best = all.reduce((one, other) => (other.core > one.core ? other : one));
  const what = batch === 1 ? 'each request asked about' : `${batch} tokens at a time`;
  console.log(
    `${Math.round(best.core).toLocaleString('en').padStart(9)} decisions a second of a core (${Math.round(best.wall).toLocaleString('en')} a second of the clock)  ${what}`,
  );
}
state.redis.close();
await redis.stop();
