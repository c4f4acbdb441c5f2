/** The objects that are made for Gateways, and where an API server keeps them. */
import { GATEWAY_GROUP } from '../../api/index.ts';

export interface OwnerReference {
  apiVersion: string;
  kind: string;
  name: string;
  uid: string;
  controller?: boolean;
}

export interface MadeMetadata {
  name: string;
  namespace: string;
  labels: Record<string, string>;
  annotations: Record<string, string>;
  ownerReferences: OwnerReference[];
}

export interface MadeObject {
  apiVersion: string;
  kind: MadeKind;
  metadata: MadeMetadata;
  [field: string]: unknown;
}

/** One as the API server has it. */
export interface LiveObject {
  apiVersion: string;
  kind: string;
  metadata: Partial<Omit<MadeMetadata, 'name'>> & {
    name: string;
    uid?: string;
    resourceVersion?: string;
    deletionTimestamp?: string;
  };
  [field: string]: unknown;
}

/** Another vendor's Gateway is none. */
export function gatewayOwner({ metadata }: LiveObject): Partial<OwnerReference> | undefined {
  return metadata.ownerReferences?.find(
    ({ apiVersion, kind }) => kind === 'Gateway' && apiVersion.startsWith(`${GATEWAY_GROUP}/`),
  );
}

/** In the order in which they are written: a pod needs the account and the authority to start. */
export const MADE_KINDS = [
  'ServiceAccount',
  'ConfigMap',
  'Service',
  'Deployment',
  'DaemonSet',
  'HorizontalPodAutoscaler',
  'PodDisruptionBudget',
  'NetworkPolicy',
] as const;
export type MadeKind = (typeof MADE_KINDS)[number];

const CORE = 'v1';
export const MADE_API: Readonly<Record<MadeKind, { apiVersion: string; plural: string }>> = {
  ServiceAccount: { apiVersion: CORE, plural: 'serviceaccounts' },
  ConfigMap: { apiVersion: CORE, plural: 'configmaps' },
  Service: { apiVersion: CORE, plural: 'services' },
  Deployment: { apiVersion: 'apps/v1', plural: 'deployments' },
  DaemonSet: { apiVersion: 'apps/v1', plural: 'daemonsets' },
  HorizontalPodAutoscaler: { apiVersion: 'autoscaling/v2', plural: 'horizontalpodautoscalers' },
  PodDisruptionBudget: { apiVersion: 'policy/v1', plural: 'poddisruptionbudgets' },
  NetworkPolicy: { apiVersion: 'networking.k8s.io/v1', plural: 'networkpolicies' },
};

/** Of the objects of a kind in a namespace; '': in all. */
export function collectionPath(kind: MadeKind, namespace: string): string {
  const { apiVersion, plural } = MADE_API[kind];
  const root = apiVersion === CORE ? '/api/v1' : `/apis/${apiVersion}`;
  return namespace === '' ? `${root}/${plural}` : `${root}/namespaces/${namespace}/${plural}`;
}

/** Of one object. */
export function placeOf({ kind, metadata }: Pick<MadeObject, 'kind' | 'metadata'>): string {
  return `${collectionPath(kind, metadata.namespace)}/${metadata.name}`;
}
