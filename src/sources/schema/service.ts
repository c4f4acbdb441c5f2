import type { Service, ServicePort } from '../../api/index.ts';
import { isQualifiedName, isSubdomain, label } from './format.ts';
import { portNumber } from './reference.ts';
import { flag, list, map, object, oneOf, optional, portOrName, required, rule, text } from './schema.ts';

export const transport = oneOf('TCP', 'UDP', 'SCTP');
export const appProtocol = text({
  format: { is: 'a protocol such as http or kubernetes.io/h2c', matches: isQualifiedName },
});

const servicePort = object(
  {
    name: optional(label),
    port: required(portNumber),
    protocol: optional(transport, 'TCP'),
    targetPort: optional(portOrName),
    appProtocol: optional(appProtocol),
  },
  {
    unread: ['nodePort'],
    rules: [
      rule<ServicePort>(
        'must be 1 to 65535',
        ({ targetPort }) => typeof targetPort !== 'number' || (targetPort >= 1 && targetPort <= 65535),
        'targetPort',
      ),
    ],
  },
);

const ports = list(servicePort, {
  rules: [
    rule<ServicePort[]>(
      'must each have a name where there are several',
      (all) => all.length < 2 || all.every(({ name }) => name !== undefined),
    ),
    rule<ServicePort[]>('must have different names', (all) => {
      const names = all.flatMap(({ name }) => name ?? []);
      return new Set(names).size === names.length;
    }),
    rule<ServicePort[]>(
      'must differ in port or protocol',
      (all) => new Set(all.map(({ port, protocol }) => `${port}/${protocol}`)).size === all.length,
    ),
  ],
});

/** What an API server knows of a Service that says nothing about where requests go. */
const unread = [
  'sessionAffinity',
  'sessionAffinityConfig',
  'ipFamilyPolicy',
  'loadBalancerIP',
  'loadBalancerSourceRanges',
  'loadBalancerClass',
  'internalTrafficPolicy',
  'healthCheckNodePort',
  'allocateLoadBalancerNodePorts',
  'trafficDistribution',
];

export const serviceSpec = object(
  {
    type: optional(oneOf('ClusterIP', 'NodePort', 'LoadBalancer', 'ExternalName'), 'ClusterIP'),
    externalName: optional(text()),
    clusterIP: optional(text()),
    clusterIPs: optional(list(text(), { max: 2 })),
    ipFamilies: optional(list(oneOf('IPv4', 'IPv6'), { max: 2, unique: 'set' })),
    ports: optional(ports),
    selector: optional(map(text(), { blank: '' })),
    publishNotReadyAddresses: optional(flag),
    externalIPs: optional(list(text())),
    externalTrafficPolicy: optional(oneOf('Cluster', 'Local')),
  },
  {
    unread,
    rules: [
      rule<Service['spec']>(
        'must be a DNS name in lower case when type is ExternalName',
        ({ type, externalName }) => type !== 'ExternalName' || isSubdomain(externalName?.replace(/\.$/, '') ?? ''),
        'externalName',
      ),
      rule<Service['spec']>(
        'is required: name at least one port (only headless and ExternalName Services may have none)',
        ({ type, clusterIP, ports }) => type === 'ExternalName' || clusterIP === 'None' || !!ports?.length,
        'ports',
      ),
    ],
  },
);
