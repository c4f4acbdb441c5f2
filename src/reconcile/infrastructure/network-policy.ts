import { DATA_PLANE_ADMIN_PORT, type WantedInfrastructure } from '../../api/index.ts';
import type { MadeObject } from './made-object.ts';
import { made, metadataOf, selectorLabels } from './metadata.ts';
import type { InfrastructureSettings } from './settings.ts';

/** Namespaces with this label, `"true"`, may read metrics of data planes. */
export const SCRAPES_LABEL = 'daemun.dev/scrapes';

/** Listeners' ports from everywhere, the admin port for those who read metrics, and nothing else. */
export function networkPolicy(wanted: WantedInfrastructure, settings: InfrastructureSettings): MadeObject | undefined {
  const { mode = 'Enabled', metricsFrom } = wanted.parameters.networkPolicy ?? {};
  if (mode === 'Disabled') return undefined;
  const inside = (labels: Record<string, string>) => ({ namespaceSelector: { matchLabels: labels } });
  const readers = metricsFrom ?? [
    inside({ 'kubernetes.io/metadata.name': settings.namespace }),
    inside({ [SCRAPES_LABEL]: 'true' }),
  ];
  return made('NetworkPolicy', metadataOf(wanted), {
    spec: {
      podSelector: { matchLabels: selectorLabels(wanted) },
      policyTypes: ['Ingress'],
      ingress: [
        ...(wanted.ports.length === 0
          ? []
          : [{ ports: wanted.ports.map(({ port, protocol }) => ({ port, protocol })) }]),
        { from: readers, ports: [{ port: DATA_PLANE_ADMIN_PORT, protocol: 'TCP' }] },
      ],
    },
  });
}
