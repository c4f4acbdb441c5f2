/** What a user does, with the programs that a user has. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { run } from '../protocols/tool.ts';
import { output } from './kubectl.ts';
import { gateway, route, Scene } from './scene.ts';

let scene: Scene;

beforeAll(async () => {
  scene = await Scene.open('user');
  await scene.echo('shop', 2);
  await scene.apply(gateway('edge') + route('shop', { gateway: 'edge', host: 'shop.example.com', service: 'shop' }));
});
afterAll(() => scene?.close());

/** As scripts do it that were written for other implementations. */
const SCRIPT = `
set -euo pipefail
kubectl wait --for=condition=Accepted gateway/edge --timeout=60s
kubectl wait --for=condition=Programmed gateway/edge --timeout=120s
for type in Accepted Programmed ResolvedRefs; do
  kubectl wait httproute/shop --timeout=60s --for=jsonpath='{.status.parents[0].conditions[?(@.type=="'$type'")].status}'=True
done
service=$(kubectl get service -l gateway.networking.k8s.io/gateway-name=edge -o jsonpath='{.items[0].metadata.name}')
kubectl get endpointslices -l kubernetes.io/service-name="$service" -o jsonpath='{.items[*].endpoints[*].addresses[0]}' | grep .
address=$(kubectl get gateway/edge -o jsonpath='{.status.addresses[0].value}')
curl --fail --silent --show-error --max-time 10 -H 'Host: shop.example.com' "http://$address/hello"
test "$(curl --silent --max-time 10 -o /dev/null -w '%{http_code}' -H 'Host: other.example.com' "http://$address/")" = 404
echo done
`;

test("a user's script applies, waits, and is answered", async () => {
  await output(['config', 'view', '--minify']);
  const script = SCRIPT.replaceAll('kubectl ', `kubectl -n ${scene.namespace} `);
  const { code, stdout, stderr } = await run('bash', ['-c', script], { timeout: 170_000 });
  expect(stderr).toBe('');
  expect(code).toBe(0);
  expect(stdout).toContain('"path": "/hello"');
  expect(stdout.trimEnd()).toMatch(/done$/);
});

test('what kubectl shows of them reads well', async () => {
  await scene.wait('gateway/edge', 'Programmed');
  const lines = (await scene.kubectl('get', 'gateways,httproutes')).split('\n');
  expect(lines[0]!.split(/\s+/)).toEqual(['NAME', 'CLASS', 'ADDRESS', 'PROGRAMMED', 'AGE']);
  expect(lines[1]).toMatch(/^gateway\.gateway\.networking\.k8s\.io\/edge +daemun +[\d.:a-f]+ +True +\d+\w+$/);
  expect(lines.slice(3).join('\n')).toMatch(/httproute\S*\/shop +\["shop\.example\.com"\] +\d+\w+/);
  const described = await scene.kubectl('describe', 'gateway/edge');
  expect(described).toMatch(/Type: +Programmed/);
  expect(described).toMatch(/Attached Routes: +1/);
  expect(described).not.toMatch(/Message: *\n/);
  const all = await output(['get', 'gateways,httproutes', '-A']);
  expect(all).toContain(`${scene.namespace} `);
});

test('a mistake is told on its object, and hurts no other', async () => {
  await scene.apply(route('broken', { gateway: 'edge', host: 'broken.example.com', service: 'nowhere' }));
  const path = 'jsonpath={.status.parents[0].conditions[?(@.type=="ResolvedRefs")]}';
  const read = async (): Promise<{ status?: string; reason?: string; message?: string }> =>
    JSON.parse((await scene.kubectl('get', 'httproute/broken', '-o', path)) || '{}') as object;
  await expect.poll(async () => (await read()).reason, { timeout: 30_000 }).toBe('BackendNotFound');
  expect((await read()).message).toContain('nowhere');
  const address = await scene.address('edge');
  const { stdout } = await run('curl', ['-s', '-m', '10', '-H', 'Host: shop.example.com', `http://${address}/`]);
  expect(stdout).toContain('"namespace"');
});

test('what was made for a Gateway goes with it', async () => {
  await scene.apply(gateway('short'));
  await scene.wait('gateway/short', 'Programmed');
  const made = (): Promise<string> =>
    scene.kubectl(
      ...['get', 'deployments,services,serviceaccounts,configmaps,networkpolicies,pods', '-o', 'name'],
      ...['-l', 'gateway.networking.k8s.io/gateway-name=short'],
    );
  expect(await made()).toMatch(/deployment[\s\S]*service/);
  await scene.kubectl('delete', 'gateway/short');
  await expect.poll(made, { timeout: 150_000, interval: 1000 }).toBe('');
});
