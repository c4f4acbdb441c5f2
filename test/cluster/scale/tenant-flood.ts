/**
 * A tenant who may do everything in one namespace asks for as much as an API server lets him: many routes, objects as large and
 * references as many as they may be. Meanwhile the owner of the Gateway makes routes one after another: how long he waits.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { ApiClient, clusterAccess } from '../../../src/sources/cluster/index.ts';
import { object, Tenant } from '../tenant.ts';
import { Asker } from './asker.ts';
import { hostOf, type Stage } from './stage.ts';
import { quantile } from './tally.ts';

const PART = 'tenant';
/** Routes of the owner before the tenant begins, to compare with. */
const BEFORE = 20;
/** Milliseconds between two questions, and between two routes of the owner. */
const PAUSE = { ask: 5, route: 200 };
/** Milliseconds in which the owner's route must be served, and the last of the tenant's routes attached. */
const PATIENCE = { route: 30_000, all: 420_000 };
/** Characters of a Secret: an API server takes no more than a mebibyte, in base64. */
const LARGE = 700_000;
/** Large Secrets; routes with 32 parents, 16 names and 16 rules. */
const [SECRETS, WIDE] = [6, 12];

export async function tenantFlood(stage: Stage, count: number): Promise<void> {
  const namespace = await stage.scene.namespaceBeside('red');
  const tenant = await Tenant.open(namespace);
  const client = new ApiClient(await clusterAccess({ kubeconfig: tenant.kubeconfig }));
  try {
    await letIn(stage, namespace);
    const owner = new Owner(stage);
    for (let at = 0; at < BEFORE; at++) await owner.makesRoute();
    tell(stage, 'the owner waits for a route, before, p50, p99, most', owner.times.splice(0));
    const { done, end } = owner.goesOn();
    try {
      const path = `/apis/gateway.networking.k8s.io/v1/namespaces/${namespace}/httproutes`;
      const began = performance.now();
      await tenant.apply(largeObjects());
      await tenant.apply(wideRoutes(stage));
      await stage.each(count, async (at) => {
        await client.call({ method: 'POST', path, body: routeOf(stage, `flood-${at}`, [`f${at}.red.example.com`]) });
      });
      stage.tally.figure(PART, 'routes of the tenant, all made after', `${count}, ${seconds(began)}`);
      await stage.until(`${count} routes of the tenant`, () => missing(stage, count + WIDE), PATIENCE.all);
      stage.tally.figure(PART, 'and all attached after', seconds(began));
    } finally {
      end();
      await done;
    }
    tell(stage, 'the owner waits for a route, meanwhile, p50, p99, most', owner.times);
  } finally {
    client.close();
    tenant.close();
  }
}

const seconds = (began: number): string => `${((performance.now() - began) / 1000).toFixed(0)} s`;

function tell({ tally }: Stage, what: string, times: number[]): void {
  const said = [quantile(times, 0.5), quantile(times, 0.99), Math.max(...times)].map((time) => `${time.toFixed(0)} ms`);
  tally.figure(PART, what, `${said.join(', ')} of ${times.length}`);
}

/** Makes a route, waits for it, and takes it away. */
class Owner {
  readonly times: number[] = [];
  readonly #stage: Stage;
  readonly #asker: Asker;
  #made = 0;

  constructor(stage: Stage) {
    this.#stage = stage;
    this.#asker = new Asker(stage.address);
  }

  /** From when it is taken until it is served. */
  async makesRoute(): Promise<void> {
    const name = `own-${this.#made++}`;
    await this.#stage.create(this.#stage.routes, this.#stage.route(name, 'a'));
    const began = performance.now();
    while ((await this.#asker.ask(hostOf(name))).status !== 200) {
      if (performance.now() - began > PATIENCE.route) throw new Error(`${name} of the owner is not served`);
      await delay(PAUSE.ask);
    }
    this.times.push(performance.now() - began);
    await this.#stage.remove(`${this.#stage.routes}/${name}`);
  }

  goesOn(): { done: Promise<void>; end(): void } {
    let isOver = false;
    const run = async (): Promise<void> => {
      try {
        while (!isOver) {
          await this.makesRoute();
          await delay(PAUSE.route);
        }
      } catch (error) {
        this.#stage.tally.fail(`${PART}: ${error instanceof Error ? error.message : String(error)}`);
      }
      this.#asker.close();
    };
    return { done: run(), end: () => (isOver = true) };
  }
}

/** A listener of the Gateway takes his routes, for names of his own. */
async function letIn(stage: Stage, namespace: string): Promise<void> {
  const selector = { matchLabels: { 'kubernetes.io/metadata.name': namespace } };
  const red = { allowedRoutes: { namespaces: { from: 'Selector', selector } }, hostname: '*.red.example.com' };
  const http = { port: 80, protocol: 'HTTP' };
  const listeners = [
    { name: 'http', ...http },
    { name: 'red', ...http, ...red },
  ];
  await stage.patch(stage.gateway, { spec: { listeners } });
}

async function missing(stage: Stage, count: number): Promise<string | undefined> {
  const { status } = await stage.client.call<{ status?: { listeners?: Array<{ attachedRoutes: number }> } }>({
    path: stage.gateway,
  });
  const attached = status?.listeners?.[1]?.attachedRoutes ?? 0;
  return attached === count ? undefined : `${attached} are attached`;
}

const parentOf = (stage: Stage, sectionName: string): object => ({
  name: 'edge',
  namespace: stage.namespace,
  sectionName,
});
const backendRefs = [{ name: 'mine', port: 80 }];

function routeOf(stage: Stage, name: string, hostnames: string[]): object {
  return object('HTTPRoute', name, {
    spec: { parentRefs: [parentOf(stage, 'red')], hostnames, rules: [{ backendRefs }] },
  });
}

/** Each with as much as the CRD lets it have. */
function wideRoutes(stage: Stage): object[] {
  const parentRefs = Array.from({ length: 32 }, (_, at) => parentOf(stage, at === 0 ? 'red' : `no-${at}`));
  const rules = Array.from({ length: 16 }, (_, at) => ({ matches: [{ path: { value: `/${at}` } }], backendRefs }));
  return Array.from({ length: WIDE }, (_, at) => {
    const hostnames = Array.from({ length: 16 }, (_, of) => `w${at}-${of}.red.example.com`);
    return object('HTTPRoute', `wide-${at}`, { spec: { parentRefs, hostnames, rules } });
  });
}

function largeObjects(): object[] {
  const names = Array.from({ length: SECRETS }, (_, at) => `large-${at}`);
  const stringData = { 'tls.crt': 'x'.repeat(LARGE), 'tls.key': 'x' };
  const listeners = names.map((name, at) => ({
    name,
    port: 1000 + at,
    protocol: 'HTTPS',
    tls: { certificateRefs: [{ name }] },
  }));
  return [
    ...names.map((name) => object('Secret', name, { stringData }, 'v1')),
    object('Gateway', 'large', { spec: { gatewayClassName: 'daemun', listeners } }),
  ];
}
