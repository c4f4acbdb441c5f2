import { type AnyResource, type HTTPRoute, objectKey, SERVICE_NAME_LABEL } from '../../api/index.ts';
import type { Fields } from '../fields.ts';
import type { RouteEdit, VendorKind, VendorPlace } from '../suggest/vendor-kind.ts';
import { ENVOY_GROUP } from './group.ts';

export const backend: VendorKind = {
  group: ENVOY_GROUP,
  kind: 'Backend',
  suggest(spec, place) {
    spec.oneOf('type', ['Endpoints'], { ours: 'Service' });
    spec.lost('fallback', 'endpoints that fail are passed over');
    spec.lost('tls', 'write a BackendTLSPolicy for the Service');
    spec.lost('appProtocols', "write appProtocol of the Service's port");
    const endpoints = spec.objects('endpoints').flatMap(endpointOf);
    const names = endpoints.filter(({ isName }) => isName);
    const port = endpoints[0]?.port;
    if (port === undefined) return {};
    if (names.length > 0 && endpoints.length > 1) {
      spec.refuse(
        'endpoints',
        'a name stands for itself: write a Service of type ExternalName for each, and weights in the route',
      );
      return {};
    }
    const objects = names.length > 0 ? [named(place, endpoints[0]!)] : addressed(place, endpoints);
    return { objects, edits: edits(place, port) };
  },
};

interface Endpoint {
  address: string;
  port: number;
  isName: boolean;
}

function endpointOf(endpoint: Fields): Endpoint[] {
  endpoint.lost('unix', 'endpoints are reached by TCP');
  endpoint.lost('hostname', 'write a URLRewrite filter with hostname');
  endpoint.lost('zone', 'write zone in the EndpointSlice');
  const [fqdn, ip] = [endpoint.object('fqdn'), endpoint.object('ip')];
  const name = fqdn?.text('hostname', { ours: 'Service externalName' });
  const address = ip?.text('address', { ours: 'EndpointSlice endpoints[].addresses' });
  const port =
    fqdn?.number('port', { ours: 'Service ports[].port' }) ??
    ip?.number('port', { ours: 'EndpointSlice ports[].port' });
  if (port === undefined || (name ?? address) === undefined) return [];
  return [{ address: (name ?? address)!, port, isName: name !== undefined }];
}

function named({ namespace, name }: VendorPlace, { address, port }: Endpoint): AnyResource {
  const spec = { type: 'ExternalName', externalName: address, ports: [{ name: 'main', port, protocol: 'TCP' }] };
  return { apiVersion: 'v1', kind: 'Service', metadata: { namespace, name }, spec } as unknown as AnyResource;
}

/** A Service without a selector, and a slice for each port. */
function addressed({ namespace, name }: VendorPlace, endpoints: readonly Endpoint[]): AnyResource[] {
  const [{ port }] = endpoints as [Endpoint, ...Endpoint[]];
  const groups = Map.groupBy(endpoints, (one) => `${one.address.includes(':') ? 'IPv6' : 'IPv4'} ${one.port}`);
  const slices = [...groups].map(([key, all]) => {
    const [addressType] = key.split(' ');
    return {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: {
        namespace,
        name: `${name}-${key.toLowerCase().replace(' ', '-')}`,
        labels: { [SERVICE_NAME_LABEL]: name },
      },
      addressType,
      ports: [{ name: 'main', port: all[0]!.port, protocol: 'TCP' }],
      endpoints: all.map(({ address }) => ({ addresses: [address] })),
    };
  });
  const service = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { namespace, name },
    spec: { type: 'ClusterIP', ports: [{ name: 'main', port, protocol: 'TCP' }] },
  };
  return [service, ...slices] as unknown as AnyResource[];
}

/** Routes of the namespace that refer to it refer to the Service. */
function edits({ namespace, name, site }: VendorPlace, port: number): RouteEdit[] {
  const isIt = ({ group, kind, name: other }: { group?: string; kind?: string; name: string }): boolean =>
    group === ENVOY_GROUP && kind === 'Backend' && other === name;
  const edit = (route: HTTPRoute): HTTPRoute => {
    const rules = (route.spec.rules ?? []).map((rule) => {
      if (rule.backendRefs === undefined) return rule;
      const backendRefs = rule.backendRefs.map((ref) =>
        isIt(ref) ? { ...ref, group: '', kind: 'Service', port } : ref,
      );
      return { ...rule, backendRefs };
    });
    return { ...route, spec: { ...route.spec, rules } };
  };
  return site
    .all('HTTPRoute')
    .filter(
      ({ metadata, spec }) =>
        metadata.namespace === namespace && (spec.rules ?? []).some(({ backendRefs = [] }) => backendRefs.some(isIt)),
    )
    .map((route) => ({ route: objectKey(route), edit }));
}
