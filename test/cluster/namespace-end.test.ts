/** A namespace that goes with its Gateways, on which routes of others hang: judged to the end, and nobody else is hurt. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { kubectl, output } from './kubectl.ts';
import { route, Scene } from './scene.ts';
import { Traffic } from './traffic.ts';

const PATIENCE = 300_000;

let scene: Scene;
let doomed: string;
let address: string;

const all = { namespaces: { from: 'All' } };
const listeners = [{ name: 'l0', port: 80, protocol: 'HTTP', hostname: '*.l0.example.com', allowedRoutes: all }];
const gateway = (name: string): object => ({
  apiVersion: 'gateway.networking.k8s.io/v1',
  kind: 'Gateway',
  metadata: { name },
  spec: { gatewayClassName: 'daemun', listeners },
});
const httpRoute = (name: string, spec: object, labels: Record<string, string> = {}): object => ({
  apiVersion: 'gateway.networking.k8s.io/v1',
  kind: 'HTTPRoute',
  metadata: { name, labels },
  spec,
});
const text = (...items: object[]): string => JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
const backendRefs = [{ name: 'shop', port: 8080 }];

interface Parent {
  parentRef: { name: string; namespace?: string };
  conditions: Array<{ type: string; status: string }>;
}

interface Listed {
  items: Array<{ metadata: { name: string }; status?: { parents?: Parent[] } }>;
}

beforeAll(async () => {
  scene = await Scene.open('namespace-end');
  doomed = await scene.namespaceBeside('doomed');
  await scene.echo('shop', 2);
  await scene.apply(text(gateway('many')));
  await scene.apply(route('shop', { gateway: 'many', host: 'shop.l0.example.com', service: 'shop' }));
  await scene.applyHere(text(gateway('first'), gateway('second')), doomed);
  address = await scene.address('many');
}, 300_000);
afterAll(async () => {
  await scene?.close();
});

async function routes(selector: string): Promise<Listed['items']> {
  const listed = await kubectl(['-n', scene.namespace, 'get', 'httproutes', '-l', selector, '-o', 'json']);
  return (JSON.parse(listed) as Listed).items;
}

const isAccepted = ({ conditions }: Parent): boolean =>
  ['Accepted', 'Programmed'].every((type) => conditions.some((one) => one.type === type && one.status === 'True'));

async function restarts(): Promise<string[]> {
  const path = 'jsonpath={.items[*].status.containerStatuses[*].restartCount}';
  return (await output(['-n', 'daemun-system', 'get', 'pods', '-o', path])).split(' ');
}

test('a namespace that goes takes its data planes with it, and what hangs on its Gateways elsewhere is served on', async () => {
  for (const name of ['first', 'second']) {
    await kubectl(['-n', doomed, 'wait', '--for=condition=Programmed', `gateway/${name}`, '--timeout=120s'], {
      timeout: 130_000,
    });
  }
  const parentRefs = [
    { name: 'many', sectionName: 'l0' },
    { name: 'first', namespace: doomed },
    { name: 'second', namespace: doomed },
  ];
  const hanging = Array.from({ length: 30 }, (_, at) =>
    httpRoute(
      `h${at}`,
      { parentRefs, hostnames: [`h${at}.l0.example.com`], rules: [{ backendRefs }] },
      { of: 'hanging' },
    ),
  );
  await scene.apply(text(...hanging));
  const parents = async (): Promise<number[]> =>
    (await routes('of=hanging')).map(({ status }) => status?.parents?.filter(isAccepted).length ?? 0);
  await expect.poll(parents, { timeout: PATIENCE, interval: 500 }).toEqual(hanging.map(() => 3));
  const hosts = ['shop.l0.example.com', ...hanging.map((_, at) => `h${at}.l0.example.com`)];
  const traffic = new Traffic({ address, host: hosts, rate: 100, fresh: true });
  try {
    await kubectl(['delete', 'namespace', doomed, '--timeout=120s'], { timeout: 130_000 });
    await expect.poll(parents, { timeout: PATIENCE, interval: 500 }).toEqual(hanging.map(() => 1));
    const entries = (await routes('of=hanging')).flatMap(({ status }) => status?.parents ?? []);
    expect(entries.every(({ parentRef: { name } }) => name === 'many')).toBe(true);
    const kinds = 'deployments,services,serviceaccounts,pods,networkpolicies,poddisruptionbudgets';
    const selector = 'gateway.networking.k8s.io/gateway-name in (first,second)';
    expect(await output(['get', kinds, '-A', '-l', selector, '-o', 'name'])).toBe('');
    expect((await restarts()).every((count) => count === '0')).toBe(true);
  } finally {
    expect((await traffic.stop()).failures).toEqual([]);
  }
}, 600_000);
