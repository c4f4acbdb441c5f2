import { isIPv4 } from 'node:net';
import type { EndpointSlice, EndpointSubset } from '../../api/index.ts';
import { isAddress, isPlainIPv6 } from '../../value/network.ts';
import { isSubdomain, label, subdomain } from './format.ts';
import { portNumber } from './reference.ts';
import { flag, list, object, oneOf, optional, required, rule, text } from './schema.ts';
import { appProtocol, transport } from './service.ts';

/** The schemas of EndpointSlice and of the older Endpoints. Unlike in a cluster, loopback addresses are welcome. */
const portName = text({
  max: 63,
  format: {
    is: 'empty or a port name',
    matches: (name) => name === '' || /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/.test(name),
  },
});

const endpoint = object(
  {
    addresses: required(list(text({ min: 1 }), { min: 1, max: 100, unique: 'set' })),
    conditions: optional(object({ ready: optional(flag), serving: optional(flag), terminating: optional(flag) })),
    hostname: optional(label),
    nodeName: optional(subdomain),
    zone: optional(text()),
    hints: optional(
      object({ forZones: optional(list(object({ name: required(text()) }), { max: 8 })) }, { unread: ['forNodes'] }),
    ),
  },
  { unread: ['targetRef', 'deprecatedTopology'] },
);

const slicePort = object({
  name: optional(portName, ''),
  port: optional(portNumber),
  protocol: optional(transport, 'TCP'),
  appProtocol: optional(appProtocol),
});

const ADDRESS_FORMS: Readonly<Record<EndpointSlice['addressType'], (address: string) => boolean>> = {
  IPv4: isIPv4,
  IPv6: isPlainIPv6,
  FQDN: isSubdomain,
};

/** Fields of an EndpointSlice beside metadata: it has no spec. */
export const endpointSliceFields = {
  addressType: required(oneOf('IPv4', 'IPv6', 'FQDN')),
  endpoints: optional(list(endpoint, { max: 1000 }), []),
  ports: optional(list(slicePort, { max: 20_000, unique: ['name'] })),
};

export const endpointSliceRules = [
  rule<EndpointSlice>(
    'must have addresses of the form that addressType names',
    ({ addressType, endpoints }) => (endpoints ?? []).every((e) => e.addresses.every(ADDRESS_FORMS[addressType])),
    'endpoints',
  ),
  rule<EndpointSlice>('must not be an unspecified address (0.0.0.0 or ::)', ({ endpoints }) =>
    (endpoints ?? []).every((e) => !e.addresses.some((address) => address === '0.0.0.0' || address === '::')),
  ),
];

const address = object(
  {
    ip: required(text({ format: { is: 'an IPv4 or IPv6 address', matches: isAddress } })),
    hostname: optional(label),
    nodeName: optional(subdomain),
  },
  { unread: ['targetRef'] },
);

const subset = object(
  {
    addresses: optional(list(address)),
    notReadyAddresses: optional(list(address)),
    ports: optional(
      list(
        object({
          name: optional(portName),
          port: required(portNumber),
          protocol: optional(transport, 'TCP'),
          appProtocol: optional(appProtocol),
        }),
      ),
    ),
  },
  {
    rules: [
      rule<EndpointSubset>(
        'must have addresses or notReadyAddresses',
        ({ addresses, notReadyAddresses }) => !!addresses?.length || !!notReadyAddresses?.length,
      ),
      rule<EndpointSubset>(
        'must each have a name where there are several',
        ({ ports = [] }) => ports.length < 2 || ports.every(({ name }) => !!name),
        'ports',
      ),
    ],
  },
);

export const endpointsFields = { subsets: optional(list(subset)) };
