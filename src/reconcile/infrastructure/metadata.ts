import { createHash } from 'node:crypto';
import type { WantedInfrastructure } from '../../api/index.ts';
import { infrastructureName, nameLabelValue } from '../../value/infrastructure-name.ts';
import { MADE_API, type MadeKind, type MadeMetadata, type MadeObject } from './made-object.ts';

export const GATEWAY_NAME_LABEL = 'gateway.networking.k8s.io/gateway-name';
export const GATEWAY_CLASS_LABEL = 'gateway.networking.k8s.io/gateway-class-name';
/** By this all that was made is found again. */
export const MANAGED_BY_LABEL = 'app.kubernetes.io/managed-by';
export const MANAGER = 'daemun-controller';
/** On each object: a digest of what was applied last, so that a field which is wanted no longer is noticed. */
export const APPLIED_ANNOTATION = 'gateway.daemun.dev/applied';
/** On a Service for one of several addresses of a Gateway: that address. */
export const ADDRESS_ANNOTATION = 'gateway.daemun.dev/address';
/** On pods: the name of their Gateway, which the value of a label may be too short for. */
export const POD_GATEWAY_ANNOTATION = 'gateway.daemun.dev/gateway';

/** What pods are chosen by. A Deployment's never changes: the API server would refuse it. */
export function selectorLabels({ name }: Pick<WantedInfrastructure, 'name'>): Record<string, string> {
  return {
    'app.kubernetes.io/name': 'daemun',
    'app.kubernetes.io/component': 'data-plane',
    [GATEWAY_NAME_LABEL]: nameLabelValue(name),
  };
}

/** The Gateway's own first: it may not take ours away. */
export function labelsOf(wanted: WantedInfrastructure, more: Record<string, string> = {}): Record<string, string> {
  return {
    ...wanted.labels,
    ...more,
    ...selectorLabels(wanted),
    'app.kubernetes.io/instance': nameLabelValue(wanted.name),
    [MANAGED_BY_LABEL]: MANAGER,
    [GATEWAY_CLASS_LABEL]: nameLabelValue(wanted.className),
  };
}

export function metadataOf(wanted: WantedInfrastructure): MadeMetadata {
  return {
    name: infrastructureName(wanted.name),
    namespace: wanted.namespace,
    labels: labelsOf(wanted),
    annotations: { ...wanted.annotations },
    ownerReferences: [
      {
        apiVersion: 'gateway.networking.k8s.io/v1',
        kind: 'Gateway',
        name: wanted.name,
        uid: wanted.uid,
        controller: true,
      },
    ],
  };
}

export function made(kind: MadeKind, metadata: MadeMetadata, fields: Record<string, unknown>): MadeObject {
  return { apiVersion: MADE_API[kind].apiVersion, kind, metadata, ...fields };
}

/** With a digest of itself, in which the order of fields counts for nothing. */
export function stamped(object: MadeObject): MadeObject {
  const annotations = { ...object.metadata.annotations, [APPLIED_ANNOTATION]: digestOf(object) };
  return { ...object, metadata: { ...object.metadata, annotations } };
}

export function digestOf(value: unknown): string {
  return createHash('sha256').update(canonical(value)).digest('hex').slice(0, 16);
}

function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const fields = Object.entries(value).filter(([, one]) => one !== undefined);
  return `{${fields
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, one]) => `${JSON.stringify(name)}:${canonical(one)}`)
    .join(',')}}`;
}
