/**
 * A tenant who may do everything in one namespace tries to reach what belongs to others: their Secrets, the gateway's own
 * ports, their hostnames, the config of their Gateways, and the time of the controller. The owner's requests are answered
 * all along.
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { run } from '../protocols/tool.ts';
import { FakeDataPlane } from '../stream/scene.ts';
import { Authority } from '../tls/authority.ts';
import { output } from './kubectl.ts';
import { route, Scene } from './scene.ts';
import { object, Tenant } from './tenant.ts';
import { Traffic } from './traffic.ts';

const OWNERS_HOST = 'shop.owner.example.com';

let scene: Scene;
let owner: string;
let tenant: Tenant;
let address: string;
let key: string;
let traffic: Traffic;

const shared = (red: string): string => `---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: shared }
spec:
  gatewayClassName: daemun
  allowedListeners: { namespaces: { from: All } }
  listeners:
    - { name: owner, port: 80, protocol: HTTP, hostname: "*.owner.example.com" }
    - name: red
      port: 80
      protocol: HTTP
      hostname: "*.red.example.com"
      allowedRoutes:
        namespaces: { from: Selector, selector: { matchLabels: { kubernetes.io/metadata.name: ${red} } } }
    - name: https
      port: 443
      protocol: HTTPS
      hostname: "*.owner.example.com"
      tls: { certificateRefs: [{ name: owner-tls }] }
`;

const stolenTls = (): object => ({ certificateRefs: [{ name: 'owner-tls', namespace: owner }] });
const toOwner = (hostnames: string[], backend: object, sectionName = 'red'): object => ({
  spec: {
    parentRefs: [{ name: 'shared', namespace: owner, sectionName }],
    hostnames,
    rules: [{ backendRefs: [backend] }],
  },
});

beforeAll(async () => {
  scene = await Scene.open('owner');
  owner = scene.namespace;
  tenant = await Tenant.open(await scene.namespaceBeside('red'));
  const pair = await (await Authority.make('Owner Root')).sign({ dns: ['*.owner.example.com'] });
  key = pair.privateKey;
  const stringData = { 'tls.crt': pair.certificate, 'tls.key': key };
  await scene.apply(JSON.stringify(object('Secret', 'owner-tls', { type: 'kubernetes.io/tls', stringData }, 'v1')));
  await scene.echo('shop', 2);
  await scene.apply(
    shared(tenant.namespace) + route('shop', { gateway: 'shared', host: OWNERS_HOST, service: 'shop' }),
  );
  address = await scene.address('shared');
});
afterAll(async () => {
  tenant?.close();
  await scene?.close();
});

beforeEach(async () => {
  traffic = new Traffic({ address, host: OWNERS_HOST, rate: 100, fresh: true });
  await expect.poll(() => traffic.sent).toBeGreaterThan(20);
});
afterEach(async () => {
  const { sent, failures } = await traffic.stop();
  expect(failures).toEqual([]);
  expect(sent).toBeGreaterThan(20);
  const kinds = 'gateways,listenersets,httproutes,referencegrants,backendtlspolicies';
  await tenant.kubectl('delete', kinds, '--all', '--ignore-not-found');
});

const tellsOf = (what: string, says: RegExp): Promise<void> =>
  expect.poll(async () => (await tenant.told(what)).join('\n'), { timeout: 60_000 }).toMatch(says);

/** The status of an answer over HTTP; '000': none. */
async function asks(host: string, path = '/'): Promise<{ code: string; body: string }> {
  const { stdout } = await run('curl', [
    '-s',
    '-m',
    '10',
    '-w',
    '\n%{http_code}',
    '-H',
    `Host: ${host}`,
    `http://${address}${path}`,
  ]);
  const at = stdout.lastIndexOf('\n');
  return { body: stdout.slice(0, at), code: stdout.slice(at + 1) };
}

/** Whose certificate is shown for a name. */
async function shown(at: string, name: string): Promise<string> {
  const { stdout } = await run('bash', [
    '-c',
    `openssl s_client -connect ${at} -servername ${name} </dev/null 2>&1 | openssl x509 -noout -issuer 2>&1`,
  ]);
  return stdout;
}

test('the tenant has no right outside of the namespace', async () => {
  await expect(tenant.kubectl('-n', owner, 'get', 'secret/owner-tls')).rejects.toThrow('forbidden');
  await expect(tenant.kubectl('-n', owner, 'create', 'token', 'daemun-shared')).rejects.toThrow('forbidden');
  await expect(tenant.kubectl('-n', owner, 'get', 'pods')).rejects.toThrow('forbidden');
});

