/**
 * Edits by chance, one after the other and several at once, while clients of several tenants ask. A model says what each
 * answer must be: that of some state which was served while the request was under way, and never another tenant's, never
 * one that a guard keeps back, never none. The seed is in what a failure says: `RANDOM_EDITS_SEED` sets it.
 */
import http from 'node:http';
import { text } from 'node:stream/consumers';
import fc from 'fast-check';
import { afterEach, expect, test } from 'vitest';
import { HTTP, httpRoute, manifests } from './manifest.ts';
import { type Rig, serveManifests } from './rig.ts';

const SEED = Number(process.env.RANDOM_EDITS_SEED ?? Date.now() % 1_000_000);
const TENANTS = ['red', 'green', 'blue'] as const;
const SERVICES = ['one', 'two'] as const;
const ROUTES = 3;
const PREFIXES = ['/a', '/b', '/a/deep', '/b/deep/er', '/c'] as const;
const ROUNDS = 60;
const CLIENTS = 4;
const KEY = 'a key of a client';

type Guard = 'open' | 'key' | 'denied' | 'misspelt';

interface Rule {
  service: string;
  /** Told in each answer. */
  edit: number;
  /** Which of the tenant's routes has it. */
  route: number;
}

interface Tenant {
  rules: Record<string, Rule>;
  guard: Guard;
  /** Changes nothing that clients see: names of routes, the order of objects, policies that let everything pass. */
  dress: { names: number; reversed: boolean; policy: number };
}

type State = Record<string, Tenant>;

const edits = fc.array(
  fc.record({
    tenant: fc.constantFrom(...TENANTS),
    what: fc.constantFrom('rule', 'rule', 'drop', 'move', 'guard', 'dress', 'dress'),
    prefix: fc.constantFrom(...PREFIXES),
    service: fc.constantFrom(...SERVICES),
    number: fc.nat(99),
  }),
  { minLength: 1, maxLength: 3 },
);
type Edit = typeof edits extends fc.Arbitrary<Array<infer E>> ? E : never;

const GUARDS: readonly Guard[] = ['open', 'key', 'denied', 'misspelt'];

function edited(state: State, { tenant: name, what, prefix, service, number }: Edit): void {
  const tenant = state[name]!;
  const rule = tenant.rules[prefix];
  if (what === 'rule') tenant.rules[prefix] = { service, edit: number, route: rule?.route ?? number % ROUTES };
  // One stays, so that each tenant has a route.
  else if (what === 'drop' && prefix !== '/c') delete tenant.rules[prefix];
  else if (what === 'move' && rule !== undefined) rule.route = number % ROUTES;
  else if (what === 'guard') tenant.guard = GUARDS[number % GUARDS.length]!;
  else if (what === 'dress')
    tenant.dress = { names: number % 4, reversed: number % 2 === 0, policy: number % POLICIES.length };
}

const POLICIES: readonly object[] = [
  {},
  { loadBalancing: { type: 'LeastRequest' } },
  { connection: { maxRequests: 2 } },
  { connection: { maxIdle: 1 } },
  { nonsense: true },
];

const SECRET = '/secret';

