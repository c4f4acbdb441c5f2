/** Data planes are replaced under 500 requests a second, on whichever network they are: none fails. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { kubectl } from './kubectl.ts';
import { gateway, route, Scene } from './scene.ts';
import { Traffic } from './traffic.ts';

const RATE = 500;
const HOST = 'shop.example.com';

let scene: Scene;
const traffic: Traffic[] = [];

const parameters = (name: string, spec: object): string =>
  `---\n${JSON.stringify({ apiVersion: 'gateway.daemun.dev/v1alpha1', kind: 'DaemunParameters', metadata: { name }, spec })}\n`;

const POD = { resources: { requests: { cpu: '10m' } } };

interface Case {
  name: string;
  /** One that nothing else has on a node. */
  port: number;
  workload: 'deployment' | 'daemonset';
  spec: object;
}

const CASES: readonly Case[] = [
  {
    name: 'local',
    port: 80,
    workload: 'deployment',
    spec: { replicas: 2, service: { externalTrafficPolicy: 'Local' }, pod: POD },
  },
  {
    name: 'nodes',
    port: 18_081,
    workload: 'daemonset',
    spec: { workload: 'DaemonSet', service: { type: 'ClusterIP' }, pod: { ...POD, hostNetwork: true } },
  },
  {
    name: 'node',
    port: 18_082,
    workload: 'deployment',
    spec: { service: { type: 'ClusterIP' }, pod: { ...POD, hostNetwork: true } },
  },
];

beforeAll(async () => {
  scene = await Scene.open('rollout');
  await scene.echo('shop', 2);
});
afterEach(async () => {
  for (const one of traffic.splice(0)) await one.stop();
  // Whoever comes next on the node's network would share the port with what is left there.
  await scene.kubectl('delete', 'gateways', '--all');
  const pods = (): Promise<string> =>
    scene.kubectl('get', 'pods', '-l', 'gateway.networking.k8s.io/gateway-name', '-o', 'name');
  await expect.poll(pods, { timeout: 100_000, interval: 1000 }).toBe('');
});
afterAll(() => scene?.close());

async function rolledOut(workload: string, label: string): Promise<void> {
  await kubectl(['-n', scene.namespace, 'rollout', 'status', workload, '--timeout=150s'], { timeout: 160_000 });
  // Those that were replaced have ended, and none of them badly.
  const pods = (): Promise<string> =>
    scene.kubectl('get', 'pods', '-l', label, '-o', 'jsonpath={.items[*].metadata.deletionTimestamp}');
  await expect.poll(pods, { timeout: 120_000, interval: 1000 }).toBe('');
}

describe.each(CASES)('$name: $spec', ({ name, port, workload, spec }) => {
  const label = `gateway.networking.k8s.io/gateway-name=${name}`;
  const reference = `  infrastructure: { parametersRef: { group: gateway.daemun.dev, kind: DaemunParameters, name: ${name} } }\n`;

  test('pods that are restarted, and that take another form, fail no request', async () => {
    const edge = gateway(name, reference).replace('port: 80', `port: ${port}`);
    await scene.apply(parameters(name, spec) + edge + route(name, { gateway: name, host: HOST, service: 'shop' }));
    const address = await scene.address(name);
    const healthPort = (): Promise<string> =>
      scene.kubectl('get', `service/daemun-${name}`, '-o', 'jsonpath={.spec.healthCheckNodePort}{.metadata.uid}');
    const before = await healthPort();
    const about = { address, port, host: HOST, rate: RATE / 2, clients: 8 };
    traffic.push(new Traffic(about), new Traffic({ ...about, fresh: true }));
    await expect.poll(() => traffic.every(({ sent }) => sent > 50)).toBe(true);
    // On a node's network that is two forms, the first of which is ended while it starts.
    await scene.kubectl('rollout', 'restart', `${workload}/daemun-${name}`);
    await rolledOut(`${workload}/daemun-${name}`, label);
    await scene.apply(parameters(name, { ...spec, logLevel: 'debug' }));
    await rolledOut(`${workload}/daemun-${name}`, label);
    const outcomes = await Promise.all(traffic.splice(0).map((one) => one.stop()));
    console.log(`${name}: ${outcomes.reduce((sum, { sent }) => sum + sent, 0)} requests`);
    expect(outcomes.flatMap(({ failures }) => failures)).toEqual([]);
    expect(await healthPort()).toBe(before);
  });
});
