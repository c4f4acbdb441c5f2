/** Where clients reach a Gateway: what its Service, or the nodes of its pods, have got. Pure. */
import type { WantedInfrastructure } from '../../api/index.ts';
import { type AddressRequest, CLUSTER, type FoundAddress, SENTINEL } from '../../value/address-request.ts';
import type { LiveObject } from './made-object.ts';
import { type Addresses, answerRequests, type OfferedAddress } from './requested-address.ts';
import { plannedServices, serviceType } from './service.ts';

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
  const found = foundAddresses(wanted, from);
  const answered = answerRequests(wanted, found, {
    name: from.name,
    whyMissing: (request) => whyMissing(wanted, request),
  });
  if (answered.addresses.length > 0 || answered.problem !== undefined) return answered;
  const message = answered.missing ?? whyNone(wanted, from);
  return { ...answered, problem: { reason: 'AddressNotAssigned', message } };
}

function foundAddresses(wanted: WantedInfrastructure, { services, nodes, pods }: AddressSources): OfferedAddress[] {
  if (wanted.parameters.pod?.hostNetwork === true)
    return pods()
      .filter(isReady)
      .flatMap(hostAddresses)
      .map((value) => ({ value, routability: '' }));
  const plans = plannedServices(wanted);
  const serving = (): Set<string> => new Set(pods().filter(isServing).flatMap(nodeOf));
  const from = { nodes, serving };
  return services.flatMap((service) => {
    const { routability } = plans.find(({ name }) => name === service.metadata.name) ?? { routability: '' };
    if (routability === '') return reachedAddresses(service, from);
    if (routability === CLUSTER) return clusterAddresses(service);
    return serviceAddresses(service, from).map((value) => ({ value, routability }));
  });
}

function whyMissing({ parameters }: WantedInfrastructure, { routability }: AddressRequest): string {
  if (routability === '' || routability === SENTINEL) return 'no address of that kind is there yet';
  if (parameters.pod?.hostNetwork === true)
    return 'pods are on the network of their nodes (pod.hostNetwork), where they are reached from elsewhere';
  const named = (parameters.service?.routabilities ?? []).some(({ name }) => name === routability);
  if (routability !== CLUSTER && !named)
    return 'nothing is known of it: say in service.routabilities of DaemunParameters how such an address is made';
  return 'its Service has no such address';
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

/** With what its cluster alone reaches: a Service has an address there, whatever its type. */
export function reachedAddresses(service: LiveObject | undefined, from: NodeSources): OfferedAddress[] {
  const usual = serviceAddresses(service, from);
  const inner = clusterAddresses(service);
  const outer = usual.filter((value) => !inner.some((one) => one.value === value));
  const own = inner.map((one): OfferedAddress => (usual.includes(one.value) ? one : { ...one, aside: true }));
  return [...outer.map((value) => ({ value, routability: '' })), ...own];
}

function clusterAddresses(service: LiveObject | undefined): FoundAddress[] {
  const { clusterIP = '', clusterIPs = [clusterIP] } = ((service ?? {}) as ServiceFields).spec ?? {};
  return clusterIPs.filter((ip) => ip !== '' && ip !== 'None').map((value) => ({ value, routability: CLUSTER }));
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
