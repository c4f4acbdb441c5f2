/**
 * The CRDs of an older release of the chart, without two kinds and a field, and then those of this one, by `helm upgrade` and
 * under load: what guards guards all the time, and what is new works without a restart.
 */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { helmProgram } from '../charts/helm.ts';
import { run, succeed } from '../protocols/tool.ts';
import { kubectl, output } from './kubectl.ts';
import { gateway, route, Scene } from './scene.ts';
import { Traffic } from './traffic.ts';

const CHART = fileURLToPath(new URL('../../charts/daemun', import.meta.url));
const GROUP = 'policies.daemun.dev';
const NEW_KINDS = ['authenticationpolicies', 'rewritepolicies'];
const program = helmProgram('v3');

/** Kinds go with all their objects: where somebody has some, the cluster is no test's. */
async function isFree(): Promise<boolean> {
  const there = await Promise.all(
    NEW_KINDS.map((kind) => output(['get', `${kind}.${GROUP}`, '-A', '-o', 'name']).catch(() => '')),
  );
  return there.every((names) => names === '');
}

interface Crd {
  spec: { versions: Array<{ schema: { openAPIV3Schema: { properties: { spec: { properties: object } } } } }> };
}

/** The chart as it was before two kinds and `loadBalancing` came. */
function olderChart(folder: string): string {
  const chart = join(folder, 'daemun');
  cpSync(CHART, chart, { recursive: true });
  const crds = join(chart, 'files', 'crd');
  for (const kind of ['authenticationpolicy', 'rewritepolicy']) rmSync(join(crds, `${GROUP}_${kind}.yaml`));
  const path = join(crds, `${GROUP}_backendtrafficpolicy.yaml`);
  const crd = parse(readFileSync(path, 'utf8')) as Crd;
  const { spec } = crd.spec.versions[0]!.schema.openAPIV3Schema.properties;
  spec.properties = { ...spec.properties, loadBalancing: undefined };
  writeFileSync(path, stringify(crd));
  return chart;
}

const policy = (kind: string, name: string, spec: object): string =>
  `---\n${JSON.stringify({ apiVersion: `${GROUP}/v1alpha1`, kind, metadata: { name }, spec })}\n`;
