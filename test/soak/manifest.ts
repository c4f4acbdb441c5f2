/** The objects of a soak's manifests. */
import type { Pair } from '../tls/authority.ts';
import type { BackendKind } from './backend.ts';
import { HOSTS, type Ports } from './traffic/index.ts';

export interface ListenerManifest {
  name: string;
  port: number;
  protocol: 'HTTP' | 'HTTPS' | 'TLS' | 'TCP' | 'UDP';
  hostname?: string;
  tls?: object;
}

/** Port of all Services. */
const PORT = 80;

export function gateway(listeners: readonly ListenerManifest[]): object[] {
  return [
    object('GatewayClass', 'soak', { spec: { controllerName: 'example.com/soak' } }),
    object('Gateway', 'edge', { spec: { gatewayClassName: 'soak', listeners } }),
  ];
}

export function listeners(ports: Ports): ListenerManifest[] {
  return [
    { name: 'http', port: ports.http, protocol: 'HTTP' },
    { name: 'https', port: ports.https, protocol: 'HTTPS', tls: { certificateRefs: [{ name: 'web' }] } },
    { name: 'passthrough', port: ports.passthrough, protocol: 'TLS', tls: { mode: 'Passthrough' } },
    { name: 'tcp', port: ports.tcp, protocol: 'TCP' },
    { name: 'udp', port: ports.udp, protocol: 'UDP' },
  ];
}

/** A Service and its endpoints, each a port of this machine and a slice of its own. */
export function service(name: string, kind: BackendKind, ports: readonly number[]): object[] {
  const h2c = kind === 'h2c' || kind === 'grpc' ? { appProtocol: 'kubernetes.io/h2c' } : {};
  const udp = kind === 'udp' ? { protocol: 'UDP' } : {};
  return [
    { apiVersion: 'v1', kind: 'Service', metadata: { name }, spec: { ports: [{ port: PORT, ...h2c, ...udp }] } },
    ...ports.map((port) => ({
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { name: `${name}-${port}`, labels: { 'kubernetes.io/service-name': name } },
      addressType: 'IPv4',
      ports: [{ port, ...udp }],
      endpoints: [{ addresses: ['127.0.0.1'], conditions: { ready: true } }],
    })),
  ];
}

/** The route of all that clients of HTTP ask for; `edit` is told in each answer, and `share` of ten go to `h1-more`. */
export function webRoute(edit: number, share: number): object {
  const filters = [
    { type: 'ResponseHeaderModifier', responseHeaderModifier: { set: [{ name: 'x-edit', value: String(edit) }] } },
  ];
  const rule = (prefix: string, backendRefs: object[]): object => ({
    matches: [{ path: { value: prefix } }],
    filters,
    backendRefs,
  });
  return httpRoute('web', HOSTS.web, [
    rule('/h1', [
      { name: 'h1', port: PORT, weight: 10 - share },
      { name: 'h1-more', port: PORT, weight: share },
    ]),
    rule('/h2', [{ name: 'h2c', port: PORT }]),
  ]);
}

export function httpRoute(name: string, host: string, rules: object[]): object {
  return object('HTTPRoute', name, { spec: { parentRefs: [{ name: 'edge' }], hostnames: [host], rules } });
}

export function backendRefs(name: string): { backendRefs: object[] } {
  return { backendRefs: [{ name, port: PORT }] };
}

/** All connections or datagrams of a listener to one Service. */
export function streamRoute(kind: 'TCPRoute' | 'UDPRoute' | 'TLSRoute', listener: string, backend: string): object {
  const hostnames = kind === 'TLSRoute' ? { hostnames: [HOSTS.passthrough] } : {};
  const parentRefs = [{ name: 'edge', sectionName: listener }];
  return object(kind, listener, { spec: { parentRefs, ...hostnames, rules: [backendRefs(backend)] } });
}

export function grpcRoute(): object {
  const spec = { parentRefs: [{ name: 'edge' }], hostnames: [HOSTS.grpc], rules: [backendRefs('grpc')] };
  return object('GRPCRoute', 'grpc', { spec });
}

export function secret(name: string, { certificate, privateKey }: Pair): object {
  const data = { 'tls.crt': btoa(certificate), 'tls.key': btoa(privateKey) };
  return { apiVersion: 'v1', kind: 'Secret', metadata: { name }, type: 'kubernetes.io/tls', data };
}

function object(kind: string, name: string, fields: object): object {
  return { apiVersion: 'gateway.networking.k8s.io/v1', kind, metadata: { name }, ...fields };
}
