import type { BackendObjectReference, ParentReference, PolicyTargetReference } from '../../api/index.ts';
import { group, kindName, namespaceName, objectName, sectionName } from './format.ts';
import { celRule, integer, type ObjectSchema, object, optional, required, rule } from './schema.ts';

const GATEWAY_GROUP = 'gateway.networking.k8s.io';

export const portNumber = integer({ min: 1, max: 65535 });

const parentGatewayFields = {
  group: optional(group, GATEWAY_GROUP),
  kind: optional(kindName, 'Gateway'),
  namespace: optional(namespaceName),
  name: required(objectName),
};
export const parentGatewayReference = object(parentGatewayFields);
export const parentReference = object({
  ...parentGatewayFields,
  sectionName: optional(sectionName),
  port: optional(portNumber),
});

export const secretReference = object(
  {
    group: optional(group, ''),
    kind: optional(kindName, 'Secret'),
    namespace: optional(namespaceName),
    name: required(objectName),
  },
  { meant: (value) => (/^[a-z0-9][a-z0-9.-]*$/.test(value) ? `{ name: ${value} }` : undefined) },
);

const localFields = { group: required(group), kind: required(kindName), name: required(objectName) };
export const localReference = object(localFields);
export const objectReference = object({ ...localFields, namespace: optional(namespaceName) });
/** Certificates that are believed, or lists of revoked ones: ConfigMaps as a rule. */
export const authorityReference = object({
  group: optional(group, ''),
  kind: optional(kindName, 'ConfigMap'),
  namespace: optional(namespaceName),
  name: required(objectName),
});
export const policyTargetReference = object(
  { ...localFields, sectionName: optional(sectionName) },
  { instead: { namespace: 'A policy acts in its own namespace: put it into that of its target' } },
);

const backendFields = {
  group: optional(group, ''),
  kind: optional(kindName, 'Service'),
  namespace: optional(namespaceName),
  name: required(objectName),
  port: optional(portNumber),
};
const servicesHavePorts = celRule(
  'self.group != "" || self.kind != "Service" || has(self.port)',
  rule<BackendObjectReference>(
    'is required for a Service: name the port of the Service that requests go to',
    (ref) => ref.group !== '' || ref.kind !== 'Service' || ref.port !== undefined,
    'port',
  ),
);
export const backendObjectReference = object(backendFields, { rules: [servicesHavePorts] });

/** A backendRef of a route: with a weight, and for HTTP and gRPC with filters. */
export function backendReference(filters: Parameters<typeof object>[0] = {}): ObjectSchema {
  const weight = optional(integer({ min: 0, max: 1_000_000 }), 1);
  return object({ ...backendFields, weight, ...filters }, { rules: [servicesHavePorts] });
}

/**
 * Several references to the same parent must be told apart: by sectionName, or by port where the section is the
 * same. The port is of the API's experimental channel; the rest holds in both.
 */
export const parentsAreDistinct = [
  rule<ParentReference[]>(
    'names the same parent twice, once with sectionName and once without; give each of the two a sectionName',
    (refs) => pairs(refs).every(([a, b]) => !sameParent(a, b) || !a.sectionName === !b.sectionName),
  ),
  rule<ParentReference[]>(
    'names the same parent twice; remove one of the two, or give them different sectionNames or ports',
    (refs) =>
      pairs(refs).every(([a, b]) => {
        if (!sameParent(a, b) || (a.sectionName ?? '') !== (b.sectionName ?? '')) return true;
        return a.port !== undefined && b.port !== undefined && a.port !== b.port;
      }),
  ),
];

const SAME_TARGET = 'a.group == b.group && a.kind == b.kind && a.name == b.name';
const SECTION = (of: string): string => `(has(${of}.sectionName) ? ${of}.sectionName : "")`;

export const targetsAreDistinct = [
  celRule(
    `self.all(a, self.all(b, !(${SAME_TARGET}) || (${SECTION('a')} == "") == (${SECTION('b')} == "")))`,
    rule<PolicyTargetReference[]>(
      'names the same target twice, once with sectionName and once without; give each of the two a sectionName',
      (refs) => pairs(refs).every(([a, b]) => !sameTarget(a, b) || !a.sectionName === !b.sectionName),
    ),
  ),
  celRule(
    `self.all(a, self.exists_one(b, ${SAME_TARGET} && ${SECTION('a')} == ${SECTION('b')}))`,
    rule<PolicyTargetReference[]>('names the same target and section twice; remove one of the two', (refs) =>
      pairs(refs).every(([a, b]) => !sameTarget(a, b) || (a.sectionName ?? '') !== (b.sectionName ?? '')),
    ),
  ),
];

function pairs<T>(items: readonly T[]): Array<[T, T]> {
  return items.flatMap((a, i) => items.slice(i + 1).map((b): [T, T] => [a, b]));
}

function sameTarget(a: PolicyTargetReference, b: PolicyTargetReference): boolean {
  return a.group === b.group && a.kind === b.kind && a.name === b.name;
}

function sameParent(a: ParentReference, b: ParentReference): boolean {
  return a.group === b.group && a.kind === b.kind && a.name === b.name && a.namespace === b.namespace;
}
