import { isIP } from 'node:net';
import type { InfrastructurePort, ServiceParameters, WantedInfrastructure } from '../../api/index.ts';
import { furtherName } from '../../value/infrastructure-name.ts';
import type { MadeObject } from './made-object.ts';
import { ADDRESS_ANNOTATION, made, metadataOf, selectorLabels } from './metadata.ts';

export function serviceType({
  service = {},
}: WantedInfrastructure['parameters']): NonNullable<ServiceParameters['type']> {
  return service.type ?? 'LoadBalancer';
}

/**
 * A load balancer's Service can ask for one address: each further one that the Gateway asks for has a Service of its own.
 * None while there is no port: a Service needs one. What is there then stays.
 */
export function services(wanted: WantedInfrastructure): MadeObject[] {
  if (wanted.ports.length === 0) return [];
  const [first, ...further] = wanted.addresses;
  const own = service(wanted, first);
  if (serviceType(wanted.parameters) !== 'LoadBalancer' || wanted.parameters.pod?.hostNetwork === true) return [own];
  return [own, ...further.map((address) => furtherService(wanted, address))];
}

/** Ports on the nodes that are fixed are the first one's. */
function furtherService(wanted: WantedInfrastructure, address: string): MadeObject {
  const { nodePorts: _, ...asked } = wanted.parameters.service ?? {};
  const own = service({ ...wanted, parameters: { ...wanted.parameters, service: asked } }, address);
  own.metadata.name = furtherName(wanted.name, address);
  own.metadata.annotations = { ...own.metadata.annotations, [ADDRESS_ANNOTATION]: address };
  return own;
}

function service(wanted: WantedInfrastructure, address: string | undefined): MadeObject {
  const { service: asked = {} } = wanted.parameters;
  const metadata = metadataOf(wanted);
  metadata.labels = { ...asked.labels, ...metadata.labels };
  metadata.annotations = { ...metadata.annotations, ...asked.annotations };
  const type = serviceType(wanted.parameters);
  return made('Service', metadata, {
    spec: {
      type,
      selector: selectorLabels(wanted),
      ports: wanted.ports.map((port) => servicePort(port, asked)),
      ...families(asked, address),
      ...(type === 'ClusterIP' ? {} : pick(asked, ['externalTrafficPolicy'])),
      ...(type === 'LoadBalancer' ? balancer(address, asked) : {}),
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
