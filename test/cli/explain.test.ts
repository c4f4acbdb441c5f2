import { expect, test } from 'vitest';
import { daemun, freePort, ServingProcess } from './daemun-process.ts';
import { documents, GATEWAY, gateway, route, service } from './manifest.ts';

const RULES = [
  {
    name: 'all',
    backendRefs: [
      { name: 'web', port: 80, weight: 3 },
      { name: 'canary', port: 80, weight: 1 },
    ],
  },
  {
    name: 'cart',
    matches: [{ path: { type: 'PathPrefix', value: '/cart' }, method: 'GET' }],
    filters: [{ type: 'URLRewrite', urlRewrite: { path: { type: 'ReplacePrefixMatch', replacePrefixMatch: '/v2' } } }],
    backendRefs: [{ name: 'cart', port: 80 }],
  },
];
const shop = {
  ...route('shop', { hostname: 'shop.example.com', backend: 'web' }),
  spec: { parentRefs: [{ name: 'edge' }], hostnames: ['shop.example.com'], rules: RULES },
};
const MANIFESTS = `${GATEWAY}---\n${documents(service('web'), service('canary'), service('cart'), shop)}`;

async function explained(...args: string[]) {
  return await daemun(['explain', '-f', '-', ...args], MANIFESTS);
}

test('the text tells listener, rule, why it won, filters, backends and the answer', async () => {
  const { code, stdout } = await explained('http://shop.example.com/cart/7?x=1');
  expect(stdout).toContain('shop/edge/http (HTTP, port 80, any hostname)');
  expect(stdout).toContain('HTTPRoute shop/shop, rule 1 "cart", match 0 (PathPrefix /cart, GET)');
  expect(stdout).toMatch(/Goes before +HTTPRoute shop\/shop, rule 0 "all", match 0 \(PathPrefix \/\): longer path/);
  expect(stdout).toContain('URLRewrite: path becomes /v2/7?x=1');
  expect(stdout).toContain('100 %  shop/cart:80 (http) -> no endpoints: 503');
  expect(stdout).toContain('503: no backend has an endpoint');
  expect(code).toBe(1);
});