describe("another's Secret", () => {
  test('is not had through a Gateway, nor told to be there, also with a grant of the tenant’s own making', async () => {
    const listener = (name: string, secret: string, port: number): object => {
      return { name, port, protocol: 'HTTPS', tls: { certificateRefs: [{ name: secret, namespace: owner }] } };
    };
    const validation = { caCertificateRefs: [{ group: '', kind: 'Secret', name: 'owner-tls', namespace: owner }] };
    await tenant.apply([
      object('ReferenceGrant', 'mine', {
        spec: {
          from: [{ group: 'gateway.networking.k8s.io', kind: 'Gateway', namespace: tenant.namespace }],
          to: [{ group: '', kind: 'Secret' }],
        },
      }),
      object('Gateway', 'thief', {
        spec: {
          gatewayClassName: 'daemun',
          listeners: [
            listener('there', 'owner-tls', 443),
            listener('not-there', 'nowhere', 444),
            { name: 'http', port: 80, protocol: 'HTTP' },
          ],
          tls: {
            frontend: { default: { validation } },
            backend: { clientCertificateRef: { name: 'owner-tls', namespace: owner } },
          },
        },
      }),
    ]);
    await tellsOf('gateway/thief', /ResolvedRefs=False RefNotPermitted: .*owner-tls is in another namespace/);
    const all = await tenant.told('gateway/thief');
    // What is there and what is not is told in the same words.
    const about = (name: string): string[] =>
      [...all.join('\n').matchAll(new RegExp(`certificateRefs\\[0\\]: Secret \\S+/${name} [^;\\n]*`, 'g'))].map(
        ([one]) => one.replaceAll(name, 'X'),
      );
    expect(about('nowhere').length).toBeGreaterThan(0);
    expect(new Set(about('owner-tls'))).toEqual(new Set(about('nowhere')));
    expect(all.join('\n')).toMatch(/clientCertificateRef: Secret \S+ is in another namespace/);
    // Its data planes get nothing of it, either.
    const config = await stream(tenant.namespace, 'daemun-thief', 'thief-1');
    expect(config.seen).not.toContain(JSON.stringify(key).slice(1, -1));
    config.close();
  });

  test('is not had through a ListenerSet on the owner’s Gateway', async () => {
    await tenant.apply([
      object('ListenerSet', 'thief', {
        spec: {
          parentRef: { name: 'shared', namespace: owner },
          listeners: [
            { name: 'far', port: 8443, protocol: 'HTTPS', hostname: 'a.red.example.com', tls: stolenTls() },
            { name: 'near', port: 8444, protocol: 'HTTPS', tls: { certificateRefs: [{ name: 'owner-tls' }] } },
          ],
        },
      }),
    ]);
    await tellsOf(
      'listenerset/thief',
      /ResolvedRefs=False RefNotPermitted: [\s\S]*ResolvedRefs=False InvalidCertificateRef: /,
    );
    expect(await shown(`${address}:443`, OWNERS_HOST)).toContain('Owner Root');
    for (const port of [8443, 8444]) {
      expect(await shown(`${address}:${port}`, 'a.red.example.com')).not.toContain('Owner Root');
    }
  });

  test('is not had through a policy for backends: it names what is beside it', async () => {
    await tenant.apply([
      object('Service', 'web', { spec: { ports: [{ port: 443 }] } }, 'v1'),
      object('HTTPRoute', 'web', toOwner(['web.red.example.com'], { name: 'web', port: 443 })),
      object('BackendTLSPolicy', 'web', {
        spec: {
          targetRefs: [{ group: '', kind: 'Service', name: 'web' }],
          validation: {
            hostname: 'web.example.com',
            caCertificateRefs: [{ group: '', kind: 'Secret', name: 'owner-tls' }],
          },
        },
      }),
    ]);
    await tellsOf('backendtlspolicy/web', /ResolvedRefs=False InvalidCACertificateRef: .*does not exist/);
    expect((await asks('web.red.example.com')).code).toMatch(/^50\d$/);
  });
});

