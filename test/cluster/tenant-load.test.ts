/** A tenant who may do everything in one namespace asks for as much as an API server lets him: nobody else waits for it. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { run } from '../protocols/tool.ts';
import { output } from './kubectl.ts';
import { route, Scene } from './scene.ts';
import { object, Tenant } from './tenant.ts';
import { Traffic } from './traffic.ts';

/** Characters of a Secret: an API server takes no more than a mebibyte, in base64. */
const LARGE = 700_000;
const FLOOD = 300;
/** Milliseconds for a change of the owner's to be served meanwhile, on a busy machine. */
const PATIENCE = 10_000;

let scene: Scene;
let tenant: Tenant;
let address: string;

const GATEWAY = `---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: shared }
spec:
  gatewayClassName: daemun
  listeners:
    - { name: owner, port: 80, protocol: HTTP, hostname: "*.owner.example.com" }
    - name: red
      port: 80
      protocol: HTTP
      hostname: "*.red.example.com"
      allowedRoutes:
        namespaces: { from: Selector, selector: { matchLabels: { kubernetes.io/metadata.name: RED } } }
`;

const parent = (sectionName: string): object => ({ name: 'shared', namespace: scene.namespace, sectionName });
const backendRefs = [{ name: 'mine', port: 80 }];

beforeAll(async () => {
  scene = await Scene.open('crowd');
  tenant = await Tenant.open(await scene.namespaceBeside('red'));
  await scene.echo('shop', 2);
  const own = route('shop', { gateway: 'shared', host: 'shop.owner.example.com', service: 'shop' });
  await scene.apply(GATEWAY.replace('RED', tenant.namespace) + own);
  address = await scene.address('shared');
});
afterAll(async () => {
  tenant?.close();
  await scene?.close();
});

async function statusOf(host: string): Promise<string> {
  const args = ['-s', '-m', '10', '-o', '/dev/null', '-w', '%{http_code}', '-H', `Host: ${host}`, `http://${address}/`];
  return (await run('curl', args)).stdout;
}

/** Milliseconds from when a route of the owner's is taken until it is served. */
async function propagation(name: string): Promise<number> {
  const host = `${name}.owner.example.com`;
  await scene.apply(route(name, { gateway: 'shared', host, service: 'shop' }));
  const began = performance.now();
  await expect.poll(() => statusOf(host), { timeout: 60_000, interval: 20 }).toBe('200');
  return performance.now() - began;
}

test('a thousand parents are refused by the API server, and 32 of 16 names and 16 rules are its most', async () => {
  const parentRefs = Array.from({ length: 1000 }, (_, at) => parent(`no-${at}`));
  await expect(tenant.apply([object('HTTPRoute', 'thousand', { spec: { parentRefs } })])).rejects.toThrow(/parentRefs/);
});

/** Each with as much as the CRD lets it have. */
function wide(count: number): object[] {
  const parentRefs = Array.from({ length: 32 }, (_, at) => parent(at === 0 ? 'red' : `no-${at}`));
  const rules = Array.from({ length: 16 }, (_, at) => ({ matches: [{ path: { value: `/${at}` } }], backendRefs }));
  return Array.from({ length: count }, (_, at) => {
    const hostnames = Array.from({ length: 16 }, (_, of) => `w${at}-${of}.red.example.com`);
    return object('HTTPRoute', `wide-${at}`, { spec: { parentRefs, hostnames, rules } });
  });
}

function large(count: number): object[] {
  const name = (at: number): string => `large-${at}`;
  const all = Array.from({ length: count }, (_, at) => at);
  const listeners = all.map((at) => ({
    name: name(at),
    port: 1000 + at,
    protocol: 'HTTPS',
    tls: { certificateRefs: [{ name: name(at) }] },
  }));
  const stringData = { 'tls.crt': 'x'.repeat(LARGE), 'tls.key': 'x' };
  return [
    ...all.map((at) => object('Secret', name(at), { stringData }, 'v1')),
    object('Gateway', 'large', { spec: { gatewayClassName: 'daemun', listeners } }),
  ];
}

test('many routes, many parents and large objects delay no change of others, and fail no request of theirs', async () => {
  const traffic = new Traffic({ address, host: 'shop.owner.example.com', rate: 100, fresh: true });
  try {
    for (const one of large(6)) await tenant.apply([one]);
    const one = { parentRefs: [parent('red')], rules: [{ backendRefs }] };
    const many = Array.from({ length: FLOOD }, (_, at) =>
      object('HTTPRoute', `flood-${at}`, { spec: { ...one, hostnames: [`f${at}.red.example.com`] } }),
    );
    let isOver = false;
    const flood = tenant.apply([...wide(12), ...many]).finally(() => (isOver = true));
    const times: number[] = [];
    while (!isOver) times.push(await propagation(`during-${times.length}`));
    await flood;
    times.push(await propagation('after'));
    expect(times.length).toBeGreaterThan(1);
    expect(Math.max(...times)).toBeLessThan(PATIENCE);
    await expect.poll(async () => (await tenant.told('gateway/large')).join(' ')).toContain('InvalidCertificateRef');
    const path = 'jsonpath={.items[*].status.containerStatuses[*].restartCount}';
    const restarts = await output(['-n', 'daemun-system', 'get', 'pods', '-o', path]);
    expect(restarts.split(' ').every((count) => count === '0')).toBe(true);
  } finally {
    expect((await traffic.stop()).failures).toEqual([]);
  }
});
