/** A world as manifests, with the test's backends behind its Services. */
import { documents } from '../cli/manifest.ts';
import { tlsSecret } from '../served/manifest.ts';
import { LABELS } from './listener-model.ts';
import type { Request, Service, World } from './resource.ts';

const API = 'gateway.networking.k8s.io';

/** A Gateway that is in every world: something about it differs, so that whoever waits for a change sees one. */
export const MARK_PORT = 8081;
export const WRITTEN_PORTS = [80, 8080, 443, MARK_PORT];

function serviceObjects({ metadata, endpoints }: Service, ports: ReadonlyMap<string, number>): object[] {
  const { namespace, name } = metadata;
  const port = (number: number): number | undefined => ports.get(`${namespace}/${name}:${number}`);
  const service = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata,
    spec: {
      ports: [
        { name: 'http', port: 80 },
        { name: 'calls', port: 90, appProtocol: 'kubernetes.io/h2c' },
      ],
    },
  };
  if (endpoints === 'none') return [service];
  const slice = {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: `${name}-1`, namespace, labels: { 'kubernetes.io/service-name': name } },
    addressType: 'IPv4',
    endpoints: [{ addresses: ['127.0.0.1'] }],
    ports: [
      { name: 'http', port: port(80) },
      { name: 'calls', port: port(90) },
    ],
  };
  return [service, slice];
}

/** Answered otherwise than with 404 once the world with this mark is served. */
export function markRequest(mark: number): Request {
  return { port: MARK_PORT, version: '1.1', authority: 'mark.test', method: 'GET', target: `/${mark}`, headers: [] };
}

export interface Surroundings {
  /** Of listeners: as written, and where they are. */
  portMap: ReadonlyMap<number, number>;
  /** Of services. */
  ports: ReadonlyMap<string, number>;
  certificate: { certificate: string; privateKey: string };
}

export function written(world: World, mark: number, { ports, certificate }: Surroundings): string {
  const secret = (namespace: string): object => {
    const own = tlsSecret('cert', certificate) as { metadata: object };
    return { ...own, metadata: { ...own.metadata, namespace } };
  };
  const listener = { name: 'mark', port: MARK_PORT, protocol: 'HTTP' };
  return documents(
    {
      apiVersion: `${API}/v1`,
      kind: 'GatewayClass',
      metadata: { name: 'any' },
      spec: { controllerName: 'example.com/any' },
    },
    ...Object.entries(LABELS).map(([name, labels]) => ({
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name, labels },
    })),
    ...Object.keys(LABELS).map(secret),
    ...world.services.flatMap((service) => serviceObjects(service, ports)),
    ...world.gateways.map((one) => ({ apiVersion: `${API}/v1`, kind: 'Gateway', ...one })),
    ...world.listenerSets.map((one) => ({ apiVersion: `${API}/v1`, kind: 'ListenerSet', ...one })),
    ...world.routes.map((one) => ({ apiVersion: `${API}/v1`, ...one })),
    ...world.grants.map((one) => ({ apiVersion: `${API}/v1beta1`, kind: 'ReferenceGrant', ...one })),
    {
      apiVersion: `${API}/v1`,
      kind: 'Gateway',
      metadata: { name: 'mark', namespace: 'marks' },
      spec: { gatewayClassName: 'any', listeners: [listener] },
    },
    {
      apiVersion: `${API}/v1`,
      kind: 'HTTPRoute',
      metadata: { name: 'mark', namespace: 'marks' },
      spec: { parentRefs: [{ name: 'mark' }], rules: [{ matches: [{ path: { value: `/${mark}` } }] }] },
    },
  );
}
