import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findProgram } from './find.ts';
import type { Peer, Setup } from './peer.ts';

/** HTTPRoutes may have this many rules at most. */
const rulesPerRoute = 10;

/**
 * @param root a checkout or an installed package of Daemun
 * @param nodeArgs options for Node itself, such as those of its profiler
 */
export function daemun(name: string, root: string, nodeArgs: string[] = []): Peer {
  const entry = join(root, 'bin', 'daemun.js');
  return {
    name,
    find: () => findProgram([[process.execPath, entry, '--version']], /\d+\.\d+\.\d+\S*/),
    launch(setup, { dir, port }) {
      const asked = [...(setup.asks ? [asking] : []), ...(setup.gzip === undefined ? [] : [compressing(setup.gzip)])];
      if (!asked.every(({ kind }) => knows(root, kind))) return undefined;
      const manifests = join(dir, 'manifests.json');
      writeFileSync(manifests, JSON.stringify({ apiVersion: 'v1', kind: 'List', items: daemunManifests(setup) }));
      const serve = ['run', '-f', manifests, '--port-map', `8000=${port}`, '--bind', '127.0.0.1'];
      const backend = ['--endpoint', `bench/backend:80=127.0.0.1:${setup.backend}`];
      const rest = ['--workers', String(setup.workers), '--access-log', 'off', '--admin', 'off', '--log-level', 'warn'];
      return { argv: [process.execPath, ...nodeArgs, entry, ...serve, ...backend, ...rest], cwd: dir };
    },
  };
}

/** Whether a build has a kind of policy: one without it would serve as though nobody had asked for that. */
function knows(root: string, kind: string): boolean {
  return globSync(join(root, 'dist', '**', '*.js')).some((file) => readFileSync(file, 'utf8').includes(kind));
}

/** The setup as Gateway API objects, all in the namespace `bench`. */
export function daemunManifests(setup: Setup): object[] {
  const classRef = { apiVersion: 'gateway.networking.k8s.io/v1', kind: 'GatewayClass', metadata: { name: 'bench' } };
  const protocol = setup.kind === 'udp' ? { protocol: 'UDP' } : {};
  const appProtocol = setup.kind === 'grpc' ? { appProtocol: 'kubernetes.io/h2c' } : {};
  return [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'bench' } },
    { ...classRef, spec: { controllerName: 'daemun.dev/gateway' } },
    object('Gateway', 'gateway', { gatewayClassName: 'bench', listeners: [listener(setup)] }),
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { namespace: 'bench', name: 'backend' },
      spec: { ports: [{ name: 'main', port: 80, ...protocol, ...appProtocol }] },
    },
    ...(setup.certificate === undefined ? [] : [secret(setup.certificate)]),
    ...(setup.asks ? [asking] : []),
    ...(setup.gzip === undefined ? [] : [compressing(setup.gzip)]),
    ...routes(setup),
  ];
}

/** As nginx's gzip does. */
const compressing = (level: number) => ({
  apiVersion: 'policies.daemun.dev/v1alpha1',
  kind: 'ResponsePolicy',
  metadata: { namespace: 'bench', name: 'compressing' },
  spec: {
    targetRefs: [{ group: 'gateway.networking.k8s.io', kind: 'Gateway', name: 'gateway' }],
    compression: { algorithms: ['gzip'], types: ['text/plain'], level },
  },
});

/** As nginx's auth_request does. */
const asking = {
  apiVersion: 'policies.daemun.dev/v1alpha1',
  kind: 'AuthenticationPolicy',
  metadata: { namespace: 'bench', name: 'asking' },
  spec: {
    targetRefs: [{ group: 'gateway.networking.k8s.io', kind: 'Gateway', name: 'gateway' }],
    methods: [{ external: { backendRef: { name: 'backend', port: 80 } } }],
  },
};

function object(kind: string, name: string, spec: object): object {
  return { apiVersion: 'gateway.networking.k8s.io/v1', kind, metadata: { namespace: 'bench', name }, spec };
}

function listener(setup: Setup): object {
  const base = { name: 'main', port: 8000 };
  switch (setup.kind) {
    case 'http':
    case 'grpc': {
      if (setup.certificate === undefined) return { ...base, protocol: 'HTTP' };
      return { ...base, protocol: 'HTTPS', tls: { certificateRefs: [{ name: 'certificate' }] } };
    }
    case 'tls':
      return { ...base, protocol: 'TLS', tls: { mode: 'Passthrough' } };
    case 'tcp':
      return { ...base, protocol: 'TCP' };
    case 'udp':
      return { ...base, protocol: 'UDP' };
  }
}

function routes(setup: Setup): object[] {
  const parentRefs = [{ name: 'gateway' }];
  const backendRefs = [{ name: 'backend', port: 80 }];
  switch (setup.kind) {
    case 'http':
      return setup.hosts.flatMap((host) =>
        batches(setup.paths).map((paths, part) => {
          const rules = paths.map((value) => ({ matches: [{ path: { type: 'PathPrefix', value } }], backendRefs }));
          return object('HTTPRoute', `${host}-${part}`, { parentRefs, hostnames: [host], rules });
        }),
      );
    case 'grpc':
      return [object('GRPCRoute', 'route', { parentRefs, hostnames: setup.hosts, rules: [{ backendRefs }] })];
    case 'tls':
      return [object('TLSRoute', 'route', { parentRefs, hostnames: setup.hosts, rules: [{ backendRefs }] })];
    case 'tcp':
      return [object('TCPRoute', 'route', { parentRefs, rules: [{ backendRefs }] })];
    case 'udp':
      return [object('UDPRoute', 'route', { parentRefs, rules: [{ backendRefs }] })];
  }
}

function batches(paths: string[]): string[][] {
  const result: string[][] = [];
  for (let i = 0; i < paths.length; i += rulesPerRoute) result.push(paths.slice(i, i + rulesPerRoute));
  return result;
}

function secret(files: { cert: string; key: string }): object {
  const encode = (file: string): string => readFileSync(file).toString('base64');
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    type: 'kubernetes.io/tls',
    metadata: { namespace: 'bench', name: 'certificate' },
    data: { 'tls.crt': encode(files.cert), 'tls.key': encode(files.key) },
  };
}
