/** What a controller tells the data planes of each Gateway, and what it makes of their answers. */
import { afterEach, expect, test, vi } from 'vitest';
import { Authority } from '../tls/authority.ts';
import { Scene, type SceneOptions } from './scene.ts';

const closing: Array<() => Promise<void>> = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

const CLASS = `
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: { name: daemun }
spec: { controllerName: daemun.dev/gateway-controller }
`;

const gateway = (name: string, more = ''): string => `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { namespace: infra, name: ${name} }
spec:
  gatewayClassName: daemun
  listeners:
    - { name: http, port: 80, protocol: HTTP, allowedRoutes: { namespaces: { from: All } } }
${more}`;

const route = (name: string, parent: string, path = '/'): string => `
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { namespace: infra, name: ${name} }
spec:
  parentRefs: [{ name: ${parent} }]
  rules: [{ matches: [{ path: { value: ${path} } }], backendRefs: [{ name: web, port: 80 }] }]
`;

const WEB = `
apiVersion: v1
kind: Service
metadata: { namespace: infra, name: web }
spec: { ports: [{ port: 80 }] }
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { namespace: infra, name: web-1, labels: { kubernetes.io/service-name: web } }
addressType: IPv4
ports: [{ port: 8080 }]
endpoints: [{ addresses: [10.1.0.1] }]
`;

const all = (...documents: string[]): string => [CLASS, WEB, ...documents].join('---');
const rule = (name: string): string => `RouteRule/HTTPRoute/infra/${name}/0`;

async function sceneOf(manifests: string, options: SceneOptions = {}): Promise<Scene> {
  const scene = await Scene.open(manifests, options);
  closing.push(() => scene.close());
  return scene;
}

const SERVES = 'True Programmed: every data plane serves it';
const WAITS = 'Unknown Pending: not every data plane has acknowledged it yet';
const EDGE = 'Gateway/infra/edge';

/** What is said of a Gateway's own address is another's to give: its route tells whether data planes serve it. */
const isServed = (scene: Scene, name = 'a') =>
  vi.waitFor(() => expect(scene.condition(`HTTPRoute/infra/${name}`)).toBe(SERVES));

test('nothing is programmed before a data plane has acknowledged it', async () => {
  const scene = await sceneOf(all(gateway('edge'), route('a', 'edge')));
  expect(scene.condition('HTTPRoute/infra/a')).toBe(WAITS);
  expect(scene.condition(EDGE)).toBe(WAITS);
  const plane = scene.dataPlane('infra/edge', 'edge-1');
  plane.hold();
  await vi.waitFor(() => expect(plane.deltas).toHaveLength(1));
  expect(scene.condition('HTTPRoute/infra/a')).toBe(WAITS);
  plane.proceed();
  await isServed(scene);
  expect(scene.condition(EDGE)).toBe('False AddressNotAssigned: no address is assigned yet');
  expect(scene.control.listeners()).toMatchObject([
    { key: 'infra/edge/http', state: 'serving', bound: ['10.0.0.1:80'] },
  ]);
});

test('a change goes alone, and is programmed when all data planes serve it', async () => {
  const scene = await sceneOf(all(gateway('edge'), route('a', 'edge')));
  const [one, other] = [scene.dataPlane('infra/edge', 'edge-1'), scene.dataPlane('infra/edge', 'edge-2')];
  await vi.waitFor(() => expect(scene.fleets.at('infra/edge')?.names).toHaveLength(2));
  other.hold();
  scene.write(all(gateway('edge'), route('a', 'edge', '/next'), route('b', 'edge', '/b')));
  await vi.waitFor(() => expect(one.deltas).toHaveLength(2));
  expect(one.deltas[1]!.upserts.map(({ kind, key }) => `${kind}/${key}`).sort()).toEqual([rule('a'), rule('b')]);
  await vi.waitFor(() => expect(scene.condition('HTTPRoute/infra/b')).toBe(WAITS));
  other.proceed();
  await isServed(scene, 'b');
  await isServed(scene, 'a');
});

test('an object that a data plane cannot use says so, with the name of the pod, and the others are programmed', async () => {
  const scene = await sceneOf(all(gateway('edge'), route('a', 'edge'), route('b', 'edge', '/b')));
  scene.dataPlane('infra/edge', 'edge-1');
  const plane = scene.dataPlane('infra/edge', 'edge-2');
  plane.refuses.set(rule('b'), 'it is from the future');
  await vi.waitFor(() =>
    expect(scene.condition('HTTPRoute/infra/b')).toBe(
      'False Invalid: DMN_CONFIG_INVALID: edge-2: it is from the future',
    ),
  );
  await isServed(scene, 'a');
  plane.refuses.clear();
  scene.write(all(gateway('edge'), route('a', 'edge'), route('b', 'edge', '/better')));
  await isServed(scene, 'b');
});

