import { isIP } from 'node:net';
import type { InfrastructurePort, ServiceParameters, WantedInfrastructure } from '../../api/index.ts';
import { CLUSTER, SENTINEL } from '../../value/address-request.ts';
import { furtherName, infrastructureName } from '../../value/infrastructure-name.ts';
import type { MadeObject } from './made-object.ts';
import { ADDRESS_ANNOTATION, made, metadataOf, selectorLabels } from './metadata.ts';

export function serviceType({
  service = {},
}: WantedInfrastructure['parameters']): NonNullable<ServiceParameters['type']> {
  return service.type ?? 'LoadBalancer';
}

/** A Service of a Gateway, and what it is made for. */
export interface PlannedService {
  name: string;
  type: NonNullable<ServiceParameters['type']>;
  /** That it is to have. */
  address?: string;
  /** From where its addresses are reached; '': that is not said. */
  routability: string;
  asked: ServiceParameters;
}

/**
 * A load balancer's Service can ask for one address: each further one that the Gateway asks for has a Service of its own.
 * So have those that are reached from somewhere in particular, but for the cluster: each Service has an address there. Where
 * nothing else is asked for, the Gateway's own has no other.
 */
export function plannedServices({ name, requests, parameters }: WantedInfrastructure): PlannedService[] {
  const { routabilities = [], ...asked } = parameters.service ?? {};
  const anyhow = requests.filter(({ routability }) => routability === '' || routability === SENTINEL);
  const type = requests.length > 0 && anyhow.length === 0 ? 'ClusterIP' : serviceType(parameters);
  const [first, ...more] = anyhow.flatMap(({ value }) => value ?? []);
  const own = { name: infrastructureName(name), type, routability: '', asked };
  const plans: PlannedService[] = [first === undefined ? own : { ...own, address: first }];
  if (parameters.pod?.hostNetwork === true) return plans;
  // Ports on the nodes that are fixed are the first one's.
  const { nodePorts: _, ...rest } = asked;
  const further = (routability: string, address: string | undefined, key: string): PlannedService => ({
    name: furtherName(name, key),
    type: 'LoadBalancer',
    ...(address === undefined ? {} : { address }),
    routability,
    asked: rest,
  });
  if (type === 'LoadBalancer') plans.push(...more.map((address) => further('', address, address)));
  let counted = 0;
  for (const { value, routability } of requests) {
    if (routability === '' || routability === SENTINEL) continue;
    const key = value ?? `${routability} ${counted++}`;
    const settings = routabilities.find((one) => one.name === routability);
    // The first one's own address is the cluster's, too.
    if (routability === CLUSTER && key !== `${CLUSTER} 0`) {
      plans.push({ ...further(routability, value, key), type: 'ClusterIP' });
    } else if (settings !== undefined) {
      const { name: _name, annotations, ...own } = settings;
      const merged = { ...rest, ...own, annotations: { ...rest.annotations, ...annotations } };
      plans.push({ ...further(routability, value, key), asked: merged });
    }
  }
  return plans;
}

/** None while there is no port: a Service needs one. What is there then stays. */
export function services(wanted: WantedInfrastructure): MadeObject[] {
  if (wanted.ports.length === 0) return [];
  return plannedServices(wanted).map((plan, at) => {
    const own = service(wanted, plan);
    if (at === 0) return own;
    own.metadata.name = plan.name;
    const what = plan.address ?? plan.routability;
    own.metadata.annotations = { ...own.metadata.annotations, [ADDRESS_ANNOTATION]: what };
    return own;
  });
}

function service(wanted: WantedInfrastructure, { type, address, routability, asked }: PlannedService): MadeObject {
  const metadata = metadataOf(wanted);
  metadata.labels = { ...asked.labels, ...metadata.labels };
  metadata.annotations = { ...metadata.annotations, ...asked.annotations };
  const ports = type === 'ClusterIP' ? { ...asked, nodePorts: [] } : asked;
  return made('Service', metadata, {
    spec: {
      type,
      selector: selectorLabels(wanted),
      ports: wanted.ports.map((port) => servicePort(port, ports)),
      ...families(asked, address),
      ...(type === 'ClusterIP' ? {} : pick(asked, ['externalTrafficPolicy'])),
      ...(type === 'LoadBalancer' ? balancer(address, asked) : {}),
      ...(routability === CLUSTER && address !== undefined ? { clusterIP: address } : {}),
    },
  });
}

/** An address that the Gateway asks for comes before one of its parameters. Whoever gives addresses judges both. */
function balancer(address: string | undefined, asked: ServiceParameters): Record<string, unknown> {
  const loadBalancerIP = address ?? asked.loadBalancerIP;
  return {
    ...(loadBalancerIP === undefined ? {} : { loadBalancerIP }),
    ...pick(asked, ['loadBalancerClass', 'loadBalancerSourceRanges']),
  };
}

/** Where nothing else is said, IPv6 is asked for with an address of it: a cluster of both gives Services its first family. */
function families(asked: ServiceParameters, address = ''): Record<string, unknown> {
  const given = pick(asked, ['ipFamilyPolicy', 'ipFamilies']);
  return isIP(address) === 6 && Object.keys(given).length === 0 ? { ipFamilies: ['IPv6'] } : given;
}

function servicePort({ port, protocol }: InfrastructurePort, { nodePorts = [] }: ServiceParameters) {
  const fixed = nodePorts.find((one) => one.port === port && one.protocol === protocol);
  return {
    name: `${protocol.toLowerCase()}-${port}`,
    port,
    protocol,
    targetPort: port,
    ...(fixed === undefined ? {} : { nodePort: fixed.nodePort }),
  };
}

function pick<T, K extends keyof T & string>(from: T, names: readonly K[]): Record<string, unknown> {
  return Object.fromEntries(names.flatMap((name) => (from[name] === undefined ? [] : [[name, from[name]]])));
}
