import type { ServiceImport } from '../../api/index.ts';
import { isAddress } from '../../value/network.ts';
import { label } from './format.ts';
import { portNumber } from './reference.ts';
import { list, object, oneOf, optional, required, rule, text } from './schema.ts';
import { appProtocol, transport } from './service.ts';

const importPort = object({
  name: optional(label),
  port: required(portNumber),
  protocol: optional(transport, 'TCP'),
  appProtocol: optional(appProtocol),
});

/** What the controller that made it knows, and says nothing about where requests go. */
const unread = [
  'sessionAffinity',
  'sessionAffinityConfig',
  'ipFamilies',
  'internalTrafficPolicy',
  'trafficDistribution',
];

export const serviceImportSpec = object(
  {
    type: optional(oneOf('ClusterSetIP', 'Headless'), 'ClusterSetIP'),
    ports: optional(list(importPort)),
    ips: optional(list(text(), { max: 2 })),
  },
  {
    unread,
    rules: [rule<ServiceImport['spec']>('must be IP addresses', ({ ips = [] }) => ips.every(isAddress), 'ips')],
  },
);