test('a pod that starts takes nothing away, one that leaves is not waited for, and one that breaks for a while only', async () => {
  const scene = await sceneOf(all(gateway('edge'), route('a', 'edge')), { awayGrace: 300 });
  const first = scene.dataPlane('infra/edge', 'edge-1');
  await isServed(scene);
  const second = scene.dataPlane('infra/edge', 'edge-2');
  second.hold();
  await vi.waitFor(() => expect(second.deltas).toHaveLength(1));
  expect(scene.condition('HTTPRoute/infra/a')).toBe(SERVES);
  second.proceed();
  await vi.waitFor(() => expect(scene.fleets.at('infra/edge')?.names).toHaveLength(2));
  second.hold();
  scene.write(all(gateway('edge'), route('a', 'edge', '/next')));
  await vi.waitFor(() => expect(scene.condition('HTTPRoute/infra/a')).toBe(WAITS));
  second.leave();
  await isServed(scene);
  first.close();
  await vi.waitFor(() => expect(scene.fleets.at('infra/edge')?.connected).toBe(1));
  expect(scene.condition('HTTPRoute/infra/a')).toBe(SERVES);
  // None is left that counts.
  await vi.waitFor(() => expect(scene.condition('HTTPRoute/infra/a')).toBe(WAITS));
});

test('each Gateway has its own objects and keys, and no token opens another', async () => {
  const authority = await Authority.make('Shop Root');
  const tls = (name: string): string => `    - name: https
      port: 443
      protocol: HTTPS
      tls: { certificateRefs: [{ name: ${name}-tls }] }
`;
  const secret = async (name: string): Promise<{ key: string; text: string }> => {
    const pair = await authority.sign({ dns: [`${name}.test`] });
    const data = { 'tls.crt': btoa(pair.certificate), 'tls.key': btoa(pair.privateKey) };
    const metadata = { namespace: 'infra', name: `${name}-tls` };
    const text = JSON.stringify({ apiVersion: 'v1', kind: 'Secret', metadata, type: 'kubernetes.io/tls', data });
    return { key: pair.privateKey, text: `\n${text}\n` };
  };
  const [one, two] = [await secret('one'), await secret('two')];
  const manifests = (extra = ''): string =>
    all(
      gateway('one', tls('one')),
      gateway('two', tls('two')),
      one.text,
      two.text,
      route('a', 'one'),
      route('b', 'two'),
      ...(extra ? [extra] : []),
    );
  const scene = await sceneOf(manifests());
  const first = scene.dataPlane('infra/one', 'one-1');
  // Whoever holds a token of the one has nothing of the other, whatever name it gives itself.
  const stolen = scene.dataPlane('infra/two', 'one-1');
  await isServed(scene, 'a');
  await isServed(scene, 'b');
  scene.write(manifests(route('c', 'one', '/c')));
  await isServed(scene, 'c');
  const escaped = (pem: string): string => JSON.stringify(pem).slice(1, -1);
  expect(first.seen).toContain(escaped(one.key));
  expect(first.seen).not.toContain(escaped(two.key));
  expect(stolen.seen).toContain(escaped(two.key));
  for (const word of [escaped(one.key), 'infra/one', rule('a'), rule('c')]) expect(stolen.seen).not.toContain(word);
});

const policy = (kind: string, target: string, spec: string): string => `
apiVersion: policies.daemun.dev/v1alpha1
kind: ${kind}
metadata: { namespace: infra, name: p }
spec:
  targetRefs: [{ group: gateway.networking.k8s.io, kind: Gateway, name: ${target} }]
  ${spec}
`;

