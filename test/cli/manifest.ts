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