function objectsOf(name: string, { rules, guard, dress }: Tenant): object[] {
  const within = <T extends { metadata: object }>(object: T) => ({
    ...object,
    metadata: { ...object.metadata, namespace: name },
  });
  const route = (at: string, own: object[]): object =>
    within(
      httpRoute(at, own, { parentRefs: [{ name: 'gw', namespace: 'default' }], hostnames: [`${name}.test`] }) as never,
    );
  const ruleOf = (prefix: string, { service, edit }: Pick<Rule, 'service' | 'edit'>): object => ({
    matches: [{ path: { value: prefix } }],
    filters: [
      {
        type: 'ResponseHeaderModifier',
        responseHeaderModifier: { set: [{ name: 'x-rule', value: `${name} ${prefix} ${edit}` }] },
      },
    ],
    backendRefs: [{ name: service, port: 80 }],
  });
  const routes = Array.from({ length: ROUTES }, (_, at) =>
    Object.entries(rules).filter(([, rule]) => rule.route === at),
  ).flatMap((own, at) =>
    own.length === 0
      ? []
      : [
          route(
            `route-${(at + dress.names) % ROUTES}`,
            own.map(([prefix, rule]) => ruleOf(prefix, rule)),
          ),
        ],
  );
  const policy = (kind: string, at: string, spec: object): object =>
    within({ apiVersion: 'policies.daemun.dev/v1alpha1', kind, metadata: { name: at }, spec });
  const aim = { targetRefs: [{ group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', name: 'secret' }] };
  const objects = [
    ...routes,
    route('secret', [ruleOf(SECRET, { service: 'one', edit: 0 })]),
    ...SERVICES.map((service) =>
      within({ apiVersion: 'v1', kind: 'Service', metadata: { name: service }, spec: { ports: [{ port: 80 }] } }),
    ),
    within({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'keys' }, stringData: { client: KEY } }),
    policy('BackendTrafficPolicy', 'traffic', {
      targetRefs: [{ group: '', kind: 'Service', name: 'one' }],
      ...POLICIES[dress.policy],
    }),
    ...(guard === 'open' ? [] : [policy('AuthenticationPolicy', 'guard', { ...aim, methods: methodsOf(guard) })]),
    ...(guard === 'denied' ? [policy('AccessPolicy', 'denied', { ...aim, deny: [{ addresses: ['0.0.0.0/0'] }] })] : []),
  ];
  return dress.reversed ? objects.reverse() : objects;
}

function methodsOf(guard: Guard): object[] {
  const secretRefs = [{ name: guard === 'misspelt' ? 'kyes' : 'keys' }];
  return [{ apiKey: { secretRefs } }];
}

/** `round`: so that something is new in each, which the rig waits for. */
function written(state: State, round: number): string {
  const listener = { ...HTTP, allowedRoutes: { namespaces: { from: 'All' } } };
  const mark = httpRoute('mark', [{ matches: [{ path: { value: `/${round}` } }] }], { hostnames: ['mark.test'] });
  return manifests([listener], mark, ...TENANTS.flatMap((name) => objectsOf(name, state[name]!)));
}

interface Question {
  tenant: string;
  path: string;
  key: boolean;
}

/** What a state says: the rule's header and the service, or a status; 'denied' is any of a guard's. */
function meant(state: State, { tenant: name, path, key }: Question): string {
  const { rules, guard } = state[name]!;
  if (path === SECRET) {
    const isOpen = guard === 'open' || (guard === 'key' && key);
    return isOpen ? `${name} ${SECRET} 0, one of ${name}` : 'denied';
  }
  const [found] = Object.entries(rules)
    .filter(([prefix]) => path === prefix || path.startsWith(`${prefix}/`))
    .sort(([one], [other]) => other.length - one.length);
  return found === undefined ? '404' : `${name} ${found[0]} ${found[1].edit}, ${found[1].service} of ${name}`;
}

const DENIALS = [401, 403, 500, 503];

class Watchers {
  readonly states: State[];
  /** The first state that may still be served. */
  oldest = 0;
  asked = 0;
  readonly wrong: string[] = [];
  #stopped = false;
  readonly #running: Promise<void>[];
  readonly #agent = new http.Agent({ keepAlive: true });

  constructor(port: number, first: State) {
    this.states = [first];
    this.#running = Array.from({ length: CLIENTS }, (_, at) => this.#run(port, at));
  }

  async #run(port: number, client: number): Promise<void> {
    for (let turn = client; !this.#stopped; turn += 7) {
      const tenant = TENANTS[turn % TENANTS.length]!;
      const all = [...PREFIXES, SECRET, SECRET, '/none'];
      const path = all[turn % all.length]!;
      const question = { tenant, path, key: turn % 5 < 3 };
      const from = this.oldest;
      const answer = await this.#ask(port, question).catch((error: Error) => `${error}`);
      const right = this.states.slice(from).map((state) => meant(state, question));
      this.asked++;
      if (!right.includes(answer)) this.wrong.push(`${JSON.stringify(question)}: ${answer}, not ${right.join(' or ')}`);
    }
  }

  async #ask(port: number, { tenant, path, key }: Question): Promise<string> {
    const answer = await new Promise<http.IncomingMessage>((resolve, reject) => {
      const headers = { host: `${tenant}.test`, ...(key ? { 'x-api-key': KEY } : {}) };
      http.get({ host: '127.0.0.1', port, path, headers, agent: this.#agent }, resolve).on('error', reject);
    });
    const body = await text(answer);
    if (path === SECRET && DENIALS.includes(answer.statusCode!)) return 'denied';
    if (answer.statusCode !== 200) return String(answer.statusCode);
    const { service, namespace } = JSON.parse(body) as { service: string; namespace: string };
    return `${answer.headers['x-rule']}, ${service} of ${namespace}`;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#running);
    this.#agent.destroy();
  }
}

let rig: Rig | undefined;
afterEach(async () => {
  await rig?.close();
  rig = undefined;
});

test(`no edit costs an answer, and none is another one's (seed ${SEED})`, { timeout: 60_000 }, async () => {
  const first: State = Object.fromEntries(
    TENANTS.map((name) => [
      name,
      {
        rules: { '/c': { service: 'one', edit: 0, route: 0 } },
        guard: 'key',
        dress: { names: 0, reversed: false, policy: 0 },
      },
    ]),
  );
  rig = await serveManifests(written(first, 0), { echo: true });
  const watchers = new Watchers(rig.port(), first);
  const { states } = watchers;
  for (const round of fc.sample(edits, { seed: SEED, numRuns: ROUNDS })) {
    const next = structuredClone(states.at(-1)!);
    for (const edit of round) edited(next, edit);
    states.push(next);
    await rig.write(written(next, states.length));
    watchers.oldest = states.length - 1;
    expect(watchers.wrong, `seed ${SEED}, after ${JSON.stringify(round)}`).toEqual([]);
  }
  await watchers.stop();
  expect(watchers.wrong).toEqual([]);
  expect(watchers.asked).toBeGreaterThan(ROUNDS * CLIENTS);
});