test('a policy says what a data plane cannot use of it, until that takes it or is gone', async () => {
  const access = (method: string) => policy('AccessPolicy', 'edge', `deny: [{ methods: [${method}] }]`);
  const site = (method: string) => all(gateway('edge'), route('a', 'edge'), access(method));
  const key = 'AccessPolicy/infra/p';
  const scene = await sceneOf(site('PUT'), { awayGrace: 5 });
  scene.dataPlane('infra/edge', 'edge-1');
  await isServed(scene);
  expect([scene.condition(key), scene.condition(key, 'Accepted')]).toEqual([
    undefined,
    'True Accepted: accepted; enforced on 1 route',
  ]);
  const newer = scene.dataPlane('infra/edge', 'edge-2');
  newer.refuses.set('Policy/Access/infra/edge/http', 'it knows no methods');
  const refused = /^False Invalid: DMN_CONFIG_INVALID: edge-2: it knows no methods; the last form /;
  await vi.waitFor(() => expect(scene.condition(key)).toMatch(refused));
  expect(scene.condition(key, 'Accepted')).toBe('True Accepted: accepted');
  // What it says of a form holds for that form.
  newer.refuses.clear();
  scene.write(site('POST'));
  await vi.waitFor(() => expect(scene.condition(key)).toBeUndefined());
  newer.refuses.set('Policy/Access/infra/edge/http', 'it knows no methods');
  scene.write(site('PATCH'));
  await vi.waitFor(() => expect(scene.condition(key)).toMatch(refused));
  newer.close();
  await vi.waitFor(() => expect(scene.condition(key)).toBeUndefined());
});

test('a policy that a data plane serves with less says so, for as long as there is such a data plane', async () => {
  const cache = policy('ResponsePolicy', 'edge', 'cache: { disk: {} }');
  const scene = await sceneOf(all(gateway('edge'), route('a', 'edge'), cache), { awayGrace: 5 });
  const plane = scene.dataPlane('infra/edge', 'edge-1');
  const policyKey = 'ResponsePolicy/infra/p';
  plane.lies = {
    shortfalls: [
      { policy: policyKey, message: 'has no disk' },
      { policy: 'ResponsePolicy/infra/other', message: 'is none of its own' },
    ],
  };
  await vi.waitFor(() => expect(scene.condition(policyKey)).toBe('False PartlyProgrammed: edge-1: has no disk'));
  expect([...scene.control.pipeline.acks.values()].flatMap(({ shortfalls = [] }) => shortfalls)).toHaveLength(1);
  const next = scene.dataPlane('infra/edge', 'edge-2');
  await vi.waitFor(() => expect(next.deltas).toHaveLength(1));
  plane.close();
  await vi.waitFor(() => expect(scene.condition(policyKey)).toBeUndefined());
});

test("what a data plane says of another Gateway's objects counts for nothing", async () => {
  const scene = await sceneOf(all(gateway('one'), gateway('two'), route('a', 'one'), route('b', 'two')));
  scene.dataPlane('infra/one', 'one-1');
  await isServed(scene, 'a');
  const liar = scene.dataPlane('infra/two', 'one-1');
  const no = { code: 'DMN_PORT_IN_USE', message: 'taken' };
  liar.lies = {
    version: 1_000_000,
    listeners: [
      { key: 'infra/one/http', state: 'failed', bound: [], ...no },
      { key: 'infra/two/http', state: 'serving', bound: ['10.0.0.2:80'] },
    ],
    rejected: [
      { kind: 'RouteRule', key: 'HTTPRoute/infra/a/0', ...no },
      { kind: 'Listener', key: 'infra/one/http', ...no },
    ],
    refusedEndpoints: [{ key: 'infra/none:80', endpoint: '10.1.0.1:8080', message: 'is a lie', left: 0 }],
    shortfalls: [{ policy: 'ResponsePolicy/infra/none', message: 'is a lie' }],
  };
  await isServed(scene, 'b');
  expect(scene.condition('HTTPRoute/infra/a')).toBe(SERVES);
  expect(scene.control.problems().filter(({ message }) => message.includes('is a lie'))).toEqual([]);
  const views = scene.control.listeners();
  expect(views.map(({ key, state }) => `${key} ${state}`)).toEqual([
    'infra/one/http serving',
    'infra/two/http serving',
  ]);
  // It cannot say in advance that it serves what is still to come.
  liar.lies = {};
  liar.hold();
  scene.write(all(gateway('one'), gateway('two'), route('a', 'one'), route('b', 'two', '/next')));
  await vi.waitFor(() => expect(scene.condition('HTTPRoute/infra/b')).toBe(WAITS));
});

test('the data planes of a Gateway that is deleted are told to serve nothing, and one that comes again is as any other', async () => {
  const scene = await sceneOf(all(gateway('edge'), gateway('other'), route('a', 'edge')));
  const plane = scene.dataPlane('infra/edge', 'edge-1');
  await isServed(scene);
  scene.write(all(gateway('other'), route('a', 'edge')));
  await vi.waitFor(() => expect([...plane.config.objects()]).toEqual([]));
  await vi.waitFor(() => expect(plane.state.why).toBe('refused (gateway): there is no Gateway infra/edge here'));
  expect(scene.control.pipeline.acks.size).toBe(0);
  expect(
    Array.from(scene.control.pipeline.deliveries.entries(), ([key]) => key).filter((key) => key.includes('edge')),
  ).toEqual([]);
  scene.write(all(gateway('edge'), gateway('other'), route('a', 'edge')));
  await isServed(scene);
});

