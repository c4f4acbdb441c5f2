/**
 * What cert-manager and external-dns do with Gateways and routes, by small doubles of ours: they read what those read, and
 * write what those write.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { run } from '../protocols/tool.ts';
import { type Annotated, wantedCertificates } from './cert-manager.ts';
import { type ParentObject, type RouteObject, records } from './external-dns.ts';
import { Scene } from './scene.ts';

let scene: Scene;
let folder: string;

beforeAll(async () => {
  scene = await Scene.open('ecosystem');
  folder = mkdtempSync(join(tmpdir(), 'daemun-ecosystem-'));
  await scene.echo('shop');
});
afterAll(async () => {
  rmSync(folder, { recursive: true });
  await scene?.close();
});

const read = async <T>(what: string): Promise<T> => JSON.parse(await scene.kubectl('get', what, '-o', 'json')) as T;

const GATEWAY = `---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata:
  name: edge
  annotations: { cert-manager.io/issuer: ours }
spec:
  gatewayClassName: daemun
  listeners:
    - { name: http, port: 80, protocol: HTTP }
    - name: https
      port: 443
      protocol: HTTPS
      hostname: "*.example.com"
      tls: { certificateRefs: [{ name: shop-tls }] }
    - name: bare
      port: 443
      protocol: HTTPS
      hostname: example.net
      tls: { certificateRefs: [{ name: shop-tls }] }
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: shop }
spec:
  parentRefs: [{ name: edge, sectionName: https }]
  hostnames: [shop.example.com, shop.example.org]
  rules: [{ backendRefs: [{ name: shop, port: 8080 }] }]
`;

const PREFIX = 'external-dns.kubernetes.io';

/** Of ListenerSets one has a target of its own, and one waits for its Secret. */
const NAMES = `---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: names }
spec:
  gatewayClassName: daemun
  allowedListeners: { namespaces: { from: Same } }
  listeners:
    - { name: http, port: 80, protocol: HTTP }
    - { name: wild, port: 8080, protocol: HTTP, hostname: "*.wild.example.org" }
    - { name: one, port: 8081, protocol: HTTP, hostname: one.example.org }
    - { name: tls, port: 8443, protocol: TLS, tls: { mode: Passthrough } }
${set('more', '{ name: http, port: 8090, protocol: HTTP, hostname: "*.set.example.org" }')}
${set('aimed', '{ name: http, port: 8091, protocol: HTTP }', `${PREFIX}/target: 203.0.113.9`)}
${set(
  'later',
  '{ name: https, port: 8092, protocol: HTTPS, hostname: later.example.org, tls: { certificateRefs: [{ name: not-there }] } }',
)}
${route('noted', 'name: names, sectionName: http', { hosts: ['shop'], annotations: `${PREFIX}/hostname: noted.example.org` })}
${route('wild', 'name: names, sectionName: wild', { hosts: ['a.wild', 'elsewhere'] })}
${route('any', 'name: names, sectionName: wild', {})}
${route('narrow', 'name: names, port: 8081', { hosts: ['*'] })}
${route('lost', 'name: nobody', { hosts: ['lost'] })}
${route('grpc', 'name: names, sectionName: http', { hosts: ['grpc'] }).replace('HTTPRoute', 'GRPCRoute')}
${route('tls', 'name: names, sectionName: tls', { hosts: ['tls'] }).replace('HTTPRoute', 'TLSRoute')}
${route('set', 'kind: ListenerSet, group: gateway.networking.k8s.io, name: more', { hosts: ['a.set'] })}
${route('aimed', 'kind: ListenerSet, group: gateway.networking.k8s.io, name: aimed', { hosts: ['aimed'] })}
${route('later', 'kind: ListenerSet, group: gateway.networking.k8s.io, name: later', { hosts: ['later'] })}`;

function set(name: string, listener: string, annotations = ''): string {
  return `---
apiVersion: gateway.networking.k8s.io/v1
kind: ListenerSet
metadata: { name: ${name}, annotations: { ${annotations} } }
spec:
  parentRef: { name: names }
  listeners: [${listener}]`;
}

interface RouteOptions {
  /** Below example.org; none: any. */
  hosts?: readonly string[];
  annotations?: string;
}

function route(name: string, parent: string, { hosts = [], annotations = '' }: RouteOptions): string {
  const hostnames = hosts.map((host) => `"${host}.example.org"`).join(', ');
  return `---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: ${name}, annotations: { ${annotations} } }
spec:
  parentRefs: [{ ${parent} }]
  ${hosts.length === 0 ? '' : `hostnames: [${hostnames}]`}
  rules: [{ backendRefs: [{ name: shop, port: 8080 }] }]`;
}

