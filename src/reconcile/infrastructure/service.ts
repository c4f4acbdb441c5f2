import type { InfrastructurePort, ServiceParameters, WantedInfrastructure } from '../../api/index.ts';
import type { MadeObject } from './made-object.ts';
import { made, metadataOf, selectorLabels } from './metadata.ts';

export function serviceType({
  service = {},
}: WantedInfrastructure['parameters']): NonNullable<ServiceParameters['type']> {
  return service.type ?? 'LoadBalancer';
}

/** None while there is no port: a Service needs one. What is there then stays. */
export function service(wanted: WantedInfrastructure): MadeObject | undefined {
  if (wanted.ports.length === 0) return undefined;
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
      ...pick(asked, ['ipFamilyPolicy', 'ipFamilies']),
      ...(type === 'ClusterIP' ? {} : pick(asked, ['externalTrafficPolicy'])),
      ...(type === 'LoadBalancer' ? balancer(wanted, asked) : {}),
    },
  });
}

/** An address that the Gateway asks for comes before one of its parameters. Whoever gives addresses judges both. */
function balancer({ addresses }: WantedInfrastructure, asked: ServiceParameters): Record<string, unknown> {
  const loadBalancerIP = addresses[0] ?? asked.loadBalancerIP;
  return {
    ...(loadBalancerIP === undefined ? {} : { loadBalancerIP }),
    ...pick(asked, ['loadBalancerClass', 'loadBalancerSourceRanges']),
  };
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
