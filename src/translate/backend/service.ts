import {
  type EndpointSlice,
  type Endpoints as EndpointsObject,
  IMPORT_NAME_LABEL,
  SERVICE_NAME_LABEL,
  type Service,
  type ServiceImport,
  type ServicePort,
  type SliceEndpoint,
} from '../../api/index.ts';
import type { Endpoint, Endpoints } from '../../config/index.ts';
import { addressOf } from '../policy/service-address.ts';
import type { BackendUse } from './backend-use.ts';

/** What a Service's endpoints are made of. */
export interface EndpointSources {
  service: Service | undefined;
  slices: ReadonlyArray<EndpointSlice>;
  /** Read only where there is no slice. */
  legacy: EndpointsObject | undefined;
  /** Requests go to the Service's own address, where it has one. */
  asWhole?: boolean;
}

/** `namespace/service` of a slice, or undefined: it belongs to no Service. */
export function sliceService(slice: EndpointSlice): string | undefined {
  const service = slice.metadata.labels?.[SERVICE_NAME_LABEL];
  return service === undefined ? undefined : `${slice.metadata.namespace ?? ''}/${service}`;
}

/** `namespace/name` of the ServiceImport of a slice, or undefined: it belongs to none. */
export function sliceImport(slice: EndpointSlice): string | undefined {
  const name = slice.metadata.labels?.[IMPORT_NAME_LABEL];
  return name === undefined ? undefined : `${slice.metadata.namespace ?? ''}/${name}`;
}

/** What an import and a Service have in common. */
export function serviceOfImport({ apiVersion, metadata, spec }: ServiceImport): Service {
  const { ports = [], ips = [] } = spec;
  const at = ips.length === 0 ? {} : { clusterIPs: ips };
  return { apiVersion, kind: 'Service', metadata, spec: { type: 'ClusterIP', ports, ...at } };
}

/** Where it has no slice of its own, an import is reached as a whole: by the address that its controller gave it. */
export function endpointsOfImport(
  use: BackendUse,
  { imported, slices }: { imported: ServiceImport | undefined; slices: ReadonlyArray<EndpointSlice> },
): Endpoints {
  const service = imported && serviceOfImport(imported);
  const found = endpointsOf(use, { service, slices, legacy: undefined });
  const { key } = use;
  const [address] = imported?.spec.ips ?? [];
  if (slices.length > 0 || address === undefined) return found;
  return { kind: 'Endpoints', key, endpoints: [{ address, port: use.service.port, state: 'ready' }] };
}

/** Where a Backend's requests can go. */
export function endpointsOf(use: BackendUse, { service, slices, legacy, asWhole }: EndpointSources): Endpoints {
  const { key } = use;
  const transport = use.protocol === 'udp' ? 'UDP' : 'TCP';
  const port = service?.spec.ports?.find(
    (one) => one.port === use.service.port && (one.protocol ?? 'TCP') === transport,
  );
  if (service?.spec.type === 'ExternalName') {
    const dns = { hostname: service.spec.externalName ?? '', port: targetOf(port, use.service.port) };
    return { kind: 'Endpoints', key, endpoints: [], dns };
  }
  if (service === undefined || port === undefined) return { kind: 'Endpoints', key, endpoints: [] };
  const address = asWhole ? addressOf(service) : undefined;
  if (address !== undefined) {
    return { kind: 'Endpoints', key, endpoints: [{ address, port: use.service.port, state: 'ready' }] };
  }
  const found = slices.length > 0 ? fromSlices(service, port, slices) : fromLegacy(port, legacy);
  const dns = found.length > 0 ? undefined : fromNames(port, slices);
  return dns === undefined
    ? { kind: 'Endpoints', key, endpoints: found }
    : { kind: 'Endpoints', key, endpoints: [], dns };
}

/** A slice of names in place of addresses: the first is resolved like an ExternalName. */
function fromNames(port: ServicePort, slices: ReadonlyArray<EndpointSlice>): Endpoints['dns'] {
  for (const slice of slices) {
    const hostname = slice.addressType === 'FQDN' ? slice.endpoints?.[0]?.addresses[0] : undefined;
    const number = slicePort(slice, port);
    if (hostname !== undefined && number !== undefined) return { hostname, port: number };
  }
  return undefined;
}

/** A named targetPort is known to the endpoints' controller only: slices carry the number. */
function targetOf(port: ServicePort | undefined, otherwise: number): number {
  return typeof port?.targetPort === 'number' ? port.targetPort : otherwise;
}

function fromSlices(service: Service, port: ServicePort, slices: ReadonlyArray<EndpointSlice>): Endpoint[] {
  const found = new Map<string, Endpoint>();
  const family = familyOf(service, slices);
  for (const slice of slices) {
    const counts = family === undefined ? slice.addressType !== 'FQDN' : slice.addressType === family;
    const number = counts ? slicePort(slice, port) : undefined;
    if (number === undefined) continue;
    for (const endpoint of slice.endpoints ?? []) {
      const state = service.spec.publishNotReadyAddresses ? 'ready' : stateOf(endpoint);
      const address = endpoint.addresses[0];
      const at = `${address}:${number}`;
      // A pod that moves between slices is in both for a moment; ready counts.
      if (state === undefined || address === undefined || found.get(at)?.state === 'ready') continue;
      const forZones = endpoint.hints?.forZones?.map(({ name }) => name);
      found.set(at, {
        address,
        port: number,
        state,
        ...(endpoint.zone === undefined ? {} : { zone: endpoint.zone }),
        ...(forZones === undefined || forZones.length === 0 ? {} : { forZones }),
      });
    }
  }
  return Array.from(found.values());
}

/**
 * A dual-stack Service has each pod twice: its first family counts. One that no API server has been at says of no
 * family that it is the first, and its slices are of whoever wrote them: undefined, both count.
 */
function familyOf(service: Service, slices: ReadonlyArray<EndpointSlice>): 'IPv4' | 'IPv6' | undefined {
  const families = new Set(slices.map(({ addressType }) => addressType));
  if (!families.has('IPv6')) return 'IPv4';
  if (!families.has('IPv4')) return 'IPv6';
  const { ipFamilies, clusterIPs, clusterIP } = service.spec;
  const first = clusterIPs?.[0] ?? clusterIP;
  return ipFamilies?.[0] ?? (first === undefined ? undefined : first.includes(':') ? 'IPv6' : 'IPv4');
}

/** Ports meet by the Service port's name. A slice port without a number stands for every port. */
function slicePort(slice: EndpointSlice, port: ServicePort): number | undefined {
  const named = (slice.ports ?? []).find(
    (one) => (one.name ?? '') === (port.name ?? '') && (one.protocol ?? 'TCP') === (port.protocol ?? 'TCP'),
  );
  return named === undefined ? undefined : (named.port ?? targetOf(port, port.port));
}

function stateOf({ conditions = {} }: SliceEndpoint): Endpoint['state'] | undefined {
  const { ready = true, serving = ready, terminating = false } = conditions;
  if (ready && !terminating) return 'ready';
  return serving && terminating ? 'draining' : undefined;
}

function fromLegacy(port: ServicePort, legacy: EndpointsObject | undefined): Endpoint[] {
  const found: Endpoint[] = [];
  for (const subset of legacy?.subsets ?? []) {
    const named = (subset.ports ?? []).find(
      (one) => (one.name ?? '') === (port.name ?? '') && (one.protocol ?? 'TCP') === (port.protocol ?? 'TCP'),
    );
    if (named === undefined) continue;
    for (const { ip } of subset.addresses ?? []) found.push({ address: ip, port: named.port, state: 'ready' });
  }
  return found;
}