const targetRefs = [{ group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', name: 'shop' }];
const BALANCING = policy('BackendTrafficPolicy', 'shop', {
  targetRefs: [{ group: '', kind: 'Service', name: 'shop' }],
  loadBalancing: { type: 'LeastRequest' },
});

describe.runIf(program !== undefined)('CRDs of an older release', () => {
  let scene: Scene;
  let folder: string;
  let address: string;
  const traffic: Traffic[] = [];

  const helm = async (...args: string[]): Promise<string> =>
    (await succeed(program!, ['-n', scene.namespace, ...args], { timeout: 170_000 })).stdout;
  const values = (): string[] =>
    [
      `gatewayClass.name=${scene.namespace}`,
      `controller.names={daemun.dev/${scene.namespace}}`,
      'controller.replicas=1',
      `controller.watchNamespaces={${scene.namespace}}`,
    ].flatMap((value) => ['--set', value]);

  async function ask(path: string): Promise<{ status: string; body: string }> {
    const args = ['-s', '-m', '10', '-w', '\n%{http_code}', '-H', 'Host: shop.example.com', `http://${address}${path}`];
    const { stdout } = await run('curl', args);
    const end = stdout.lastIndexOf('\n');
    return { status: stdout.slice(end + 1), body: stdout.slice(0, end) };
  }

  const log = (): Promise<string> => scene.kubectl('logs', 'deployment/daemun-controller', '--tail=1000');
  const restarts = (): Promise<string> =>
    scene.kubectl(
      'get',
      'pods',
      '-o',
      'jsonpath={.items[*].metadata.uid}{.items[*].status.containerStatuses[*].restartCount}',
    );
  const balancing = (): Promise<string> =>
    scene.kubectl('get', 'backendtrafficpolicy/shop', '-o', 'jsonpath={.spec.loadBalancing.type}');

  beforeAll(async () => {
    if (!(await isFree()))
      throw new Error(`there are objects of ${NEW_KINDS.join(' or ')}: their CRDs would take them along`);
    folder = mkdtempSync(join(tmpdir(), 'daemun-crds-'));
    scene = await Scene.open('upgrade');
    await kubectl(['delete', 'crd', '--ignore-not-found', ...NEW_KINDS.map((kind) => `${kind}.${GROUP}`)]);
    // Whoever applied them before, they are the release's now.
    await helm('install', 'daemun', olderChart(folder), ...values(), '--take-ownership', '--wait', '--timeout', '150s');
    await scene.echo('shop');
    await scene.apply(
      gateway('edge').replace('gatewayClassName: daemun', `gatewayClassName: ${scene.namespace}`) +
        route('shop', { gateway: 'edge', host: 'shop.example.com', service: 'shop' }) +
        policy('AccessPolicy', 'guard', { targetRefs, deny: [{ paths: [{ value: '/private' }] }] }),
    );
    // As a client that asks for no validation does it: the field is dropped without a word.
    const careless = ['apply', '-n', scene.namespace, '--validate=false', '-f', '-'];
    await kubectl(careless, { input: BALANCING });
    address = await scene.address('edge');
  });
  afterAll(async () => {
    for (const one of traffic.splice(0)) await one.stop();
    await helm('uninstall', 'daemun').catch(() => {});
    await kubectl(['apply', '--server-side', '--force-conflicts', '-f', join(CHART, 'files', 'crd')]);
    if (folder !== undefined) rmSync(folder, { recursive: true });
    await scene?.close();
  });

  test('are told with the way out, and what they have is served', async () => {
    const missing =
      "AuthenticationPolicy and RewritePolicy are not served by this cluster: apply the CRDs of Daemun's chart";
    await expect.poll(log).toContain(missing);
    await expect
      .poll(log)
      .toContain('BackendTrafficPolicy CRD is older than this controller and drops spec.loadBalancing');
    expect(await balancing()).toBe('');
    await expect(scene.apply(policy('RewritePolicy', 'none', { targetRefs }))).rejects.toThrow(/no matches for kind/);
    await expect.poll(async () => (await ask('/')).status).toBe('200');
    await expect.poll(async () => (await ask('/private')).status).toBe('403');
  });

  test('are those of this release after `helm upgrade`: nothing is restarted, no request fails, and the guard never opens', async () => {
    const about = { address, host: 'shop.example.com', rate: 250, clients: 4 };
    traffic.push(new Traffic(about), new Traffic({ ...about, fresh: true }));
    const private_ = new Set<string>();
    let isOver = false;
    const watching = (async () => {
      while (!isOver) private_.add((await ask('/private')).status);
    })();
    await expect.poll(() => traffic.every(({ sent }) => sent > 50)).toBe(true);
    const before = await restarts();
    await helm('upgrade', 'daemun', CHART, ...values(), '--wait');
    await output([
      'wait',
      '--for=condition=Established',
      'crd',
      ...NEW_KINDS.map((kind) => `${kind}.${GROUP}`),
      '--timeout=60s',
    ]);
    const paths = [{ pattern: '^/old/(.*)$', substitution: '/new/$1' }];
    await expect
      .poll(() =>
        scene.apply(policy('RewritePolicy', 'shop', { targetRefs, paths }) + BALANCING).then(
          () => true,
          () => false,
        ),
      )
      .toBe(true);
    expect(await balancing()).toBe('LeastRequest');
    await expect.poll(async () => (await ask('/old/a')).body, { timeout: 60_000 }).toContain('"path": "/new/a"');
    isOver = true;
    await watching;
    const outcomes = await Promise.all(traffic.splice(0).map((one) => one.stop()));
    expect(outcomes.flatMap(({ failures }) => failures)).toEqual([]);
    expect([...private_]).toEqual(['403']);
    expect(await restarts()).toBe(before);
  });

  test('rolled back, keep the kinds that came, and what users wrote with them', async () => {
    await helm('rollback', 'daemun', '1', '--wait');
    expect(await scene.kubectl('get', 'rewritepolicy/shop', '-o', 'jsonpath={.spec.paths[0].substitution}')).toBe(
      '/new/$1',
    );
    expect((await ask('/old/a')).body).toContain('"path": "/new/a"');
    expect((await ask('/private')).status).toBe('403');
  });
});
