import type { GatewayAddress } from '../../api/index.ts';
import { isAddress } from '../../value/network.ts';
import {
  addressType,
  annotationValue,
  group,
  isQualifiedName,
  isSubdomain,
  kindName,
  labelValue,
  objectName,
} from './format.ts';
import { listeners } from './listener.ts';
import { objectReference, portNumber, secretReference } from './reference.ts';
import { list, map, object, oneOf, optional, type Rule, required, rule, text } from './schema.ts';
import { labelSelector } from './selector.ts';

const HOSTNAME = /^(\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

function isOwnRoutability(text: string): boolean {
  const [prefix = ''] = text.split('/');
  const reserved = prefix === 'k8s.io' || prefix.endsWith('.k8s.io');
  return /^.*\/.+$/.test(text) && isSubdomain(prefix) && !reserved;
}

const address = object(
  {
    type: optional(addressType, 'IPAddress'),
    value: optional(text({ max: 253 })),
    routability: optional(text({ max: 253 })),
  },
  {
    rules: [
      rule<GatewayAddress>(
        'must be an IPv4 or IPv6 address when type is IPAddress, or be left out so that one is chosen',
        ({ type, value }) => type !== 'IPAddress' || value === undefined || isAddress(value),
        'value',
      ),
      rule<GatewayAddress>(
        'must be a host name in lower case when type is Hostname',
        ({ type, value }) => type !== 'Hostname' || value === undefined || HOSTNAME.test(value),
        'value',
      ),
      rule<GatewayAddress>(
        'must be Cluster, or a domain and a path such as example.com/Corp; those of k8s.io are reserved',
        ({ routability = '' }) => routability === '' || routability === 'Cluster' || isOwnRoutability(routability),
        'routability',
      ),
    ],
  },
);

function addressesAreDistinct(type: 'IPAddress' | 'Hostname'): Rule {
  return rule<GatewayAddress[]>(`has the same ${type} twice; remove one of the two`, (addresses) => {
    const values = addresses.filter((a) => a.type === type && a.value !== undefined).map((a) => a.value);
    return new Set(values).size === values.length;
  });
}

const keysAreQualified = [
  rule<Record<string, string>>(
    'has a key that is no label key: an optional DNS prefix and "/", then up to 63 letters, digits, "-", "_" and "."',
    (labels) => Object.keys(labels).every(isQualifiedName),
  ),
  rule<Record<string, string>>('has a key whose prefix is longer than 252 characters', (labels) =>
    Object.keys(labels).every((key) => key.split('/')[0]!.length < 253),
  ),
];

const infrastructure = object({
  labels: optional(map(labelValue, { max: 8, rules: keysAreQualified })),
  annotations: optional(map(annotationValue, { max: 16, rules: keysAreQualified })),
  parametersRef: optional(object({ group: required(group), kind: required(kindName), name: required(objectName) })),
});

const frontendTls = object({
  validation: optional(
    object({
      caCertificateRefs: required(list(objectReference, { min: 1, max: 16 })),
      mode: optional(oneOf('AllowValidOnly', 'AllowInsecureFallback'), 'AllowValidOnly'),
    }),
  ),
});

export const gatewaySpec = object({
  gatewayClassName: required(objectName),
  defaultScope: optional(oneOf('All', 'None')),
  listeners: required(listeners),
  addresses: optional(
    list(address, { max: 16, rules: [addressesAreDistinct('IPAddress'), addressesAreDistinct('Hostname')] }),
  ),
  infrastructure: optional(infrastructure),
  allowedListeners: optional(
    object({
      namespaces: optional(
        object({
          from: optional(oneOf('All', 'Selector', 'Same', 'None'), 'None'),
          selector: optional(labelSelector),
        }),
        { from: 'None' },
      ),
    }),
  ),
  tls: optional(
    object({
      backend: optional(object({ clientCertificateRef: optional(secretReference) })),
      frontend: optional(
        object({
          default: required(frontendTls),
          perPort: optional(
            list(object({ port: required(portNumber), tls: required(frontendTls) }), { max: 64, unique: ['port'] }),
          ),
        }),
      ),
    }),
  ),
});