describe('cert-manager', () => {
  function issue(names: readonly string[]): { certificate: string; key: string } {
    const [certificate, key] = ['tls.crt', 'tls.key'].map((file) => join(folder, file)) as [string, string];
    const subject = [
      '-days',
      '30',
      '-subj',
      '/CN=test',
      '-addext',
      `subjectAltName=${names.map((name) => `DNS:${name}`).join(',')}`,
    ];
    const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
    execFileSync('openssl', ['req', '-x509', ...kind, '-keyout', key, '-out', certificate, ...subject], {
      stdio: 'ignore',
    });
    return { certificate, key };
  }

  const serial = (path: string): string =>
    execFileSync('openssl', ['x509', '-noout', '-serial', '-in', path]).toString().trim();

  async function served(address: string, name: string): Promise<string> {
    const { stdout } = await run('bash', [
      '-c',
      `openssl s_client -connect ${address}:443 -servername ${name} </dev/null 2>/dev/null | openssl x509 -noout -serial`,
    ]);
    return stdout.trim();
  }

  // The issuer says where solvers go, and the Gateway that asked is named once more.
  test('its HTTP-01 solver is a route beside the others, on the listener for HTTP and on all of the Gateway', async () => {
    await scene.apply(GATEWAY);
    await scene.apply(`---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: cm-acme-http-solver-x, labels: { acme.cert-manager.io/http01-solver: "true" } }
spec:
  parentRefs:
    - { kind: Gateway, name: edge, sectionName: http }
    - { kind: Gateway, name: edge, namespace: ${scene.namespace} }
  hostnames: [shop.example.com]
  rules:
    - matches: [{ path: { type: Exact, value: /.well-known/acme-challenge/token } }]
      backendRefs: [{ group: "", kind: Service, name: shop, port: 8080, weight: 1 }]
`);
    const accepted = 'jsonpath={.status.parents[*].conditions[?(@.type=="Programmed")].status}';
    await expect
      .poll(() => scene.kubectl('get', 'httproute/cm-acme-http-solver-x', '-o', accepted), { timeout: 90_000 })
      .toBe('True True');
    // The route's says that data planes have it, the Gateway's that its address leads to one.
    await scene.kubectl('wait', '--for=condition=Programmed', '--timeout=60s', 'gateway/edge');
    const address = await scene.kubectl('get', 'gateway/edge', '-o', 'jsonpath={.status.addresses[0].value}');
    const url = `http://${address}/.well-known/acme-challenge/token`;
    const { stdout } = await run('curl', ['-s', '-m', '10', '-H', 'Host: shop.example.com', url]);
    expect(stdout).toContain('/.well-known/acme-challenge/token');
    await scene.kubectl('delete', 'httproute/cm-acme-http-solver-x');
  });

  test('the Secret that it makes is served once it is there, and again when it is renewed', async () => {
    const wanted = wantedCertificates(await read<Annotated>('gateway/edge'));
    expect(wanted).toEqual([{ secret: 'shop-tls', names: ['*.example.com', 'example.net'] }]);
    const [{ secret, names }] = wanted as [(typeof wanted)[0]];
    const address = await scene.kubectl('get', 'gateway/edge', '-o', 'jsonpath={.status.addresses[0].value}');
    for (const _ of ['first', 'renewed']) {
      const { certificate: path, key } = issue(names);
      const data = {
        'tls.crt': readFileSync(path).toString('base64'),
        'tls.key': readFileSync(key).toString('base64'),
      };
      await scene.apply(
        JSON.stringify({
          apiVersion: 'v1',
          kind: 'Secret',
          metadata: {
            name: secret,
            annotations: { 'cert-manager.io/certificate-name': secret },
            labels: { 'controller.cert-manager.io/fao': 'true' },
          },
          type: 'kubernetes.io/tls',
          data,
        }),
      );
      for (const name of ['shop.example.com', 'example.net']) {
        await expect.poll(() => served(address, name), { timeout: 60_000 }).toBe(serial(path));
      }
    }
    await scene.wait('gateway/edge', 'Programmed');
  });
});

describe('external-dns', () => {
  async function found(): Promise<Record<string, string[]>> {
    const items = async <T>(kinds: string): Promise<T[]> => (await read<{ items: T[] }>(kinds)).items;
    return records(
      await items<RouteObject>('httproutes,grpcroutes,tlsroutes'),
      await items<ParentObject>('gateways,listenersets'),
    );
  }

  test('finds the names of accepted routes, and the addresses of their Gateway', async () => {
    await scene.apply(GATEWAY);
    // The listener grants only one of the route's names.
    const target = [expect.stringMatching(/^[\da-f.:]+$/)];
    await expect.poll(found, { timeout: 60_000 }).toEqual({ 'shop.example.com': target });
    await scene.kubectl('patch', 'httproute/shop', '--type=merge', '-p', '{"spec":{"hostnames":["new.example.com"]}}');
    await expect.poll(found, { timeout: 60_000 }).toEqual({ 'new.example.com': target });
  });

  test('meets wildcards, reads annotations, and takes the listeners of ListenerSets', async () => {
    await scene.apply(NAMES);
    const address = [await scene.address('names')];
    const own = async (): Promise<Record<string, string[]>> =>
      Object.fromEntries(Object.entries(await found()).filter(([name]) => name.endsWith('.example.org')));
    await expect.poll(own, { timeout: 90_000 }).toEqual({
      'noted.example.org': address,
      'shop.example.org': address,
      '*.wild.example.org': address,
      'a.wild.example.org': address,
      'one.example.org': address,
      'grpc.example.org': address,
      'tls.example.org': address,
      'a.set.example.org': address,
      'aimed.example.org': ['203.0.113.9'],
      'later.example.org': address,
    });
    await scene.kubectl('annotate', 'gateway/names', `${PREFIX}/target=203.0.113.10`);
    await scene.kubectl('delete', 'listenerset/later');
    await expect.poll(async () => (await own())['a.set.example.org'], { timeout: 60_000 }).toEqual(['203.0.113.10']);
    await expect.poll(async () => Object.keys(await own())).not.toContain('later.example.org');
    expect((await own())['aimed.example.org']).toEqual(['203.0.113.9']);
  });
});
