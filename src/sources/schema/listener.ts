import type { GatewayListener, GatewayListenerTls } from '../../api/index.ts';
import { listenerFilters } from './filter.ts';
import { annotationValue, group, hostname, kindName, protocol, sectionName } from './format.ts';
import { portNumber, secretReference } from './reference.ts';
import { list, map, object, oneOf, optional, required, rule } from './schema.ts';
import { labelSelector } from './selector.ts';

export const tlsOptions = map(annotationValue, { max: 16 });

const listenerTls = object(
  {
    mode: optional(oneOf('Terminate', 'Passthrough'), 'Terminate'),
    certificateRefs: optional(list(secretReference, { max: 64 })),
    options: optional(tlsOptions),
  },
  {
    rules: [
      rule<GatewayListenerTls>(
        'is required when mode is Terminate: name a Secret of type kubernetes.io/tls',
        (tls) => tls.mode !== 'Terminate' || size(tls.certificateRefs) > 0 || size(Object.keys(tls.options ?? {})) > 0,
        'certificateRefs',
      ),
    ],
  },
);

const allowedRoutes = object({
  namespaces: optional(
    object({ from: optional(oneOf('All', 'Selector', 'Same'), 'Same'), selector: optional(labelSelector) }),
    { from: 'Same' },
  ),
  kinds: optional(
    list(object({ group: optional(group, 'gateway.networking.k8s.io'), kind: required(kindName) }), { max: 8 }),
  ),
});

const listener = object(
  {
    name: required(sectionName),
    hostname: optional(hostname),
    port: required(portNumber),
    protocol: required(protocol),
    tls: optional(listenerTls),
    allowedRoutes: optional(allowedRoutes, { namespaces: { from: 'Same' } }),
    filters: optional(object({ requests: optional(listenerFilters) })),
  },
  {
    rules: [
      rule<GatewayListener>(
        'must not be there when protocol is HTTP, TCP or UDP; for TLS use protocol HTTPS or TLS',
        (l) => !['HTTP', 'TCP', 'UDP'].includes(l.protocol) || l.tls === undefined,
        'tls',
      ),
      rule<GatewayListener>(
        'must have mode Terminate when protocol is HTTPS; for Passthrough use protocol TLS and a TLSRoute',
        (l) => l.protocol !== 'HTTPS' || l.tls === undefined || l.tls.mode === 'Terminate',
        'tls',
      ),
      rule<GatewayListener>(
        'is required when protocol is TLS: set tls.mode to Terminate or Passthrough',
        (l) => l.protocol !== 'TLS' || l.tls !== undefined,
        'tls',
      ),
      rule<GatewayListener>(
        'must not be there when protocol is TCP or UDP, which carry no host names',
        (l) => !['TCP', 'UDP'].includes(l.protocol) || l.hostname === undefined,
        'hostname',
      ),
      rule<GatewayListener>(
        'go with protocol HTTP or HTTPS only, where there are requests to filter',
        (l) => ['HTTP', 'HTTPS'].includes(l.protocol) || l.filters === undefined,
        'filters',
      ),
    ],
  },
);

/** The listeners of a Gateway or a ListenerSet. */
export const listeners = list(listener, {
  min: 1,
  max: 64,
  unique: ['name'],
  rules: [
    rule<GatewayListener[]>(
      (all) => `must differ in port, protocol or hostname, and ${alike(all).join(' and ')} do not; change one of them`,
      (all) => alike(all).length === 0,
    ),
  ],
});

function size(items: readonly unknown[] | undefined): number {
  return items?.length ?? 0;
}

/** Names of the first two that nothing tells apart. */
function alike(all: readonly GatewayListener[]): string[] {
  const first = new Map<string, string>();
  for (const { name, port, protocol, hostname } of all) {
    const slot = JSON.stringify([port, protocol, hostname]);
    const other = first.get(slot);
    if (other !== undefined) return [other, name];
    first.set(slot, name);
  }
  return [];
}