test('data planes serve on while the class of their Gateway is not there, whatever changes and whoever starts anew, and follow when it is back', async () => {
  const scene = await sceneOf(all(gateway('edge'), gateway('other'), route('a', 'edge')));
  const plane = scene.dataPlane('infra/edge', 'edge-1');
  const held = (): string[] => Array.from(plane.config.objects(), ({ kind, key }) => `${kind}/${key}`);
  await isServed(scene);
  const before = plane.deltas.length;
  const classless = [WEB, gateway('edge'), gateway('other'), route('a', 'edge'), route('b', 'edge', '/b')].join('---');
  scene.write(classless);
  await vi.waitFor(() => expect(scene.control.pipeline.config.size).toBe(0));
  // Somebody else's class is no news of this one.
  scene.write(`${classless}---${CLASS.replace('name: daemun }', 'name: elsewhere }')}`);
  await vi.waitFor(() => expect(scene.control.pipeline.source.collections.GatewayClass.size).toBe(1));
  await scene.end();
  await scene.begin();
  const connected = (): number | undefined => scene.fleets.at('infra/edge')?.connected;
  expect(connected()).toBe(0);
  expect(held()).toContain(rule('a'));
  expect(plane.deltas).toHaveLength(before);
  scene.write(all(gateway('edge'), gateway('other'), route('b', 'edge', '/b')));
  await isServed(scene, 'b');
  expect(held()).toContain(rule('b'));
  expect(held()).not.toContain(rule('a'));
});

test("where a class comes back as another controller's, its Gateways have nothing to serve", async () => {
  const scene = await sceneOf(all(gateway('edge'), route('a', 'edge')));
  const plane = scene.dataPlane('infra/edge', 'edge-1');
  await isServed(scene);
  scene.write([WEB, gateway('edge'), route('a', 'edge')].join('---'));
  await vi.waitFor(() => expect(scene.control.pipeline.config.size).toBe(0));
  expect([...plane.config.objects()]).not.toEqual([]);
  scene.write(all(gateway('edge'), route('a', 'edge')).replace('daemun.dev/gateway-controller', 'other.example/it'));
  await vi.waitFor(() => expect([...plane.config.objects()]).toEqual([]), { timeout: 5000 });
});

test('a controller that starts anew is told what is served, and has nothing to send', async () => {
  const scene = await sceneOf(all(gateway('edge'), route('a', 'edge')));
  const plane = scene.dataPlane('infra/edge', 'edge-1');
  await isServed(scene);
  const before = plane.deltas.length;
  await scene.end();
  await scene.begin();
  expect(scene.condition('HTTPRoute/infra/a')).toBe(WAITS);
  await isServed(scene);
  expect(plane.deltas).toHaveLength(before);
});

test('what a policy is asked to forget is done when all data planes of each Gateway say so', async () => {
  const kept = (id: string): string => `
apiVersion: policies.daemun.dev/v1alpha1
kind: ResponsePolicy
metadata: { namespace: infra, name: kept, annotations: { policies.daemun.dev/purge: '[{"id":"${id}"}]' } }
spec:
  targetRefs: [{ group: gateway.networking.k8s.io, kind: HTTPRoute, name: a }]
  cache: {}
`;
  const scene = await sceneOf(all(gateway('edge'), route('a', 'edge'), kept('one')));
  const purged = () => scene.condition('ResponsePolicy/infra/kept', 'Purged');
  expect(purged()).toBe('Unknown Pending: one: not every data plane has acknowledged it yet');
  scene.dataPlane('infra/edge', 'edge-1');
  const slow = scene.dataPlane('infra/edge', 'edge-2');
  await vi.waitFor(() => expect(purged()).toBe('True Purged: one: every data plane has forgotten it'));
  await vi.waitFor(() => expect(scene.fleets.at('infra/edge')?.names).toHaveLength(2));
  slow.hold();
  scene.write(all(gateway('edge'), route('a', 'edge'), kept('two')));
  await vi.waitFor(() => expect(purged()).toBe('Unknown Pending: two: not every data plane has acknowledged it yet'));
  slow.proceed();
  await vi.waitFor(() => expect(purged()).toBe('True Purged: two: every data plane has forgotten it'));
});