test('the answer is not promised where a policy may refuse the request', async () => {
  const policy = (kind: string, spec: object): object => ({
    apiVersion: 'policies.daemun.dev/v1alpha1',
    kind,
    metadata: { name: 'guard', namespace: 'shop' },
    spec: { targetRefs: [{ group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', name: 'shop' }], ...spec },
  });
  const office = policy('AccessPolicy', { allow: [{ name: 'office', addresses: ['10.0.0.0/8'] }] });
  const pages = policy('ResponsePolicy', { compression: {} });
  const ask = async (...policies: object[]): Promise<string> =>
    (
      await daemun(
        ['explain', '-f', '-', '--echo-backends', 'http://shop.example.com/cart'],
        `${MANIFESTS}---\n${documents(...policies)}`,
      )
    ).stdout;
  expect(await ask(office, pages)).toMatch(/^Answer +a backend answers, if AccessPolicy\/shop\/guard let it pass$/m);
  expect(await ask(pages)).toMatch(/^Answer +a backend answers$/m);
});

test('method and headers are part of the question, and weights of the answer', async () => {
  const { stdout } = await explained('http://shop.example.com/cart', '-X', 'POST', '-H', 'x-a: 1', '-o', 'json');
  const { request, match, backends } = JSON.parse(stdout);
  expect(request).toMatchObject({ method: 'POST', headers: [['x-a', '1']] });
  expect(match.candidates[match.chosen].rule.name).toBe('all');
  expect(backends.map(({ key, share }: { key: string; share: number }) => [key, share])).toEqual([
    ['shop/web:80', 0.75],
    ['shop/canary:80', 0.25],
  ]);
});

test('a rule that is dropped is named, and all other requests are explained', async () => {
  const guard = {
    matches: [{ path: { type: 'PathPrefix', value: '/admin' } }],
    filters: [{ type: 'RequestHeaderModifier', requestHeaderModifier: { set: [{ name: 'Connection', value: 'x' }] } }],
  };
  const spoilt = { ...shop, spec: { ...shop.spec, rules: [...RULES, guard] } };
  const manifests = `${GATEWAY}---\n${documents(service('web'), service('canary'), service('cart'), spoilt)}`;
  const ask = (path: string) => daemun(['explain', '-f', '-', `http://shop.example.com${path}`], manifests);
  expect((await ask('/cart')).stdout).toContain('HTTPRoute shop/shop, rule 1 "cart"');
  const { stdout, code } = await ask('/admin');
  expect(stdout).toContain('500: spec.rules[2].filters[0].requestHeaderModifier.set[0].name: header Connection is');
  expect(code).toBe(1);
});

test('a path is explained as it is served, and a refusal as one', async () => {
  const spelled = await explained('http://shop.example.com//c%61rt/7?x=%61');
  expect(spelled.stdout).toContain('GET http://shop.example.com:80/cart/7?x=%61');
  expect(spelled.stdout).toContain('sent as //c%61rt/7?x=%61: matched and forwarded in normal form');
  expect(spelled.stdout).toContain('HTTPRoute shop/shop, rule 1 "cart"');
  const dots = await explained('http://shop.example.com/x/../cart');
  expect(dots.stdout).toContain("400: The path holds a '.' or '..' segment");
  expect(dots.code).toBe(1);
  const strict = `${MANIFESTS}---\n${documents({
    apiVersion: 'policies.daemun.dev/v1alpha1',
    kind: 'ClientTrafficPolicy',
    metadata: { name: 'strict', namespace: 'shop' },
    spec: {
      targetRefs: [{ group: 'gateway.networking.k8s.io', kind: 'Gateway', name: 'edge' }],
      pathForm: 'Reject',
    },
  })}`;
  const refused = await daemun(['explain', '-f', '-', 'http://shop.example.com//cart'], strict);
  expect(refused.stdout).toContain('400: The path is not in normal form');
});

test('where nothing matches, it tells what there is', async () => {
  const host = await explained('http://other.example.com/');
  expect(host.code).toBe(1);
  expect(host.stdout).toContain('no route here takes other.example.com; there are routes for shop.example.com');
  const port = await explained('https://shop.example.com/');
  expect(port.stdout).toContain('none has port 443 for https; there is port 80');
  expect((await explained('nonsense')).code).toBe(2);
});

test('a listener that cannot be served says why', async () => {
  const tls = { certificateRefs: [{ name: 'missing' }] };
  const only = documents(gateway([{ name: 'https', port: 443, protocol: 'HTTPS', tls }]));
  const { stdout } = await daemun(
    ['explain', '-f', '-', 'https://a.example.com/'],
    `${GATEWAY.split('---\n')[0]}---\n${only}`,
  );
  expect(stdout).toMatch(/listener https of Gateway shop\/edge is not served: .*Secret shop\/missing/);
});

test('a running gateway answers status and explain through its admin address, by the ports that clients use', async () => {
  const port = await freePort();
  const running = await ServingProcess.start({ 'all.yaml': MANIFESTS }, [
    '--port-map',
    `80=${port}`,
    '--echo-backends',
  ]);
  try {
    const status = await daemun(['status', '--admin', running.admin]);
    expect(status.code).toBe(0);
    expect(status.stdout).toMatch(/Gateway shop\/edge +Accepted .*Programmed/);
    expect(status.stdout).toMatch(/HTTPRoute shop\/shop, parent shop\/edge +.*Programmed/);
    const { code, stdout } = await daemun([
      'explain',
      '--admin',
      running.admin,
      `http://shop.example.com:${port}/cart`,
    ]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/shop\/cart:80 \(http\) -> 127\.0\.0\.1:\d+/);
  } finally {
    await running.stop();
  }
});

test('status says where nobody answers', async () => {
  const admin = `127.0.0.1:${await freePort()}`;
  const { code, stderr } = await daemun(['status', '--admin', admin]);
  expect(code).toBe(1);
  expect(stderr).toContain(`no gateway answers at http://${admin}/status`);
});

test('a Gateway whose listener has a hostname says so where it takes no other', async () => {
  const only = documents(gateway([{ name: 'http', port: 80, protocol: 'HTTP', hostname: 'a.example.com' }]));
  const { stdout } = await daemun(
    ['explain', '-f', '-', 'http://b.example.com/'],
    `${GATEWAY.split('---\n')[0]}---\n${only}`,
  );
  expect(stdout).toContain('none takes b.example.com; hostnames on this port: a.example.com');
});

const LIMITS = documents({
  apiVersion: 'policies.daemun.dev/v1alpha1',
  kind: 'RateLimitPolicy',
  metadata: { name: 'few', namespace: 'shop' },
  spec: {
    targetRefs: [{ group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', name: 'shop', sectionName: 'cart' }],
    limits: [{ name: 'each', requests: 5, per: 'Second', key: [{ type: 'ClientAddress' }] }],
  },
});

test('policies that act on a request are told, and where one of them acts', async () => {
  const both = `${MANIFESTS}---\n${LIMITS}`;
  const ask = async (...words: string[]) => (await daemun(['explain', '-f', '-', ...words], both)).stdout;
  const told = 'RateLimitPolicy/shop/few (default, through rule HTTPRoute/shop/shop/1): each: 5 in 1 s, 5 at once';
  expect(await ask('http://shop.example.com/cart')).toContain(told);
  expect(await ask('http://shop.example.com/')).not.toContain('RateLimitPolicy');
  for (const name of ['few', 'shop/few', 'RateLimitPolicy/shop/few']) {
    expect(await ask(`policy/${name}`)).toContain(
      'RateLimitPolicy/shop/few (default): RouteRule HTTPRoute/shop/shop/1',
    );
  }
  const { code, stdout } = await daemun(['explain', '-f', '-', 'policy/none'], both);
  expect([code, stdout]).toEqual([1, expect.stringContaining('no policy none acts on anything')]);
  expect(stdout).toContain('there are RateLimitPolicy/shop/few');
});

test('a policy that cannot be followed acts in each place once', async () => {
  const broken = {
    apiVersion: 'policies.daemun.dev/v1alpha1',
    kind: 'AccessPolicy',
    metadata: { name: 'broken', namespace: 'shop' },
    spec: {
      targetRefs: [{ group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', name: 'shop', sectionName: 'cart' }],
      deny: [{ cel: '(' }],
    },
  };
  const { stdout } = await daemun(['explain', '-f', '-', 'policy/broken'], `${MANIFESTS}---\n${documents(broken)}`);
  expect(stdout.match(/AccessPolicy\/shop\/broken \(default\): RouteRule HTTPRoute\/shop\/shop\/1/g)).toHaveLength(1);
});

test('a policy of a Gateway or a Service names the rules that it acts on: not those that have one of their own', async () => {
  const guard = (name: string, target: object): object => ({
    apiVersion: 'policies.daemun.dev/v1alpha1',
    kind: 'AccessPolicy',
    metadata: { name, namespace: 'shop' },
    spec: { targetRefs: [target], deny: [{ methods: ['PUT'] }] },
  });
  const api = { group: 'gateway.networking.k8s.io' };
  const all = documents(
    guard('outer', { ...api, kind: 'Gateway', name: 'edge' }),
    guard('own', { ...api, kind: 'HTTPRoute', name: 'shop', sectionName: 'cart' }),
    guard('behind', { group: '', kind: 'Service', name: 'cart' }),
  );
  const ask = async (name: string): Promise<string> =>
    (await daemun(['explain', '-f', '-', `policy/${name}`], `${MANIFESTS}---\n${all}`)).stdout;
  expect(await ask('outer')).toMatch(
    /^Acts on +AccessPolicy\/shop\/outer \(default\): Listener shop\/edge\/http\nRules +HTTPRoute\/shop\/shop\/0\n$/m,
  );
  expect(await ask('behind')).toMatch(/: Backend shop\/cart:80\nRules +HTTPRoute\/shop\/shop\/1\n$/m);
  expect(await ask('own')).not.toContain('Rules');
});

test('TLS to a backend is told, and whom it must be', async () => {
  const tls = {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'BackendTLSPolicy',
    metadata: { name: 'tls', namespace: 'shop' },
    spec: {
      targetRefs: [{ group: '', kind: 'Service', name: 'cart' }],
      validation: { wellKnownCACertificates: 'System', hostname: 'cart.example' },
    },
  };
  const args = ['explain', '-f', '-', 'http://shop.example.com/cart'];
  const { stdout } = await daemun(args, `${MANIFESTS}---\n${documents(tls)}`);
  expect(stdout).toContain('shop/cart:80 (http over TLS, as cart.example) -> no endpoints');
});

test('a policy that gives way to another with its target, or has none, acts on nothing, and says so', async () => {
  const answers = (name: string, target: string): object => ({
    apiVersion: 'policies.daemun.dev/v1alpha1',
    kind: 'ResponsePolicy',
    metadata: { name, namespace: 'shop' },
    spec: {
      targetRefs: [{ group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', name: target }],
      securityHeaders: { frameOptions: 'DENY' },
    },
  });
  const all = documents(answers('first', 'shop'), answers('second', 'shop'), answers('stray', 'gone'));
  const ask = (name: string) => daemun(['explain', '-f', '-', `policy/${name}`], `${MANIFESTS}---\n${all}`);
  for (const [name, where] of [
    ['second', 'Gateway shop/edge'],
    ['stray', 'HTTPRoute shop/gone'],
  ]) {
    const { code, stdout } = await ask(name!);
    expect([code, stdout]).toEqual([1, expect.not.stringContaining('Acts on')]);
    expect(stdout).toContain(`Not accepted ResponsePolicy/shop/${name} (default): ${where}`);
  }
  const first = await ask('first');
  expect([first.code, first.stdout]).toEqual([0, expect.stringContaining('Acts on      ResponsePolicy/shop/first')]);
});

test('a policy that refuses is named with its reason, in text, in JSON and by the exit status', async () => {
  const office = {
    apiVersion: 'policies.daemun.dev/v1alpha1',
    kind: 'AccessPolicy',
    metadata: { name: 'office', namespace: 'shop' },
    spec: {
      targetRefs: [{ group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', name: 'shop' }],
      allow: [{ name: 'office', addresses: ['10.0.0.0/8'] }],
    },
  };
  const ask = (...args: string[]) =>
    daemun(
      ['explain', '-f', '-', '--echo-backends', 'http://shop.example.com/', ...args],
      `${MANIFESTS}---\n${documents(office)}`,
    );
  const out = await ask('--client-address', '192.0.2.7');
  expect(out.code).toBe(1);
  expect(out.stdout).toMatch(/^Answer +403: AccessPolicy\/shop\/office refuses it: denied: no rule allows it/m);
  const { outcome, policies } = JSON.parse((await ask('--client-address', '192.0.2.7', '-o', 'json')).stdout);
  expect(outcome).toMatchObject({ kind: 'denied', status: 403 });
  expect(policies).toMatchObject([{ policy: 'AccessPolicy/shop/office', decision: 'refuses', status: 403 }]);
  const passed = await ask('--client-address', '10.0.0.1');
  expect(passed.code).toBe(0);
  expect(passed.stdout).toContain('passes: allowed by office');
  expect((await ask('--client-address', 'office')).code).toBe(2);
});

test('policies of connections say where they act', async () => {
  const client = {
    apiVersion: 'policies.daemun.dev/v1alpha1',
    kind: 'ClientTrafficPolicy',
    metadata: { name: 'clients', namespace: 'shop' },
    spec: {
      targetRefs: [{ group: 'gateway.networking.k8s.io', kind: 'Gateway', name: 'edge' }],
      body: { maxBytes: 100 },
    },
  };
  const manifests = `${MANIFESTS}---\n${documents(client)}`;
  const { code, stdout } = await daemun(['explain', '-f', '-', 'policy/clients'], manifests);
  expect(stdout).toContain('Acts on      ClientTrafficPolicy/shop/clients (default): Gateway shop/edge');
  expect(code).toBe(0);
  const long = [
    'explain',
    '-f',
    '-',
    '--echo-backends',
    'http://shop.example.com/',
    '-X',
    'POST',
    '--body-size',
    '101',
  ];
  expect((await daemun(long, manifests)).stdout).toMatch(/^Answer +413: /m);
});

test('a password that takes long to compare is compared, and the command ends', async () => {
  const login = {
    apiVersion: 'policies.daemun.dev/v1alpha1',
    kind: 'AuthenticationPolicy',
    metadata: { name: 'login', namespace: 'shop' },
    spec: {
      targetRefs: [{ group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', name: 'shop' }],
      methods: [{ name: 'people', basic: { secretRef: { name: 'people' } } }],
    },
  };
  const people = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'people', namespace: 'shop' },
    stringData: { auth: 'bob:$apr1$goldengo$JsRo9WF8G47BQQMCTRTcl1' },
  };
  const ask = (password: string) =>
    daemun(
      ['explain', '-f', '-', '--echo-backends', 'http://shop.example.com/', '-H', `Authorization: Basic ${password}`],
      `${MANIFESTS}---\n${documents(login, people)}`,
    );
  const known = await ask(btoa('bob:secret'));
  expect([known.code, known.stdout]).toEqual([0, expect.stringContaining('passes: allowed by people')]);
  const guessed = await ask(btoa('bob:guess'));
  expect([guessed.code, guessed.stdout]).toEqual([1, expect.stringContaining('Answer       401')]);
});
