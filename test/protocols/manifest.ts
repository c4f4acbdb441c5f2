/** Manifests of the protocol tests: one Gateway named `gw`, and what a test adds. */
export interface ListenerManifest {
  name: string;
  port: number;
  protocol: 'HTTP' | 'HTTPS' | 'TLS' | 'TCP' | 'UDP';
  hostname?: string;
  tls?: object;
}

export function gateway(listeners: ListenerManifest[]): string {
  return documents(
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
  );
}

type RouteKind = 'HTTPRoute' | 'GRPCRoute' | 'TLSRoute' | 'TCPRoute' | 'UDPRoute';

const VERSIONS: Record<RouteKind, string> = {
  HTTPRoute: 'v1',
  GRPCRoute: 'v1',
  TLSRoute: 'v1',
  TCPRoute: 'v1alpha2',
  UDPRoute: 'v1alpha2',
};

/** A route of `gw`; `on`: the listener that it is for, where it is not for all. */
export function route(
  kind: RouteKind,
  name: string,
  spec: { rules: object[]; hostnames?: string[]; on?: string },
): string {
  const { on, ...rest } = spec;
  const parent = on === undefined ? { name: 'gw' } : { name: 'gw', sectionName: on };
  return documents({
    apiVersion: `gateway.networking.k8s.io/${VERSIONS[kind]}`,
    kind,
    metadata: { name },
    spec: { parentRefs: [parent], ...rest },
  });
}

export function service(name: string, port: number, more: { protocol?: string; appProtocol?: string } = {}): string {
  return documents({ apiVersion: 'v1', kind: 'Service', metadata: { name }, spec: { ports: [{ port, ...more }] } });
}

/** A BackendTLSPolicy for a Service, with the ConfigMap of its CA. */
export function backendTls(name: string, { hostname, ca }: { hostname: string; ca: string }): string {
  return documents(
    { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: `${name}-ca` }, data: { 'ca.crt': ca } },
    {
      apiVersion: 'gateway.networking.k8s.io/v1',
      kind: 'BackendTLSPolicy',
      metadata: { name },
      spec: {
        targetRefs: [{ group: '', kind: 'Service', name }],
        validation: { hostname, caCertificateRefs: [{ group: '', kind: 'ConfigMap', name: `${name}-ca` }] },
      },
    },
  );
}

/** YAML takes JSON as it is. */
export function documents(...objects: object[]): string {
  return objects.map((object) => `---\n${JSON.stringify(object)}\n`).join('');
}
