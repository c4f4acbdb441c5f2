/** The release lives: installed, upgraded and rolled back by Helm, while requests are answered. */
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { helmProgram } from '../charts/helm.ts';
import { succeed } from '../protocols/tool.ts';
import { output } from './kubectl.ts';
import { gateway, route, Scene } from './scene.ts';
import { Traffic } from './traffic.ts';

const CHART = fileURLToPath(new URL('../../charts/daemun', import.meta.url));
const program = helmProgram('v3');

/** Beside what `deploy:test` has installed: another class, and the CRDs are its. */
const values = (name: string): string[] =>
  [
    `gatewayClass.name=${name}`,
    `controller.names={daemun.dev/${name}}`,
    'crds.install=false',
    'controller.replicas=1',
    `controller.watchNamespaces={${name}}`,
  ].flatMap((value) => ['--set', value]);

describe.runIf(program !== undefined)('a release', () => {
  let scene: Scene;
  let address = '';
  const traffic: Traffic[] = [];

  const helm = async (...args: string[]): Promise<string> =>
    (await succeed(program!, ['-n', scene.namespace, ...args], { timeout: 170_000 })).stdout;

  beforeAll(async () => {
    scene = await Scene.open('release', { 'pod-security.kubernetes.io/enforce': 'restricted' });
    await helm('install', 'daemun', CHART, ...values(scene.namespace), '--wait', '--timeout', '150s');
    await output(['wait', '--for=condition=Accepted', `gatewayclass/${scene.namespace}`, '--timeout=60s']);
  });
  afterAll(async () => {
    for (const one of traffic.splice(0)) await one.stop();
    await helm('uninstall', 'daemun').catch(() => {});
    await scene?.close();
  });

  async function load(): Promise<void> {
    const about = { address, host: 'shop.example.com', rate: 100, clients: 2 };
    traffic.push(new Traffic(about), new Traffic({ ...about, fresh: true }));
    await expect.poll(() => traffic.every(({ sent }) => sent > 50), { timeout: 30_000 }).toBe(true);
  }

  /** What failed of all that was sent; connections that were kept are counted. */
  async function outcome(): Promise<{ failures: string[]; kept: number }> {
    const [kept, fresh] = await Promise.all(traffic.splice(0).map((one) => one.stop()));
    return { failures: [...kept!.failures, ...fresh!.failures], kept: kept!.connections };
  }

  const dataPlanes = async (): Promise<string> =>
    scene.kubectl(
      'get',
      'pods',
      '-l',
      'app.kubernetes.io/component=data-plane',
      '-o',
      'jsonpath={.items[*].metadata.uid}',
    );

  test('installed into a namespace that is restricted, serves the Gateways of its class', async () => {
    await scene.echo('shop');
    await scene.apply(
      gateway('edge').replace('gatewayClassName: daemun', `gatewayClassName: ${scene.namespace}`) +
        route('shop', { gateway: 'edge', host: 'shop.example.com', service: 'shop' }),
    );
    await scene.wait('gateway/edge', 'Programmed');
    address = await scene.address('edge');
    await load();
    expect((await outcome()).failures).toEqual([]);
  });

  test('upgraded and rolled back, changes the controller: no data plane, no connection, no request', async () => {
    const before = await dataPlanes();
    await load();
    const more = ['controller.log.level=debug', 'gatewayClass.parameters.service.labels.tier=edge'];
    await helm('upgrade', 'daemun', CHART, ...values(scene.namespace), '--set', more.join(','), '--wait');
    const tier = (): Promise<string> =>
      scene.kubectl('get', 'service/daemun-edge', '-o', 'jsonpath={.metadata.labels.tier}');
    await expect.poll(tier).toBe('edge');
    await helm('rollback', 'daemun', '1', '--wait');
    await expect.poll(tier).toBe('');
    expect(await scene.kubectl('get', 'daemunparameters', '-o', 'name')).toBe('');
    const { failures, kept } = await outcome();
    expect(failures).toEqual([]);
    expect(kept).toBe(2);
    expect(await dataPlanes()).toBe(before);
  });

  test('upgraded to another image, replaces the data planes, which drain', async () => {
    const before = await dataPlanes();
    await load();
    await helm('upgrade', 'daemun', CHART, ...values(scene.namespace), '--set', 'image.tag=0.1.0-next', '--wait');
    const replaced = async (): Promise<boolean> => {
      const now = (await dataPlanes()).split(' ');
      return now.length > 0 && now.every((uid) => uid !== '' && !before.includes(uid));
    };
    await expect.poll(replaced, { timeout: 150_000, interval: 1000 }).toBe(true);
    expect((await outcome()).failures).toEqual([]);
    await helm('rollback', 'daemun', '--wait');
  });

  test('removed, leaves the CRDs and what users wrote', async () => {
    await helm('uninstall', 'daemun', '--wait');
    expect(await output(['get', 'crd', 'daemunparameters.gateway.daemun.dev', '-o', 'name'])).toContain('daemun');
    expect(await scene.kubectl('get', 'gateway/edge', '-o', 'name')).toContain('edge');
  });
});
