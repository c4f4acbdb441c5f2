/** Where clients reach a Gateway: what its Service, or the nodes of its pods, have got. Pure. */
import { isIP } from 'node:net';
import type { WantedInfrastructure } from '../../api/index.ts';
import type { LiveObject } from './made-object.ts';
import { serviceType } from './service.ts';

export interface Addresses {
  addresses: Array<{ type: 'IPAddress' | 'Hostname'; value: string }>;
  problem?: { reason: 'AddressNotUsable' | 'AddressNotAssigned'; message: string };
}

export interface AddressSources {
  /** `namespace/name` of the Service, for messages. */
  name: string;
  /** The first, and those of further addresses. */
  services: LiveObject[];
  nodes(): LiveObject[];
  pods(): LiveObject[];
}

/** What a Service's addresses are found by, where it is reached at nodes. */
export interface NodeSources {
  nodes(): LiveObject[];
  /** Names of the nodes that have something behind the Service which takes new connections. */
  serving(): ReadonlySet<string>;
}

/** The API's limit on a status. */
const MAX_ADDRESSES = 16;

interface ServiceFields {
  spec?: {
    type?: string;
    externalTrafficPolicy?: string;
    clusterIP?: string;
    clusterIPs?: string[];
    externalIPs?: string[];
  };
  status?: { loadBalancer?: { ingress?: Array<{ ip?: string; hostname?: string }> } };
}

interface NodeFields {
  spec?: { unschedulable?: boolean; nodeName?: string };
  status?: {
    addresses?: Array<{ type: string; address: string }>;
    conditions?: Array<{ type: string; status: string }>;
    hostIP?: string;
    hostIPs?: Array<{ ip: string }>;
  };
}

export function assignedAddresses(wanted: WantedInfrastructure, from: AddressSources): Addresses {
  const found = values(wanted, from);
  const addresses = [...new Set(found)].slice(0, MAX_ADDRESSES).map(addressOf);
  const missing = wanted.addresses.filter((asked) => !found.some((one) => sameAddress(one, asked)));
  if (missing.length > 0) {
    const got = found.length === 0 ? 'it has none' : `it has ${found.join(', ')}`;
    const message = `spec.addresses: ${missing.join(', ')} is not given to Service ${from.name}: ${got}; ask for addresses that this cluster can give, or for none`;
    return { addresses, problem: { reason: 'AddressNotUsable', message } };
  }
  if (addresses.length > 0) return { addresses };
  return { addresses, problem: { reason: 'AddressNotAssigned', message: whyNone(wanted, from) } };
}

function values({ parameters }: WantedInfrastructure, { services, nodes, pods }: AddressSources): string[] {
  if (parameters.pod?.hostNetwork === true) return pods().filter(isReady).flatMap(hostAddresses);
  const serving = (): Set<string> => new Set(pods().filter(isServing).flatMap(nodeOf));
  return services.flatMap((service) => serviceAddresses(service, { nodes, serving }));
}

/** Of any Service, whoever made it. */
export function serviceAddresses(service: LiveObject | undefined, from: NodeSources): string[] {
  const { spec, status } = (service ?? {}) as ServiceFields;
  switch (spec?.type) {
    case 'LoadBalancer':
      return (status?.loadBalancer?.ingress ?? []).flatMap(({ ip, hostname }) => ip ?? hostname ?? []);
    case 'NodePort':
      return nodesOf(service as LiveObject, from)
        .filter(isReady)
        .flatMap(nodeAddresses);
    case 'ClusterIP':
      return [...(spec.externalIPs ?? []), ...(spec.clusterIPs ?? [spec.clusterIP ?? ''])].filter(
        (ip) => ip !== '' && ip !== 'None',
      );
    default:
      return [];
  }
}

export function isAtNodes(service: LiveObject | undefined): boolean {
  return (service as ServiceFields | undefined)?.spec?.type === 'NodePort';
}

/** A node sends what comes to it to its own pods only, and refuses it where it has none. */
export function staysOnNode(service: LiveObject | undefined): boolean {
  return (service as ServiceFields | undefined)?.spec?.externalTrafficPolicy === 'Local';
}

function nodesOf(service: LiveObject, { nodes, serving }: NodeSources): LiveObject[] {
  if (!staysOnNode(service)) return nodes();
  const names = serving();
  return nodes().filter(({ metadata }) => names.has(metadata.name));
}

/** Those that are reached from outside, or where there are none those of the cluster's own network. */
function nodeAddresses(node: LiveObject): string[] {
  const { addresses = [] } = (node as NodeFields).status ?? {};
  const of = (wanted: string) => addresses.filter(({ type }) => type === wanted).map(({ address }) => address);
  const external = of('ExternalIP');
  return external.length > 0 ? external : of('InternalIP');
}

function hostAddresses(pod: LiveObject): string[] {
  const { hostIP, hostIPs } = (pod as NodeFields).status ?? {};
  return hostIPs?.map(({ ip }) => ip) ?? (hostIP === undefined ? [] : [hostIP]);
}

function isReady(object: LiveObject): boolean {
  const { conditions = [] } = (object as NodeFields).status ?? {};
  return conditions.some(({ type, status }) => type === 'Ready' && status === 'True');
}

/** One that ends takes what is under way to its end, and is no place for what is new. */
function isServing(pod: LiveObject): boolean {
  return isReady(pod) && (pod.metadata as { deletionTimestamp?: string }).deletionTimestamp === undefined;
}

function nodeOf(pod: LiveObject): string[] {
  const { nodeName } = (pod as NodeFields).spec ?? {};
  return nodeName === undefined ? [] : [nodeName];
}

export function addressOf(value: string): Addresses['addresses'][number] {
  return { type: isIP(value) === 0 ? 'Hostname' : 'IPAddress', value };
}

/** IPv6 has many spellings. */
function sameAddress(one: string, other: string): boolean {
  if (one === other) return true;
  return isIP(one) === 6 && isIP(other) === 6 && canonical(one) === canonical(other);
}

function canonical(ip: string): string {
  return new URL(`http://[${ip}]`).hostname;
}

function whyNone({ parameters, ports }: WantedInfrastructure, { name, services }: AddressSources): string {
  if (ports.length === 0) return 'no listener has a port, so nothing can have an address';
  if (parameters.pod?.hostNetwork === true)
    return 'no pod of the data plane is ready, whose node would give the address';
  if (services.some((one) => isAtNodes(one) && staysOnNode(one))) return whyNoNode(name);
  switch (serviceType(parameters)) {
    case 'LoadBalancer':
      return `Service ${name} has no address yet; where nothing in the cluster gives load balancers addresses, set service.type to NodePort in DaemunParameters`;
    case 'NodePort':
      return `Service ${name} is reached at the nodes, and none is ready`;
    case 'ClusterIP':
      return `Service ${name} has no address yet`;
  }
}

/** Of a Service whose traffic stays on the node. */
export function whyNoNode(name: string): string {
  return `Service ${name} is reached at the nodes that have a ready pod behind it (externalTrafficPolicy: Local), and none has one`;
}
