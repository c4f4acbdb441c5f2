/** Manifests for tests: JSON is YAML too. */

export const GATEWAY = documents(
  {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'GatewayClass',
    metadata: { name: 'any' },
    spec: { controllerName: 'example.com/any' },
  },
  gateway([{ name: 'http', port: 80, protocol: 'HTTP' }]),
);

export function gateway(listeners: Array<Record<string, unknown>>): object {
  return {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'Gateway',
    metadata: { name: 'edge', namespace: 'shop' },
    spec: { gatewayClassName: 'any', listeners },
  };
}

export function service(name: string): object {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'shop' },
    spec: { ports: [{ name: 'http', port: 80 }] },
  };
}

export function slice(service: string): object {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: service, namespace: 'shop', labels: { 'kubernetes.io/service-name': service } },
    addressType: 'IPv4',
    endpoints: [{ addresses: ['192.0.2.1'] }],
    ports: [{ name: 'http', port: 8080 }],
  };
}

/** All requests to `hostname` go to the Service. */
export function route(name: string, { hostname, backend }: { hostname: string; backend: string }): object {
  return {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'HTTPRoute',
    metadata: { name, namespace: 'shop' },
    spec: {
      parentRefs: [{ name: 'edge' }],
      hostnames: [hostname],
      rules: [{ backendRefs: [{ name: backend, port: 80 }] }],
    },
  };
}

export function documents(...objects: object[]): string {
  return objects.map((object) => `${JSON.stringify(object, undefined, 2)}\n`).join('---\n');
}
