/** What guards cost a connection of TCP where no request is read, in memory: `node bench/stream-guard.ts`. Microseconds. */
import type { RequestLimit } from '../src/config/index.ts';
import { Policies } from '../src/proxy/filter/index.ts';

const ROUNDS = 5;
const CONNECTIONS = 200_000;
const CLIENTS = Array.from({ length: 256 }, (_, i) => `192.0.2.${i}`);
const PLACE = { listener: 'bench/gw/tcp', route: 'TCPRoute/bench/bench/0' };

const LIMIT: RequestLimit = {
  ...{ type: 'Requests', name: 'bench', key: [{ type: 'ClientAddress' }], when: [], exempt: [], dryRun: false },
  ...{ requests: 1_000_000, period: 1_000, burst: 1_000_000, cost: 1, statusCode: 429 },
};
const NETWORKS = Array.from({ length: 10_000 }, (_, i) => `10.${i >> 8}.${i & 255}.0/25`);

const CASES = {
  'no policy': [],
  '10,000 networks': [
    {
      type: 'StreamAccess',
      settings: { deny: [{ name: 'bench', addresses: NETWORKS, times: [] }], allow: [], shadow: false, unknown: [] },
    },
  ],
  'a limit of connections by time': [{ type: 'StreamLimits', settings: { limits: [LIMIT], unknown: [] } }],
} as const;

function policiesOf(acts: ReadonlyArray<{ type: string; settings: object }>): Policies {
  const policies = new Policies();
  const target = { kind: 'Listener', key: PLACE.listener };
  const attached = acts.map(({ type, settings }) => ({
    ...{ key: `${type}/${PLACE.listener}`, type, target },
    spec: { acts: [{ source: `${type}/bench/bench`, holds: 'Default', settings }] },
  }));
  policies.prepare(attached).swap();
  return policies;
}

function microseconds(policies: Policies): number {
  const before = process.threadCpuUsage();
  for (let i = 0; i < CONNECTIONS; i++) {
    const pass = policies
      .streamChain(PLACE.listener, PLACE.route)
      ?.judge({ ...PLACE, clientAddress: CLIENTS[i % CLIENTS.length]! });
    pass?.end();
  }
  const { user, system } = process.threadCpuUsage(before);
  return (user + system) / CONNECTIONS;
}

for (const [name, acts] of Object.entries(CASES)) {
  const policies = policiesOf(acts);
  const rounds = Array.from({ length: ROUNDS }, () => microseconds(policies)).sort((a, b) => a - b);
  process.stdout.write(`${name.padEnd(34)} ${rounds[ROUNDS >> 1]!.toFixed(3)}\n`);
}