describe('routes', () => {
  test('take no hostname that their listener does not grant, and none of another listener’s', async () => {
    await tenant.apply([
      object('HTTPRoute', 'exact', toOwner([OWNERS_HOST], { name: 'mine', port: 80 })),
      object('HTTPRoute', 'wild', toOwner(['*.example.com', '*.owner.example.com'], { name: 'mine', port: 80 })),
      object('HTTPRoute', 'section', toOwner([OWNERS_HOST], { name: 'mine', port: 80 }, 'owner')),
      object('HTTPRoute', 'tls', toOwner([OWNERS_HOST], { name: 'mine', port: 80 }, 'https')),
      object('HTTPRoute', 'any', {
        spec: {
          parentRefs: [{ name: 'shared', namespace: owner }],
          rules: [{ backendRefs: [{ name: 'mine', port: 80 }] }],
        },
      }),
    ]);
    await tellsOf('httproute/exact', /Accepted=False NoMatchingListenerHostname/);
    await tellsOf('httproute/section', /Accepted=False NotAllowedByListeners/);
    await tellsOf('httproute/tls', /Accepted=False NotAllowedByListeners/);
    await tellsOf('httproute/any', /Accepted=True[\s\S]*Programmed=True/);
    // They reach their own listener only.
    expect((await asks('anything.red.example.com')).code).toBe('500');
    expect((await asks('other.owner.example.com')).code).toBe('404');
    expect((await asks(OWNERS_HOST)).code).toBe('200');
  });

  test('lead to no Service of another namespace, also by the way of a mirror', async () => {
    const far = { name: 'shop', namespace: owner, port: 8080 };
    await tenant.apply([
      object('Service', 'mine', { spec: { ports: [{ port: 80 }] } }, 'v1'),
      object('HTTPRoute', 'far', toOwner(['far.red.example.com'], far)),
      object('HTTPRoute', 'mirror', {
        spec: {
          parentRefs: [{ name: 'shared', namespace: owner, sectionName: 'red' }],
          hostnames: ['mirror.red.example.com'],
          rules: [
            {
              filters: [{ type: 'RequestMirror', requestMirror: { backendRef: far } }],
              backendRefs: [{ name: 'mine', port: 80 }],
            },
          ],
        },
      }),
    ]);
    await tellsOf('httproute/far', /ResolvedRefs=False RefNotPermitted/);
    await tellsOf('httproute/mirror', /ResolvedRefs=False RefNotPermitted: .*requestMirror/);
    const { code, body } = await asks('far.red.example.com');
    expect([code, body]).toEqual(['500', expect.not.stringContaining(owner)]);
  });

  test('lead to no port of the gateway’s own', async () => {
    const ip = async (namespace: string, labels: string): Promise<string> =>
      output(['-n', namespace, 'get', 'pods', '-l', labels, '-o', 'jsonpath={.items[0].status.podIP}']);
    const dataPlane = await ip(owner, 'gateway.networking.k8s.io/gateway-name=shared');
    const slice = (name: string, ip: string, port: number): object[] => [
      object('Service', name, { spec: { ports: [{ port: 80 }] } }, 'v1'),
      {
        ...object(
          'EndpointSlice',
          name,
          { addressType: 'IPv4', endpoints: [{ addresses: [ip] }], ports: [{ port }] },
          'discovery.k8s.io/v1',
        ),
        metadata: { name, labels: { 'kubernetes.io/service-name': name } },
      },
      object('HTTPRoute', name, toOwner([`${name}.red.example.com`], { name, port: 80 })),
    ];
    await expect(tenant.apply(slice('loop', '127.0.0.1', 15020))).rejects.toThrow('loopback');
    await tenant.apply([
      ...slice('own-admin', dataPlane, 15020),
      object(
        'Service',
        'by-name',
        { spec: { type: 'ExternalName', externalName: 'localhost', ports: [{ port: 15020 }] } },
        'v1',
      ),
      object('HTTPRoute', 'by-name', toOwner(['by-name.red.example.com'], { name: 'by-name', port: 15020 })),
    ]);
    await tellsOf('httproute/own-admin', /Programmed=False Invalid: .* is the admin API of this gateway: no request/);
    await tellsOf('httproute/by-name', /Programmed=True/);
    for (const name of ['own-admin', 'by-name']) {
      for (const path of ['/metrics', '/config', '/livez']) {
        const { code, body } = await asks(`${name}.red.example.com`, path);
        expect([name, path, code, body]).toEqual([
          name,
          path,
          expect.stringMatching(/^50\d$/),
          expect.not.stringContaining('daemun_'),
        ]);
      }
    }
  });
});

