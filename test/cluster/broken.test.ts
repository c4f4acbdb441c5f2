/** What cannot work is told on its object, with the way out, and every object that can work does so all along. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Broken, brokenObjects } from './broken-objects.ts';
import { kubectl } from './kubectl.ts';
import { gateway, route, Scene } from './scene.ts';
import { Traffic } from './traffic.ts';

const GOOD = 100;
const hosts = Array.from({ length: GOOD }, (_, at) => `good-${at + 1}.example.com`);

let scene: Scene;
let beside: string;
let address: string;

const LISTENERS = `    - { name: tight, port: 8081, protocol: HTTP, hostname: tight.example.com }
    - { name: tcp, port: 8082, protocol: TCP }
    - { name: udp, port: 8083, protocol: UDP }
    - { name: tls, port: 8443, protocol: TLS, hostname: "*.example.com", tls: { mode: Passthrough } }
  allowedListeners: { namespaces: { from: Same } }
`;

const service = (name: string, appProtocol = 'http'): object => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name },
  spec: { ports: [{ name: 'http', port: 8080, appProtocol }] },
});

/** What broken objects lead to: nothing of it serves anybody. */
function surroundings(): object[] {
  const victims = [1, 2, 3, 4, 5, 6].map((at) => `victim-${at}`);
  return [
    service('odd', 'kubernetes.io/odd'),
    ...victims.map((name) => service(name)),
    {
      apiVersion: 'gateway.networking.k8s.io/v1',
      kind: 'HTTPRoute',
      metadata: { name: 'victims' },
      spec: {
        parentRefs: [{ name: 'edge', sectionName: 'http' }],
        hostnames: ['victims.example.com'],
        rules: victims.map((name) => ({
          matches: [{ path: { value: `/${name}` } }],
          backendRefs: [{ name, port: 8080 }],
        })),
      },
    },
    { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'no-pem' }, data: { 'ca.crt': 'nothing' } },
    secret('no-pem', { 'tls.crt': 'nothing', 'tls.key': 'nothing' }),
    secret('empty', {}),
  ];
}

const secret = (name: string, stringData: object): object => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name },
  stringData,
});

const listed = (items: readonly object[]): string => JSON.stringify({ apiVersion: 'v1', kind: 'List', items });

beforeAll(async () => {
  scene = await Scene.open('broken');
  beside = await scene.namespaceBeside('b');
  await scene.echo('shop', 2);
  const good = hosts.map((host, at) =>
    route(`good-${at + 1}`, { gateway: 'edge', host, service: 'shop' }).replace(
      'name: edge }',
      'name: edge, port: 80 }',
    ),
  );
  await scene.apply(gateway('edge', LISTENERS) + good.join(''));
  await scene.apply(listed(surroundings()));
  address = await scene.address('edge');
});
afterAll(() => scene?.close());

interface Condition {
  type: string;
  status: string;
  reason: string;
  message: string;
}

/** Of an object, wherever its status has them. */
function conditionsIn(status: unknown): Condition[] {
  if (typeof status !== 'object' || status === null) return [];
  const { conditions, ...rest } = status as { conditions?: Condition[] };
  return [...(conditions ?? []), ...Object.values(rest).flatMap(conditionsIn)];
}

async function statuses(namespace: string): Promise<Map<string, string[]>> {
  const kinds =
    'gateways,listenersets,httproutes,grpcroutes,tlsroutes,tcproutes,udproutes,backendtlspolicies,clienttrafficpolicies,backendtrafficpolicies,ratelimitpolicies,accesspolicies,authenticationpolicies,faultpolicies,responsepolicies,rewritepolicies';
  const all = JSON.parse(await kubectl(['-n', namespace, 'get', kinds, '-o', 'json'])) as {
    items: Array<{ kind: string; metadata: { name: string }; status?: object }>;
  };
  return new Map(
    all.items.map(({ kind, metadata, status }) => [
      `${kind}/${metadata.name}`,
      conditionsIn(status).map(({ type, status: is, reason, message }) => `${type}=${is} ${reason} ${message}`),
    ]),
  );
}

async function untold(all: readonly Broken[]): Promise<string[]> {
  const here = await statuses(scene.namespace);
  const there = await statuses(beside);
  return all.flatMap(({ object, says }) => {
    const { kind, metadata } = object;
    const of = metadata.namespace === undefined ? here : there;
    const said = of.get(`${kind}/${metadata.name}`) ?? [];
    return said.some((one) => says.test(one)) ? [] : [`${kind}/${metadata.name} ${says}: ${said.join(' | ')}`];
  });
}

test('70 broken objects among 100 good ones are each told, and no request of the good ones fails', async () => {
  const traffic = [
    new Traffic({ address, host: hosts, rate: 100 }),
    new Traffic({ address, host: hosts, rate: 100, fresh: true }),
  ];
  try {
    // Each of the good ones has been asked.
    await expect.poll(() => traffic.every(({ sent }) => sent > 2 * GOOD), { timeout: 30_000 }).toBe(true);
    const broken = brokenObjects(beside);
    expect(broken.length).toBeGreaterThanOrEqual(70);
    const objects = broken.map(({ object }) => object);
    await scene.applyHere(listed(objects.filter(({ metadata }) => metadata.namespace === undefined)), scene.namespace);
    await scene.applyHere(listed(objects.filter(({ metadata }) => metadata.namespace === beside)), beside);
    await expect.poll(() => untold(broken), { timeout: 60_000, interval: 1000 }).toEqual([]);
    // Whoever describes one of them finds it, too.
    expect(await scene.kubectl('describe', 'gateway/edge')).toMatch(/Type: +Programmed/);
    const events = await scene.kubectl(
      'get',
      'events',
      '-o',
      'jsonpath={.items[*].regarding.name}{.items[*].involvedObject.name}',
    );
    expect(events).toMatch(/bad-\d\d/);
    // They go as they came.
    await scene.kubectl('delete', 'httproutes,listenersets,gateways', '-l', 'test=broken', '--wait=false');
    const sent = traffic.map((one) => one.sent);
    await expect
      .poll(() => traffic.every((one, at) => one.sent > sent[at]! + 2 * GOOD), { timeout: 60_000 })
      .toBe(true);
  } finally {
    const outcomes = await Promise.all(traffic.map((one) => one.stop()));
    expect(outcomes.flatMap(({ failures }) => failures)).toEqual([]);
  }
});
