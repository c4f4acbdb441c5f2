/**
 * Routes of a cluster that lead nowhere: to a Gateway that is not there, or to none; and Gateways of a class that is not there. No status of theirs says so, since no
 * controller knows that they are its own; who looks at them by hand is told.
 */
import { type AnyResource, GATEWAY_GROUP, type Gateway, type Kind, type ParentReference } from '../api/index.ts';
import type { Diagnostic as Finding } from '../translate/index.ts';
import { absence } from '../value/absence.ts';
import { hinted } from './missing-object.ts';
import type { ReportedDiagnostic } from './report.ts';
import type { ResourceSource } from './resource-source.ts';

export const STRAY_ROUTES = [
  'HTTPRoute',
  'GRPCRoute',
  'TLSRoute',
  'TCPRoute',
  'UDPRoute',
] as const satisfies readonly Kind[];

/** `read`: the namespaces that the source has; absent: all. */
export function strayParents(source: ResourceSource, read?: readonly string[]): ReportedDiagnostic[] {
  const found: Finding[] = [];
  for (const kind of STRAY_ROUTES) {
    for (const route of source.collections[kind].values()) found.push(...strayIn(route, source, read));
  }
  for (const gateway of source.collections.Gateway.values()) found.push(...strayClass(gateway, source));
  const told = hinted(found, { source, read: [...source.diagnostics.values()] });
  return told.map(({ severity, object, field, message }) => ({ severity, file: '', line: 0, object, field, message }));
}

export type Route = Extract<AnyResource, { kind: (typeof STRAY_ROUTES)[number] }>;

export function strayIn(
  { kind, metadata, spec }: Route,
  { collections }: Pick<ResourceSource, 'collections'>,
  read?: readonly string[],
): Finding[] {
  const { namespace: own = '', name } = metadata;
  const object = `${kind}/${own}/${name}`;
  const { parentRefs = [], useDefaultGateways } = spec;
  if (parentRefs.length === 0 && useDefaultGateways !== 'All') {
    const message = 'names no parent, so nothing serves this route: name a Gateway';
    return [{ severity: 'warning', object, field: 'spec.parentRefs', message }];
  }
  return parentRefs.flatMap((parent: ParentReference, at: number): Finding[] => {
    const { group = GATEWAY_GROUP, kind: of = 'Gateway', namespace = own } = parent;
    if (group !== GATEWAY_GROUP || (of !== 'Gateway' && of !== 'ListenerSet')) return [];
    const missing = `${of}/${namespace}/${parent.name}`;
    if (read !== undefined && !read.includes(namespace)) return [];
    if (collections[of].get(missing) !== undefined) return [];
    const message = absence({ kind: of, namespace, name: parent.name });
    return [{ severity: 'error', object, field: `spec.parentRefs[${at}]`, message, missing }];
  });
}

/** A class that is not there is nobody's: no controller looks at its Gateways. */
export function strayClass(
  { metadata: { namespace = '', name }, spec }: Gateway,
  { collections }: Pick<ResourceSource, 'collections'>,
): Finding[] {
  const missing = `GatewayClass//${spec.gatewayClassName}`;
  if (collections.GatewayClass.get(missing) !== undefined) return [];
  const said = absence({ kind: 'GatewayClass', namespace: '', name: spec.gatewayClassName });
  const object = `Gateway/${namespace}/${name}`;
  return [{ severity: 'error', object, field: 'spec.gatewayClassName', message: said, missing }];
}