test('a ListenerSet does not open the data planes’ own port to everybody', async () => {
  const set = (name: string, port: number): object =>
    object('ListenerSet', name, {
      spec: { parentRef: { name: 'shared', namespace: owner }, listeners: [{ name: 'one', port, protocol: 'HTTP' }] },
    });
  await tenant.apply([set('own-port', 15020), set('other', 15021)]);
  await tellsOf('listenerset/own-port', /Accepted=False PortUnavailable: .*port 15020 is that of the data planes' own/);
  const ports = 'jsonpath={.spec.ports[*].port}';
  await expect
    .poll(() => output(['-n', owner, 'get', 'service/daemun-shared', '-o', ports]), { timeout: 60_000 })
    .toContain('15021');
  expect(await output(['-n', owner, 'get', 'service/daemun-shared', '-o', ports])).not.toContain('15020');
});

test('the ports of the gateway show others no config, and policies of the network name who may come', async () => {
  const pods = async (namespace: string, labels: string): Promise<string[]> =>
    (await output(['-n', namespace, 'get', 'pods', '-l', labels, '-o', 'jsonpath={.items[*].status.podIP}'])).split(
      ' ',
    );
  const controllers = await pods('daemun-system', 'app.kubernetes.io/component=controller');
  const dataPlanes = await pods(owner, 'gateway.networking.k8s.io/gateway-name=shared');
  for (const at of [...controllers.map((ip) => `${ip}:15000`), ...dataPlanes.map((ip) => `${ip}:15020`)]) {
    for (const path of ['/config', '/status', '/listeners', '/graph']) {
      const { stdout } = await run('curl', [
        '-s',
        '-m',
        '10',
        '-o',
        '/dev/null',
        '-w',
        '%{http_code}',
        `http://${at}${path}`,
      ]);
      expect([at, path, stdout]).toEqual([at, path, expect.stringMatching(/^40[34]$/)]);
    }
  }
  type Policy = {
    spec: {
      podSelector: object;
      policyTypes: string[];
      ingress: Array<{ from?: object[]; ports: Array<{ port: number | string }> }>;
    };
  };
  const policy = async (namespace: string, name: string): Promise<Policy> =>
    JSON.parse(await output(['-n', namespace, 'get', `networkpolicy/${name}`, '-o', 'json'])) as Policy;
  const { ingress } = (await policy(owner, 'daemun-shared')).spec;
  const open = ingress.filter(({ from }) => from === undefined).flatMap(({ ports }) => ports.map(({ port }) => port));
  expect(open.sort()).toEqual([443, 80]);
  expect(JSON.stringify(ingress.find(({ ports }) => ports.some(({ port }) => port === 15020))?.from)).not.toContain(
    '{}',
  );
  const own = (await policy('daemun-system', 'daemun-controller')).spec;
  expect(own.policyTypes).toEqual(['Ingress']);
  expect(own.ingress.every(({ from }) => from !== undefined)).toBe(true);
  expect(own.ingress.flatMap(({ ports }) => ports.map(({ port }) => port))).toEqual(['stream']);
});

/** Who says at the stream that it is a data plane, with a token of that account. */
async function stream(
  namespace: string,
  account: string,
  name: string,
  audience = 'daemun-config',
): Promise<FakeDataPlane> {
  const token = await output(['-n', namespace, 'create', 'token', account, `--audience=${audience}`]);
  return streamWith(token, name);
}

async function streamWith(token: string, name: string): Promise<FakeDataPlane> {
  const host = await output([
    '-n',
    'daemun-system',
    'get',
    'service/daemun-controller',
    '-o',
    'jsonpath={.spec.clusterIP}',
  ]);
  const ca = await output(['-n', owner, 'get', 'configmap/daemun-shared', '-o', 'jsonpath={.data.ca\\.crt}']);
  const plane = new FakeDataPlane(name, {
    address: { host, port: 15443 },
    serverName: 'daemun-controller.daemun-system.svc',
    ca: () => ca,
    token: () => token,
  });
  await expect
    .poll(() => plane.state.connected || plane.state.why.startsWith('refused'), { timeout: 30_000 })
    .toBe(true);
  if (plane.state.connected) await expect.poll(() => plane.deltas.length, { timeout: 30_000 }).toBeGreaterThan(0);
  return plane;
}

describe('the config stream', () => {
  test('gives a stolen token what is of its own Gateway, whoever it says it is, and others nothing', async () => {
    await tenant.apply([
      object('Gateway', 'own', {
        spec: { gatewayClassName: 'daemun', listeners: [{ name: 'http', port: 80, protocol: 'HTTP' }] },
      }),
      object('ServiceAccount', 'daemun-shared', {}, 'v1'),
    ]);
    await tellsOf('gateway/own', /Accepted=True/);
    const pod = await output([
      '-n',
      owner,
      'get',
      'pods',
      '-l',
      'gateway.networking.k8s.io/gateway-name=shared',
      '-o',
      'jsonpath={.items[0].metadata.name}',
    ]);
    const named = await stream(tenant.namespace, 'daemun-own', pod);
    expect(named.seen).not.toContain(`${owner}/`);
    expect(named.seen).not.toContain(JSON.stringify(key).slice(1, -1));
    // What it says of others' objects counts for nothing.
    named.close();
    for (const refused of [
      // An account of the owner's name, in the tenant's namespace.
      await stream(tenant.namespace, 'daemun-shared', 'x'),
      await stream(tenant.namespace, 'tenant', 'x'),
      await stream(tenant.namespace, 'daemun-own', 'x', 'https://kubernetes.default.svc'),
      await streamWith('not.a.token', 'x'),
    ]) {
      expect([refused.state.connected, refused.deltas]).toEqual([false, []]);
      refused.close();
    }
    await tenant.kubectl('delete', 'serviceaccount/daemun-shared');
    await scene.wait('gateway/shared', 'Programmed');
  });
});
