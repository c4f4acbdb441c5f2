/** `status`, `check` and `explain` of a cluster, against the embedded API. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { type ApiObject, ApiServer, FORBIDDEN } from '../kube/index.ts';
import { daemun, type Finished } from './daemun-process.ts';

const GATEWAY = 'gateway.networking.k8s.io/v1';
const OURS = 'daemun.dev/gateway-controller';
const open: Array<() => unknown> = [];

afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

const object = (kind: string, name: string, spec: object, status?: object): ApiObject => ({
  apiVersion: kind === 'Service' ? 'v1' : GATEWAY,
  kind,
  metadata: kind === 'GatewayClass' ? { name } : { name, namespace: 'shop' },
  spec,
  ...(status ? { status } : {}),
});
const CLASS = object('GatewayClass', 'daemun', { controllerName: OURS });
const edge = (name = 'edge', hostname?: string): ApiObject => {
  const allowedRoutes = { namespaces: { from: 'Same' } };
  const listener = { name: 'http', port: 80, protocol: 'HTTP', allowedRoutes, ...(hostname ? { hostname } : {}) };
  return object('Gateway', name, { gatewayClassName: 'daemun', listeners: [listener] });
};
const redirect = (name: string, parent = 'edge'): ApiObject =>
  object('HTTPRoute', name, {
    parentRefs: [{ group: 'gateway.networking.k8s.io', kind: 'Gateway', name: parent }],
    hostnames: [`${name}.example.com`],
    rules: [
      {
        matches: [{ path: { type: 'PathPrefix', value: '/' } }],
        filters: [{ type: 'RequestRedirect', requestRedirect: { hostname: 'x.example.com', statusCode: 302 } }],
      },
    ],
  });

interface Rig {
  api: ApiServer;
  run(...words: string[]): Promise<Finished>;
  file(...objects: ApiObject[]): string;
}

async function start(...objects: ApiObject[]): Promise<Rig> {
  const api = await ApiServer.start();
  const folder = mkdtempSync(join(tmpdir(), 'daemun-commands-'));
  open.push(
    () => api.close(),
    () => rmSync(folder, { recursive: true }),
  );
  for (const one of objects) {
    const { status } = one;
    const stored = api.store.create(api.kind(one.kind), structuredClone(one));
    if (status !== undefined) api.store.replace(api.kind(one.kind), { ...stored, status }, { status: true });
  }
  const config = {
    'current-context': 'test',
    contexts: [{ name: 'test', context: { cluster: 'test' } }],
    clusters: [{ name: 'test', cluster: { server: api.url.href } }],
  };
  const kubeconfig = join(folder, 'config');
  writeFileSync(kubeconfig, JSON.stringify(config));
  return {
    api,
    run: (...words) => daemun([...words, '--kubeconfig', kubeconfig]),
    file: (...manifests) => {
      const path = join(folder, 'new.yaml');
      writeFileSync(path, manifests.map((one) => JSON.stringify(one)).join('\n---\n'));
      return path;
    },
  };
}

const condition = (type: string, status: string): object => ({ type, status, reason: type, message: `is ${status}` });
const parents = (controllerName: string, status: string): object => ({
  parents: [{ controllerName, parentRef: { name: 'edge' }, conditions: [condition('Accepted', status)] }],
});

test('status shows what stands in the cluster of ours, and nothing of others', async () => {
  const theirs = object('HTTPRoute', 'theirs', {}, parents('example.com/other', 'False'));
  const ours = object('HTTPRoute', 'ours', {}, parents(OURS, 'True'));
  const otherClass = object('GatewayClass', 'other', { controllerName: 'example.com/other' });
  const { run } = await start(CLASS, otherClass, edge(), theirs, ours);
  const { stdout, code } = await run('status');
  expect(stdout).toContain('HTTPRoute shop/ours, parent shop/edge');
  expect(stdout).not.toMatch(/theirs|GatewayClass other/);
  expect(code).toBe(0);
  const other = await run('status', '--controller-name', 'example.com/other');
  expect([other.stdout.includes('shop/theirs'), other.code]).toEqual([true, 1]);
});

test('check tells what manifests would change in the cluster, and whom they would hurt', async () => {
  const { run, file } = await start(CLASS, edge(), redirect('a'), redirect('b'));
  const same = await run('check', file(redirect('a')));
  expect(same.stdout).toContain('is in the cluster as it is here');
  expect(same.stdout).not.toContain('shop/b');
  expect(same.code).toBe(0);
  const lost = await run('check', file({ ...redirect('d'), spec: { parentRefs: [{ name: 'egde' }] } }));
  expect(lost.stdout).toMatch(
    /warning: Gateway shop\/egde exists neither in the cluster nor here: nobody serves the route; did you mean edge\?\n +--> HTTPRoute\/shop\/d/,
  );
  expect(same.stdout).not.toContain('exists neither');
  const hurting = await run('check', file(edge('edge', 'b.example.com'), redirect('c')));
  expect(hurting.stdout).toMatch(/would change: spec\.listeners\[0\]\.hostname\n +--> Gateway\/shop\/edge/);
  expect(hurting.stdout).toMatch(/would be new in the cluster\n +--> HTTPRoute\/shop\/c/);
  expect(hurting.stdout).toMatch(
    /would be hurt: parent shop\/edge: Accepted would be False.*\n +--> HTTPRoute\/shop\/a/,
  );
  expect(hurting.stdout).not.toContain('HTTPRoute shop/b');
  expect(hurting.code).toBe(1);
});

test('a policy that the cluster would refuse is a mistake, and changes nothing there', async () => {
  const target = { group: 'gateway.networking.k8s.io', kind: 'Gateway', name: 'edge' };
  const policy = (name: string, spec: object): ApiObject => ({
    ...object('AccessPolicy', name, { targetRefs: [target], ...spec }),
    apiVersion: 'policies.daemun.dev/v1alpha1',
  });
  const denying = (address: string): ApiObject => policy('old', { deny: [{ addresses: [address] }] });
  const broken = (name: string): ApiObject => policy(name, { dany: [{ addresses: ['10.0.0.0/8'] }] });
  const { run, file } = await start(CLASS, edge(), redirect('a'), denying('10.0.0.0/8'));
  const wrong = await run('check', file(broken('new'), broken('old')));
  expect(wrong.stdout.match(/error: is not a field of this object/g)).toHaveLength(2);
  expect(wrong.stdout).not.toMatch(/would be|would change|in the cluster as it is|HTTPRoute shop\/a/);
  expect(wrong.code).toBe(1);
  const right = await run('check', file(denying('10.1.0.0/16')));
  expect(right.stdout).toMatch(/would change: spec\.deny.*\n +--> AccessPolicy\/shop\/old/);
});

const lostRoutes = (): ApiObject[] => {
  const { parentRefs: _, ...spec } = redirect('none').spec as { parentRefs: unknown };
  return [redirect('typo', 'egde'), object('HTTPRoute', 'none', spec)];
};

test('status does not take for accepted what leads nowhere, or what nobody has judged', async () => {
  const other = object('GatewayClass', 'other', { controllerName: 'example.com/other' });
  const theirs = { ...edge('theirs'), spec: { ...(edge().spec as object), gatewayClassName: 'other' } };
  const told = { ...edge(), status: { conditions: [condition('Accepted', 'True')] } } as ApiObject;
  const gatewayClass = { ...CLASS, status: { conditions: [condition('Accepted', 'True')] } } as ApiObject;
  const ours = object('HTTPRoute', 'ours', {}, parents(OURS, 'True'));
  const { api, run } = await start(gatewayClass, other, told, theirs, ours, redirect('beside', 'theirs'));
  const well = await run('status');
  expect(well.stdout).toMatch(/\n3 objects accepted\n$/);
  expect(well.stdout).not.toContain('HTTPRoute shop/beside');
  for (const one of lostRoutes()) api.store.create(api.kind('HTTPRoute'), one);
  const astray = { ...edge('astray'), spec: { ...(edge().spec as object), gatewayClassName: 'deamun' } };
  api.store.create(api.kind('Gateway'), astray);
  const { stdout, code } = await run('status');
  expect(stdout).toMatch(
    /error: GatewayClass deamun does not exist; did you mean daemun\?\n +--> Gateway\/shop\/astray/,
  );
  expect(stdout).toMatch(/error: Gateway shop\/egde does not exist; did you mean edge\?\n +--> HTTPRoute\/shop\/typo/);
  expect(stdout).toMatch(
    /warning: names no parent, so nothing serves this route: name a Gateway\n +--> HTTPRoute\/shop\/none/,
  );
  expect(stdout).toContain('\n3 objects accepted, 2 errors, ');
  expect(code).toBe(1);
  // Nothing is known of namespaces that are not looked into.
  const elsewhere = { ...redirect('far'), spec: { parentRefs: [{ name: 'edge', namespace: 'infra' }] } };
  api.store.create(api.kind('HTTPRoute'), elsewhere);
  expect((await run('status', '-n', 'shop')).stdout).not.toContain('infra/edge');
  api.store.create(api.kind('HTTPRoute'), redirect('fresh'));
  expect((await run('status')).stdout).toMatch(
    /HTTPRoute shop\/fresh +no status[\s\S]*\n3 objects accepted, 1 without status, /,
  );
});

test('status tells of objects of experimental kinds that nobody follows', async () => {
  const { api, run } = await start(CLASS, edge());
  const tried = { group: 'gateway.networking.x-k8s.io', version: 'v1alpha1', namespaced: true, status: true };
  for (const kind of ['XBackend', 'XListenerSet', 'XNew']) {
    const served = { ...tried, kind, plural: `${kind.toLowerCase()}s` };
    api.kinds.push(served);
    api.store.create(served, { ...object(kind, 'one', {}), apiVersion: `${tried.group}/v1alpha1` });
  }
  const { stdout, stderr, code } = await run('status');
  expect(stderr).toBe('');
  expect(stdout).toMatch(
    /warning: XBackend of gateway\.networking\.x-k8s\.io is not read by this gateway: .*InvalidKind.*\n +--> XBackend\/shop\/one/,
  );
  expect(stdout).toContain('it has become ListenerSet of gateway.networking.k8s.io/v1');
  expect(stdout).toContain('XNew of gateway.networking.x-k8s.io is not read by this gateway');
  expect(code).toBe(0);
});

test('status has nothing to say of routes of a mesh, nor of other kinds of parents', async () => {
  const mesh = object('HTTPRoute', 'mesh', { parentRefs: [{ group: '', kind: 'Service', name: 'cart', port: 80 }] });
  const ingress = { group: 'networking.k8s.io', kind: 'Ingress', name: 'edge' };
  const { run } = await start(CLASS, edge(), mesh, object('HTTPRoute', 'odd', { parentRefs: [ingress] }));
  const { stdout, stderr, code } = await run('status');
  expect(stderr).toBe('');
  expect(stdout).not.toMatch(/mesh|odd/);
  expect(code).toBe(0);
});

test('explain says of routes that lead nowhere what was surely meant', async () => {
  const hostless = { ...redirect('any', 'edeg') };
  delete (hostless.spec as { hostnames?: unknown }).hostnames;
  const { run } = await start(CLASS, edge(), ...lostRoutes(), hostless);
  const typo = await run('explain', 'http://typo.example.com/');
  expect(typo.stdout).toContain(
    'HTTPRoute shop/typo has this hostname but is not accepted: Gateway shop/egde does not exist; did you mean edge?',
  );
  expect(typo.stdout).toContain(
    'HTTPRoute shop/any has any hostname but is not accepted: Gateway shop/edeg does not exist',
  );
  const none = await run('explain', 'http://none.example.com/');
  expect(none.stdout).toContain('HTTPRoute shop/none has this hostname but is not accepted: names no parent');
});

test('check finds in manifests for a cluster what it finds in files', async () => {
  const { run, file } = await start(CLASS, edge(), redirect('a'));
  const { spec } = redirect('odd') as unknown as { spec: { parentRefs: object[] } };
  const rules = [
    { matches: [{ path: { type: 'PathPrefix', value: '/cart/*' } }], backendRefs: [{ name: 'gone', port: 80 }] },
    { matches: [{ path: { type: 'PathPrefix', value: '/empty' } }] },
  ];
  const astray = { ...edge('astray'), spec: { ...(edge().spec as object), gatewayClassName: 'deamun' } };
  const path = file(object('HTTPRoute', 'odd', { ...spec, rules }), ...lostRoutes(), astray);
  const { stdout, code } = await run('check', path);
  expect(stdout).toContain('PathPrefix takes /cart/* as it is written, not as a pattern');
  expect(stdout.match(/GatewayClass deamun does not exist; did you mean daemun\?/g)).toHaveLength(1);
  expect(stdout).toContain('has no backend, and no filter that answers: its requests get a 500');
  expect(stdout).toContain('Service shop/gone does not exist');
  expect(stdout).toContain(
    'Gateway shop/egde exists neither in the cluster nor here: nobody serves the route; did you mean edge?',
  );
  expect(stdout).toContain('names no parent, so nothing serves this route: name a Gateway');
  expect(code).toBe(1);
});

test('a Secret that a listener lacks is told with the way to get it, in a cluster and from files', async () => {
  const { run, file } = await start(CLASS, edge());
  const tls = { certificateRefs: [{ name: 'pair' }] };
  const listeners = [{ name: 'https', port: 443, protocol: 'HTTPS', hostname: 'a.example.com', tls }];
  const path = file(object('Gateway', 'secure', { gatewayClassName: 'daemun', listeners }));
  const { stdout } = await run('check', path);
  expect(stdout).toContain(
    'Secret shop/pair does not exist; kubectl -n shop create secret tls pair --cert=cert.pem --key=key.pem makes one; cert-manager does where the Gateway has the annotation cert-manager.io/cluster-issuer',
  );
  expect(stdout).not.toContain('--acme');
  expect((await daemun(['check', path])).stdout).toContain(
    'Secret shop/pair does not exist; --certificate a.example.com=cert.pem,key.pem gives one, --acme obtains one',
  );
});

test('a Secret that cert-manager is asked for is told with how far it is, or why there will be none', async () => {
  const { run, file } = await start(CLASS, edge());
  const issuer = { 'cert-manager.io/cluster-issuer': 'ours' };
  const gateway = (name: string, listener: object, annotations: Record<string, string> = issuer): ApiObject => {
    const tls = { certificateRefs: [{ name: `${name}-tls` }] };
    const listeners = [{ name: 'https', port: 443, protocol: 'HTTPS', tls, ...listener }];
    const made = object('Gateway', name, { gatewayClassName: 'daemun', listeners });
    return { ...made, metadata: { ...made.metadata, annotations } };
  };
  const hostname = 'a.example.com';
  const elsewhere = { certificateRefs: [{ name: 'far-tls' }, { name: 'wide', namespace: 'other' }] };
  const path = file(
    gateway('near', { hostname }),
    gateway('any', {}),
    gateway('torn', { hostname }, { ...issuer, 'cert-manager.io/issuer': 'mine' }),
    gateway('far', { hostname, tls: elsewhere }),
  );
  const { stdout } = await run('check', path);
  const asked = 'cert-manager is asked (cert-manager.io/cluster-issuer: ours) and makes none';
  expect(stdout).toContain(
    'Secret shop/near-tls does not exist; cert-manager is asked for it (cert-manager.io/cluster-issuer: ours): kubectl -n shop describe certificate near-tls tells how far it is',
  );
  expect(stdout).toContain(
    `${asked} for a listener without a hostname: give it one; kubectl -n shop create secret tls any-tls`,
  );
  expect(stdout).toContain(
    'cert-manager is asked (cert-manager.io/issuer: mine and cert-manager.io/cluster-issuer: ours) and makes none where both annotations are there: keep one',
  );
  expect(stdout).toContain(
    `${asked} for a listener that names a Secret outside of the Gateway's namespace: name its own`,
  );
});

test('explain asks the one Gateway that has the port, or the one that is named', async () => {
  const { api, run } = await start(CLASS, edge(), redirect('a'));
  const alone = await run('explain', 'http://a.example.com/');
  expect([alone.code, alone.stdout]).toEqual([0, expect.stringContaining('HTTPRoute shop/a, rule 0')]);
  api.store.create(api.kind('Gateway'), edge('other'));
  const several = await run('explain', 'http://a.example.com/');
  expect(several.stderr).toContain('several Gateways have port 80: name one of shop/edge, shop/other with --gateway');
  expect((await run('explain', 'http://a.example.com/', '--gateway', 'shop/edge')).code).toBe(0);
  expect((await run('explain', 'http://a.example.com/', '--gateway', 'shop/other')).code).toBe(1);
});

test('explain says where a policy acts, at whichever Gateway that is', async () => {
  const policy = {
    apiVersion: 'policies.daemun.dev/v1alpha1',
    kind: 'AccessPolicy',
    metadata: { name: 'small', namespace: 'shop' },
    spec: {
      targetRefs: [{ group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', name: 'a' }],
      maxBodyBytes: 1024,
    },
  } as ApiObject;
  const { run } = await start(CLASS, edge(), edge('other'), redirect('a'), policy);
  const told = await run('explain', 'policy/small');
  expect([told.code, told.stdout, told.stderr]).toEqual([
    0,
    expect.stringContaining('AccessPolicy/shop/small (default): RouteRule HTTPRoute/shop/a/0'),
    '',
  ]);
});

test('status tells which kinds the cluster does not serve; CRDs of a release that is not known are no refusal', async () => {
  const unknown = { ...condition('SupportedVersion', 'False'), message: 'CRDs of v1.8.0' };
  const gatewayClass = { ...CLASS, status: { conditions: [condition('Accepted', 'True'), unknown] } } as ApiObject;
  const { api, run } = await start(gatewayClass);
  expect((await run('status')).stdout).not.toContain('not served by this cluster');
  api.kinds = api.kinds.filter(({ kind }) => kind !== 'TCPRoute');
  const { stdout, code } = await run('status');
  expect(stdout).toContain('warning: TCPRoute is not served by this cluster: install');
  expect(stdout).toContain('CRDs of v1.8.0');
  expect(code).toBe(0);
  // Tenants may not read CRDs, and are not told so each time.
  api.fault = ({ path }) => (path.endsWith('/customresourcedefinitions') ? FORBIDDEN : undefined);
  const tenant = await run('status');
  expect(tenant.stdout).toContain('TCPRoute is not served');
  expect(tenant.stdout).not.toContain('CustomResourceDefinition');
});

test('a cluster without the Gateway API has nothing to show, and takes none of it', async () => {
  const { api, run, file } = await start();
  api.kinds.splice(0, api.kinds.length, ...api.kinds.filter(({ group }) => !group.includes('gateway')));
  const [status, check] = [await run('status'), await run('check', '-f', file(CLASS, edge()))];
  expect([status.code, status.stdout]).toEqual([1, expect.stringContaining('does not serve the Gateway API: install')]);
  expect([check.code, check.stdout]).toEqual([1, expect.stringContaining('would be refused: install its CRD first')]);
  expect(check.stdout).not.toContain('would be new');
}, 60_000);

test('what may not be read is said at once', async () => {
  const { api, run } = await start(CLASS);
  api.fault = ({ path }) => (path.endsWith('/gateways') ? FORBIDDEN : undefined);
  const { stderr, code } = await run('status');
  expect(stderr).toContain(
    'DMN_CLUSTER_ACCESS: this account may not list Gateway in all namespaces (Forbidden by a switch): grant',
  );
  expect(code).toBe(1);
});
