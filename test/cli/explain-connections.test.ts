/** Policies of connections, from clients and towards backends: `explain` says whose each setting is, and where each acts. */
import { expect, test } from 'vitest';
import { daemun, freePort, ServingProcess } from './daemun-process.ts';
import { documents, GATEWAY, gateway, route, service } from './manifest.ts';

const OURS = 'policies.daemun.dev/v1alpha1';

type Target = [kind: 'Gateway' | 'Service', name: string, sectionName?: string];

function policy(kind: string, name: string, [target, spec]: [Target, object]): object {
  const [of, at, sectionName] = target;
  const group = of === 'Service' ? '' : 'gateway.networking.k8s.io';
  const targetRefs = [{ group, kind: of, name: at, ...(sectionName !== undefined && { sectionName }) }];
  const apiVersion = kind === 'BackendTLSPolicy' ? 'gateway.networking.k8s.io/v1' : OURS;
  return { apiVersion, kind, metadata: { name, namespace: 'shop' }, spec: { targetRefs, ...spec } };
}

const EDGE: Target = ['Gateway', 'edge'];
const CART: Target = ['Service', 'cart'];
const LISTENERS = gateway([
  { name: 'http', port: 80, protocol: 'HTTP' },
  { name: 'inner', port: 81, protocol: 'HTTP' },
]);
const [CLASS] = GATEWAY.split('---\n');
const MANIFESTS = `${CLASS}---\n${documents(
  LISTENERS,
  service('cart'),
  service('web'),
  route('shop', { hostname: 'shop.example.com', backend: 'cart' }),
  route('web', { hostname: 'web.example.com', backend: 'web' }),
  policy('ClientTrafficPolicy', 'clients', [EDGE, { body: { maxBytes: 100 }, connection: { maxConnections: 10 } }]),
  policy('ClientTrafficPolicy', 'inner', [['Gateway', 'edge', 'inner'], { pathForm: 'Reject' }]),
  policy('BackendTrafficPolicy', 'towards', [CART, { timeouts: { read: '7s' } }]),
  policy('BackendTLSPolicy', 'tls', [
    CART,
    { validation: { wellKnownCACertificates: 'System', hostname: 'cart.example' } },
  ]),
)}`;

async function ask(...args: string[]) {
  return await daemun(['explain', '-f', '-', ...args], MANIFESTS);
}

test('a request is told whose settings hold for its client and for its backend, in text and in JSON', async () => {
  const { stdout } = await ask('http://shop.example.com/');
  expect(stdout).toContain(
    'Connections  ClientTrafficPolicy/shop/clients (default, through listener shop/edge/http): body.maxBytes 100; connection.maxConnections 10\n',
  );
  expect(stdout).toContain(
    'BackendTrafficPolicy/shop/towards (default, through backend shop/cart:80): timeouts: read 7000 ms\n',
  );
  expect(stdout).toContain(
    'BackendTLSPolicy/shop/tls (default, through backend shop/cart:80): TLS is spoken, as cart.example; authorities: those of the machine\n',
  );
  const { connectionPolicies, backends } = JSON.parse((await ask('http://shop.example.com/', '-o', 'json')).stdout);
  expect(connectionPolicies).toEqual([
    {
      ...{ policy: 'ClientTrafficPolicy/shop/clients', type: 'ClientTraffic', holds: 'Default' },
      ...{ through: 'listener shop/edge/http', effect: 'body.maxBytes 100; connection.maxConnections 10' },
    },
  ]);
  expect(backends[0].policies).toMatchObject([
    { policy: 'BackendTLSPolicy/shop/tls', through: 'backend shop/cart:80' },
    { policy: 'BackendTrafficPolicy/shop/towards', through: 'backend shop/cart:80' },
  ]);
  expect((await ask('http://web.example.com/')).stdout).not.toMatch(/BackendT/);
});

test('a policy that is overridden is not among them', async () => {
  const { stdout } = await ask('http://shop.example.com:81/');
  expect(stdout).toContain(
    'ClientTrafficPolicy/shop/inner (default, through listener shop/edge/inner): pathForm Reject\n',
  );
  expect(stdout).not.toContain('ClientTrafficPolicy/shop/clients');
});

