import { type AnyResource, type HTTPRoute, objectKey, SERVICE_NAME_LABEL } from '../../api/index.ts';
import { isObject } from '../../value/json-object.ts';
import type { Fields } from '../fields.ts';
import { ownPolicy, targetOf } from '../ours.ts';
import type { RouteEdit, VendorKind, VendorPlace } from '../suggest/vendor-kind.ts';
import { ENVOY_GROUP } from './group.ts';

export const backend: VendorKind = {
  group: ENVOY_GROUP,
  kind: 'Backend',
  suggest(spec, place) {
    spec.oneOf('type', ['Endpoints'], { ours: 'Service' });
    spec.lost('fallback', 'endpoints that fail are passed over');
    const httpVersion = spokenInTls(spec);
    spec.lost('tls', `write a BackendTLSPolicy for the Service${httpVersion === undefined ? '' : SPOKEN}`);
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
    const { namespace, name } = place;
    const targetRefs = [targetOf('Service', name)];
    const traffic = httpVersion && ownPolicy('BackendTrafficPolicy', { namespace, name }, { targetRefs, httpVersion });
    const objects = [
      ...(names.length > 0 ? [named(place, endpoints[0]!)] : addressed(place, endpoints)),
      ...(traffic === undefined ? [] : [traffic]),
    ];
    return { objects, edits: edits(place, port) };
  },
};

const SPOKEN = '; httpVersion of a BackendTrafficPolicy says what is spoken in it';

/** What ALPN settles, where nothing else says what is spoken. */
function spokenInTls(spec: Fields): 'Auto' | 'HTTP2' | undefined {
  const tls = spec.any('tls');
  if (!isObject(tls) || spec.has('appProtocols')) return undefined;
  const { alpnProtocols = ['h2', 'http/1.1'] } = tls;
  if (!Array.isArray(alpnProtocols) || !alpnProtocols.includes('h2')) return undefined;
  return alpnProtocols.includes('http/1.1') ? 'Auto' : 'HTTP2';
}

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
