/** Manifests of the served-traffic tests, put together from what a test is about. */
import { stringify } from 'yaml';

/** A GatewayClass, a Gateway `gw` with these listeners, and what else there is; JSON-like objects. */
export function manifests(listeners: object[], ...objects: object[]): string {
  return [
    {
      apiVersion: 'gateway.networking.k8s.io/v1',
      kind: 'GatewayClass',
      metadata: { name: 'any' },
      spec: { controllerName: 'example.com/any' },
    },
    {
      apiVersion: 'gateway.networking.k8s.io/v1',
      kind: 'Gateway',
      metadata: { name: 'gw' },
      spec: { gatewayClassName: 'any', listeners },
    },
    ...objects,
  ]
    .map((object) => stringify(object))
    .join('---\n');
}

export const HTTP = { name: 'http', port: 80, protocol: 'HTTP' };

export function httpRoute(name: string, rules: object[], spec: object = {}): object {
  return {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'HTTPRoute',
    metadata: { name },
    spec: { parentRefs: [{ name: 'gw' }], ...spec, rules },
  };
}

/** A Service with port 80. Its endpoints come by the rig's `endpoints` or `echo`. */
export function service(name: string): object {
  return { apiVersion: 'v1', kind: 'Service', metadata: { name }, spec: { ports: [{ port: 80 }] } };
}

export function backendRefs(...names: string[]): { backendRefs: object[] } {
  return { backendRefs: names.map((name) => ({ name, port: 80 })) };
}

/** Of the rig's `endpoints`: this Service's are these ports of this machine. */
export function endpointsOf(name: string, ...ports: number[]): string {
  return `default/${name}:80=${ports.map((port) => `127.0.0.1:${port}`).join(',')}`;
}

export function tlsSecret(name: string, pair: { certificate: string; privateKey: string }): object {
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name },
    type: 'kubernetes.io/tls',
    data: {
      'tls.crt': Buffer.from(pair.certificate).toString('base64'),
      'tls.key': Buffer.from(pair.privateKey).toString('base64'),
    },
  };
}