test.each([
  ['clients', ['Listener shop/edge/http'], ['shop', 'web'], 'body.maxBytes 100'],
  ['inner', ['Listener shop/edge/inner'], ['shop', 'web'], 'pathForm Reject'],
  ['towards', ['Backend shop/cart:80'], ['shop'], 'timeouts.read 7000'],
  ['tls', ['Backend shop/cart:80'], ['shop'], 'hostname cart.example'],
])(
  'of %s the objects and rules are listed that it acts on, below what it hangs on',
  async (name, objects, routes, setting) => {
    const { code, stdout } = await ask(`policy/${name}`, '-o', 'json');
    const [stated, ...places] = JSON.parse(stdout);
    expect([code, stated.through]).toEqual([0, 'Gateway shop/edge']);
    expect(places.map(({ through }: { through: string }) => through)).toEqual(objects);
    const rules = routes.map((one) => `HTTPRoute/shop/${one}/0`);
    expect(places.map((one: { rules: string[] }) => one.rules.toSorted())).toEqual(objects.map(() => rules));
    expect(places[0].settings).toContain(setting);
    const text = (await ask(`policy/${name}`)).stdout;
    expect(text).toContain(`(default): ${objects[0]}\n`);
    expect(text).toMatch(new RegExp(`^Rules +${rules[0]}$`, 'm'));
  },
);

test('the address of a Service in the place of its endpoints is a setting, too', async () => {
  const web = { ...service('web'), spec: { clusterIP: '10.96.0.7', ports: [{ name: 'http', port: 80 }] } };
  const whole = policy('BackendTrafficPolicy', 'whole', [['Service', 'web'], { destination: 'ServiceAddress' }]);
  const all = `${CLASS}---\n${documents(LISTENERS, web, route('web', { hostname: 'web.example.com', backend: 'web' }), whole)}`;
  const of = async (asked: string) => (await daemun(['explain', '-f', '-', asked], all)).stdout;
  expect(await of('http://web.example.com/')).toContain(
    'BackendTrafficPolicy/shop/whole (default, through backend shop/web:80): requests go to the address of the Service\n',
  );
  expect(await of('policy/whole')).toContain('destination ServiceAddress');
});

test('of a port that listeners share, whoever decides is named on each', async () => {
  const shared = gateway([
    { name: 'a', port: 80, protocol: 'HTTP', hostname: 'shop.example.com' },
    { name: 'b', port: 80, protocol: 'HTTP', hostname: 'web.example.com' },
  ]);
  const limit = { connection: { maxConnections: 5 } };
  const all = `${CLASS}---\n${documents(
    shared,
    service('cart'),
    route('shop', { hostname: 'shop.example.com', backend: 'cart' }),
    policy('ClientTrafficPolicy', 'limit', [EDGE, limit]),
    policy('ClientTrafficPolicy', 'own', [['Gateway', 'edge', 'a'], { pathForm: 'Reject' }]),
  )}`;
  const { stdout } = await daemun(['explain', '-f', '-', 'http://shop.example.com/', '-o', 'json'], all);
  const told = JSON.parse(stdout).connectionPolicies.map((one: { policy: string; effect: string }) => [
    one.policy,
    one.effect,
  ]);
  expect(told).toEqual([
    ['ClientTrafficPolicy/shop/own', 'pathForm Reject'],
    ['ClientTrafficPolicy/shop/limit', 'connection.maxConnections 5'],
  ]);
});

test('a running gateway says it of what it serves', async () => {
  const port = await freePort();
  const running = await ServingProcess.start({ 'all.yaml': MANIFESTS }, [
    ...['--port-map', `80=${port}`, '--port-map', `81=${await freePort()}`],
  ]);
  try {
    const { stdout } = await daemun(['explain', '--admin', running.admin, `http://shop.example.com:${port}/`]);
    expect(stdout).toContain(
      'Connections  ClientTrafficPolicy/shop/clients (default, through listener shop/edge/http)',
    );
    expect(stdout).toContain('BackendTrafficPolicy/shop/towards (default, through backend shop/cart:80)');
    expect(stdout).toContain('BackendTLSPolicy/shop/tls (default, through backend shop/cart:80)');
    expect((await daemun(['explain', '--admin', running.admin, 'policy/clients'])).stdout).toContain(
      'ClientTrafficPolicy/shop/clients (default): Listener shop/edge/http',
    );
  } finally {
    await running.stop();
  }
});
