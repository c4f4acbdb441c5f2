/** Under constant load no change costs a request. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { kubectl } from './kubectl.ts';
import { gateway, route, Scene } from './scene.ts';
import { Traffic } from './traffic.ts';

/** Requests a second, of those that keep their connection and of those that do not. */
const RATE = 500;

let scene: Scene;
let address: string;
const traffic: Traffic[] = [];

beforeAll(async () => {
  scene = await Scene.open('change');
  await Promise.all([scene.echo('a', 2), scene.echo('b', 1)]);
  await scene.apply(gateway('edge') + route('shop', { gateway: 'edge', host: 'shop.example.com', service: 'a' }));
  await scene.wait('gateway/edge', 'Programmed');
  address = await scene.address('edge');
});
afterEach(async () => {
  for (const one of traffic.splice(0)) await one.stop();
});
afterAll(() => scene?.close());

async function load(): Promise<void> {
  const about = { address, host: 'shop.example.com', rate: RATE / 2, clients: 8 };
  traffic.push(new Traffic(about), new Traffic({ ...about, fresh: true }));
  await expect.poll(() => traffic.every(({ sent }) => sent > 50), { timeout: 30_000 }).toBe(true);
}

/** What failed, of all that was sent. */
async function failures(): Promise<string[]> {
  const outcomes = await Promise.all(traffic.splice(0).map((one) => one.stop()));
  for (const { sent } of outcomes) expect(sent).toBeGreaterThan(50);
  return outcomes.flatMap((one) => one.failures);
}

const rollout = (namespace: string, what: string): Promise<string> =>
  kubectl(['-n', namespace, 'rollout', 'status', what, '--timeout=150s'], { timeout: 160_000 });

const dataPlane = async (): Promise<string> =>
  scene.kubectl('get', 'deployment', '-l', 'gateway.networking.k8s.io/gateway-name=edge', '-o', 'name');

describe('no request fails', () => {
  test('while a route flips its backend and a filter', async () => {
    await load();
    for (let i = 0; i < 20; i++) {
      const service = i % 2 === 0 ? 'b' : 'a';
      const filters =
        i % 2 === 0
          ? []
          : [{ type: 'ResponseHeaderModifier', responseHeaderModifier: { set: [{ name: 'x-at', value: String(i) }] } }];
      const patch = { spec: { rules: [{ filters, backendRefs: [{ name: service, port: 8080 }] }] } };
      await scene.kubectl('patch', 'httproute/shop', '--type=merge', '-p', JSON.stringify(patch));
    }
    await expect.poll(() => traffic.every(({ sent }) => sent > 200), { timeout: 30_000 }).toBe(true);
    expect(await failures()).toEqual([]);
  });

  test('while the controller starts again', async () => {
    await load();
    await kubectl(['-n', 'daemun-system', 'rollout', 'restart', 'deployment/daemun-controller']);
    await rollout('daemun-system', 'deployment/daemun-controller');
    // And what it does then is served, too.
    await scene.apply(route('later', { gateway: 'edge', host: 'later.example.com', service: 'a' }));
    const path = 'jsonpath={.status.parents[0].conditions[?(@.type=="Programmed")].status}';
    await expect.poll(() => scene.kubectl('get', 'httproute/later', '-o', path), { timeout: 60_000 }).toBe('True');
    expect(await failures()).toEqual([]);
  });

  test('while the data planes are replaced', async () => {
    await load();
    const deployment = await dataPlane();
    await scene.kubectl('rollout', 'restart', deployment);
    await rollout(scene.namespace, deployment);
    // Those that were replaced drain.
    await expect
      .poll(() => scene.kubectl('get', 'pods', '-l', 'gateway.networking.k8s.io/gateway-name=edge', '-o', 'name'), {
        timeout: 120_000,
        interval: 1000,
      })
      .not.toContain('\n');
    expect(await failures()).toEqual([]);
  });

  test('while backends are replaced', async () => {
    await load();
    await scene.kubectl('rollout', 'restart', 'deployment/a', 'deployment/b');
    await Promise.all([rollout(scene.namespace, 'deployment/a'), rollout(scene.namespace, 'deployment/b')]);
    expect(await failures()).toEqual([]);
  });
});
