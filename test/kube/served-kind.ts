/** The kinds that the embedded API serves, as a cluster with the Gateway API's CRDs does. */
export interface ServedKind {
  group: string;
  version: string;
  kind: string;
  plural: string;
  namespaced: boolean;
  /** Has a status subresource: writes to the object leave the status alone, and the other way round. */
  status: boolean;
}

export function groupVersion({ group, version }: ServedKind): string {
  return group === '' ? version : `${group}/${version}`;
}

/** Where its objects of one namespace (or of all, or of the cluster) are found. */
export function collectionPath(served: ServedKind, namespace = ''): string {
  const root = served.group === '' ? '/api' : `/apis/${served.group}`;
  const scope = served.namespaced && namespace !== '' ? `/namespaces/${namespace}` : '';
  return `${root}/${served.version}${scope}/${served.plural}`;
}

const GATEWAY = 'gateway.networking.k8s.io';

function kind(group: string, version: string, name: string, about: Partial<ServedKind> = {}): ServedKind {
  const lower = name.toLowerCase();
  const plural = lower.endsWith('s')
    ? `${lower}es`
    : /[^aeiou]y$/.test(lower)
      ? `${lower.slice(0, -1)}ies`
      : `${lower}s`;
  return { group, version, kind: name, plural, namespaced: true, status: false, ...about };
}

const CLUSTER = { namespaced: false };
const STATUS = { status: true };

export const SERVED_KINDS: readonly ServedKind[] = [
  kind('', 'v1', 'Namespace', { ...CLUSTER, ...STATUS }),
  kind('', 'v1', 'Node', { ...CLUSTER, ...STATUS }),
  kind('', 'v1', 'Service', STATUS),
  kind('', 'v1', 'Endpoints', { plural: 'endpoints' }),
  kind('', 'v1', 'Secret'),
  kind('', 'v1', 'ConfigMap'),
  kind('', 'v1', 'ServiceAccount'),
  kind('', 'v1', 'Pod', STATUS),
  kind('', 'v1', 'Event'),
  kind('events.k8s.io', 'v1', 'Event'),
  kind('discovery.k8s.io', 'v1', 'EndpointSlice'),
  kind('multicluster.x-k8s.io', 'v1alpha1', 'ServiceImport', STATUS),
  kind('coordination.k8s.io', 'v1', 'Lease'),
  kind('apps', 'v1', 'Deployment', STATUS),
  kind('apps', 'v1', 'DaemonSet', STATUS),
  kind('autoscaling', 'v2', 'HorizontalPodAutoscaler', STATUS),
  kind('policy', 'v1', 'PodDisruptionBudget', STATUS),
  kind('networking.k8s.io', 'v1', 'NetworkPolicy'),
  kind('apiextensions.k8s.io', 'v1', 'CustomResourceDefinition', { ...CLUSTER, ...STATUS }),
  kind(GATEWAY, 'v1', 'GatewayClass', { ...CLUSTER, ...STATUS }),
  kind(GATEWAY, 'v1', 'Gateway', STATUS),
  kind(GATEWAY, 'v1', 'ListenerSet', STATUS),
  kind(GATEWAY, 'v1', 'HTTPRoute', STATUS),
  kind(GATEWAY, 'v1', 'GRPCRoute', STATUS),
  kind(GATEWAY, 'v1', 'TLSRoute', STATUS),
  kind(GATEWAY, 'v1', 'TCPRoute', STATUS),
  kind(GATEWAY, 'v1', 'UDPRoute', STATUS),
  kind(GATEWAY, 'v1', 'BackendTLSPolicy', STATUS),
  kind(GATEWAY, 'v1', 'ReferenceGrant'),
  kind('policies.daemun.dev', 'v1alpha1', 'ClientTrafficPolicy', STATUS),
  kind('policies.daemun.dev', 'v1alpha1', 'BackendTrafficPolicy', STATUS),
  kind('gateway.daemun.dev', 'v1alpha1', 'DaemunParameters', { plural: 'daemunparameters' }),
  kind('policies.daemun.dev', 'v1alpha1', 'RateLimitPolicy', STATUS),
  kind('policies.daemun.dev', 'v1alpha1', 'AccessPolicy', STATUS),
  kind('policies.daemun.dev', 'v1alpha1', 'AuthenticationPolicy', STATUS),
  kind('policies.daemun.dev', 'v1alpha1', 'FaultPolicy', STATUS),
  kind('policies.daemun.dev', 'v1alpha1', 'RewritePolicy', STATUS),
  kind('policies.daemun.dev', 'v1alpha1', 'ResponsePolicy', STATUS),
];
