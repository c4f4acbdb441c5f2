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
import { Scene } from './scene.ts';

interface Gateway {
  metadata: { annotations?: Record<string, string>; namespace: string; name: string };
  spec: {
    listeners: Array<{
      name: string;
      hostname?: string;
      protocol: string;
      tls?: { certificateRefs?: Array<{ name: string }> };
    }>;
  };
  status?: { addresses?: Array<{ type: string; value: string }> };
}

interface Route {
  metadata: { generation: number };
  spec: { hostnames?: string[] };
  status?: {
    parents?: Array<{
      parentRef: { name: string; sectionName?: string };
      conditions: Array<{ type: string; status: string; observedGeneration: number }>;
    }>;
  };
}

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
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: shop }
spec:
  parentRefs: [{ name: edge, sectionName: https }]
  hostnames: [shop.example.com, shop.example.org]
  rules: [{ backendRefs: [{ name: shop, port: 8080 }] }]
`;

describe('cert-manager', () => {
  /** A Certificate for each Secret that an HTTPS listener with a hostname names, as its gateway-shim asks for. */
  const wanted = ({ metadata, spec }: Gateway): Array<{ secret: string; name: string }> =>
    metadata.annotations?.['cert-manager.io/issuer'] === undefined
      ? []
      : spec.listeners.flatMap(({ hostname, tls }) =>
          hostname === undefined
            ? []
            : (tls?.certificateRefs ?? []).map((ref) => ({ secret: ref.name, name: hostname })),
        );

  function issue(name: string): { certificate: string; key: string } {
    const [certificate, key] = ['tls.crt', 'tls.key'].map((file) => join(folder, file)) as [string, string];
    const subject = ['-days', '30', '-subj', '/CN=test', '-addext', `subjectAltName=DNS:${name}`];
    const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
    execFileSync('openssl', ['req', '-x509', ...kind, '-keyout', key, '-out', certificate, ...subject], {
      stdio: 'ignore',
    });
    return { certificate, key };
  }

  const serial = (path: string): string =>
    execFileSync('openssl', ['x509', '-noout', '-serial', '-in', path]).toString().trim();

  async function served(address: string): Promise<string> {
    const { stdout } = await run('bash', [
      '-c',
      `openssl s_client -connect ${address}:443 -servername shop.example.com </dev/null 2>/dev/null | openssl x509 -noout -serial`,
    ]);
    return stdout.trim();
  }

  test('its HTTP-01 solver is a route beside the others, on the listener for HTTP', async () => {
    await scene.apply(GATEWAY);
    await scene.apply(`---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: cm-acme-http-solver-x, labels: { acme.cert-manager.io/http01-solver: "true" } }
spec:
  parentRefs: [{ group: gateway.networking.k8s.io, kind: Gateway, name: edge, sectionName: http }]
  hostnames: [shop.example.com]
  rules:
    - matches: [{ path: { type: Exact, value: /.well-known/acme-challenge/token } }]
      backendRefs: [{ group: "", kind: Service, name: shop, port: 8080, weight: 1 }]
`);
    const accepted = 'jsonpath={.status.parents[0].conditions[?(@.type=="Programmed")].status}';
    await expect
      .poll(() => scene.kubectl('get', 'httproute/cm-acme-http-solver-x', '-o', accepted), { timeout: 90_000 })
      .toBe('True');
    // The route's says that data planes have it, the Gateway's that its address leads to one.
    await scene.kubectl('wait', '--for=condition=Programmed', '--timeout=60s', 'gateway/edge');
    const address = await scene.kubectl('get', 'gateway/edge', '-o', 'jsonpath={.status.addresses[0].value}');
    const url = `http://${address}/.well-known/acme-challenge/token`;
    const { stdout } = await run('curl', ['-s', '-m', '10', '-H', 'Host: shop.example.com', url]);
    expect(stdout).toContain('/.well-known/acme-challenge/token');
    await scene.kubectl('delete', 'httproute/cm-acme-http-solver-x');
  });

  test('the Secret that it makes is served once it is there, and again when it is renewed', async () => {
    const [certificate] = wanted(await read<Gateway>('gateway/edge'));
    expect(certificate).toEqual({ secret: 'shop-tls', name: '*.example.com' });
    const address = await scene.kubectl('get', 'gateway/edge', '-o', 'jsonpath={.status.addresses[0].value}');
    for (const _ of ['first', 'renewed']) {
      const { certificate: path, key } = issue(certificate!.name);
      const data = {
        'tls.crt': readFileSync(path).toString('base64'),
        'tls.key': readFileSync(key).toString('base64'),
      };
      await scene.apply(
        JSON.stringify({
          apiVersion: 'v1',
          kind: 'Secret',
          metadata: {
            name: certificate!.secret,
            annotations: { 'cert-manager.io/certificate-name': certificate!.secret },
            labels: { 'controller.cert-manager.io/fao': 'true' },
          },
          type: 'kubernetes.io/tls',
          data,
        }),
      );
      await expect.poll(() => served(address), { timeout: 60_000 }).toBe(serial(path));
    }
    await scene.wait('gateway/edge', 'Programmed');
  });
});

describe('external-dns', () => {
  /** Names to addresses, as its source for Gateway routes makes them. */
  function endpoints(route: Route, gateway: Gateway): Map<string, string[]> {
    const found = new Map<string, string[]>();
    for (const { parentRef, conditions } of route.status?.parents ?? []) {
      const accepted = conditions.find(({ type }) => type === 'Accepted');
      if (accepted?.status !== 'True' || accepted.observedGeneration !== route.metadata.generation) continue;
      const listeners = gateway.spec.listeners.filter(
        ({ name, protocol }) => protocol.startsWith('HTTP') && (parentRef.sectionName ?? name) === name,
      );
      const targets = (gateway.status?.addresses ?? []).map(({ value }) => value);
      for (const name of route.spec.hostnames ?? []) {
        if (listeners.some(({ hostname }) => covers(hostname, name))) found.set(name, targets);
      }
    }
    return found;
  }

  function covers(listener: string | undefined, name: string): boolean {
    if (listener === undefined || listener === name) return true;
    return listener.startsWith('*.') && name.endsWith(listener.slice(1));
  }

  test('finds the names of accepted routes, and the addresses of their Gateway', async () => {
    await scene.apply(GATEWAY);
    const found = async (): Promise<Array<[string, string[]]>> => [
      ...endpoints(await read<Route>('httproute/shop'), await read<Gateway>('gateway/edge')),
    ];
    // The listener grants only one of the route's names.
    await expect
      .poll(found, { timeout: 60_000 })
      .toEqual([['shop.example.com', [expect.stringMatching(/^[\da-f.:]+$/)]]]);
    await scene.kubectl('patch', 'httproute/shop', '--type=merge', '-p', '{"spec":{"hostnames":["new.example.com"]}}');
    await expect
      .poll(async () => (await found()).map(([name]) => name), { timeout: 60_000 })
      .toEqual(['new.example.com']);
  });
});
