/**
 * The Gateway API's CRDs of an older release are replaced by those of $NEXT_CRDS, a folder with a kustomization, under load:
 * kinds and values that come are picked up, and nothing fails or is restarted. Whoever names no folder does not ask.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { run } from '../protocols/tool.ts';
import { kubectl, output } from './kubectl.ts';
import { gateway, route, Scene } from './scene.ts';
import { Traffic } from './traffic.ts';

const HOST = 'shop.example.com';
const { NEXT_CRDS = '' } = process.env;

const NEW_KIND = `---
apiVersion: gateway.networking.k8s.io/v1
kind: ListenerSet
metadata: { name: more }
spec:
  parentRef: { name: edge }
  listeners: [{ name: more, port: 8081, protocol: HTTP }]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: more }
spec:
  parentRefs: [{ kind: ListenerSet, name: more }]
  rules: [{ backendRefs: [{ name: shop, port: 8080 }] }]
`;
const NEW_VALUE = `---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: moved }
spec:
  parentRefs: [{ name: edge }]
  hostnames: [moved.example.com]
  rules: [{ filters: [{ type: RequestRedirect, requestRedirect: { hostname: ${HOST}, statusCode: 308 } }] }]
`;

let scene: Scene;
let address: string;
const traffic: Traffic[] = [];

const supported = (): Promise<string> =>
  output(['get', 'gatewayclass/daemun', '-o', 'jsonpath={.status.conditions[?(@.type=="SupportedVersion")].message}']);
const restarts = (namespace: string): Promise<string> =>
  output([
    '-n',
    namespace,
    'get',
    'pods',
    '-o',
    'jsonpath={.items[*].metadata.uid}{.items[*].status.containerStatuses[*].restartCount}',
  ]);
async function ask(host: string, port = 80): Promise<string> {
  const args = [
    '-s',
    '-m',
    '10',
    '-o',
    '/dev/null',
    '-w',
    '%{http_code}',
    '-H',
    `Host: ${host}`,
    `http://${address}:${port}/`,
  ];
  return (await run('curl', args)).stdout;
}

beforeAll(async () => {
  expect(NEXT_CRDS).not.toBe('');
  scene = await Scene.open('release');
  await scene.echo('shop', 2);
  const sets = '  allowedListeners: { namespaces: { from: Same } }\n';
  await scene.apply(gateway('edge', sets) + route('shop', { gateway: 'edge', host: HOST, service: 'shop' }));
  address = await scene.address('edge');
});
afterAll(async () => {
  for (const one of traffic.splice(0)) await one.stop();
  await scene?.close();
});

test('what the older release lacks is told, and refused by the API server', async () => {
  const log = (): Promise<string> =>
    kubectl(['-n', 'daemun-system', 'logs', 'deployment/daemun-controller', '--tail=1000']);
  await expect.poll(log).toContain('ListenerSet is not served by this cluster, which has Gateway API');
  expect(await supported()).toContain('they do not keep');
  await expect(scene.apply(NEW_KIND)).rejects.toThrow(
    /no matches for kind "ListenerSet"|could not find the requested resource/,
  );
  await expect(scene.apply(NEW_VALUE)).rejects.toThrow(/statusCode/);
});

test('the newer release brings it, under load: nothing fails, and nothing is restarted', async () => {
  const about = { address, host: HOST, rate: 100, clients: 4 };
  traffic.push(new Traffic(about), new Traffic({ ...about, fresh: true }));
  await expect.poll(() => traffic.every(({ sent }) => sent > 50)).toBe(true);
  const pods = async (): Promise<string[]> => [await restarts('daemun-system'), await restarts(scene.namespace)];
  const [before, told] = [await pods(), await supported()];
  await kubectl(['apply', '--server-side', '--force-conflicts', '-k', NEXT_CRDS], { timeout: 120_000 });
  await output(['wait', '--for=condition=Established', 'crd/listenersets.gateway.networking.k8s.io', '--timeout=60s']);
  await expect.poll(supported, { timeout: 60_000 }).not.toBe(told);
  const applied = (): Promise<boolean> =>
    scene.apply(NEW_KIND + NEW_VALUE).then(
      () => true,
      () => false,
    );
  await expect.poll(applied).toBe(true);
  await expect.poll(() => ask('more.example.com', 8081), { timeout: 60_000 }).toBe('200');
  await expect.poll(() => ask('moved.example.com'), { timeout: 60_000 }).toBe('308');
  for (const what of ['listenerset/more', 'gateway/edge']) await scene.wait(what, 'Programmed', 60);
  const outcomes = await Promise.all(traffic.splice(0).map((one) => one.stop()));
  expect(outcomes.flatMap(({ failures }) => failures)).toEqual([]);
  expect(await pods()).toEqual(before);
});
