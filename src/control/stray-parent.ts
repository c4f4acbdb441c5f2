/**
 * Routes of a cluster that lead nowhere: to a Gateway that is not there, or to none. No status of theirs says so, since no
 * controller knows that they are its own; who looks at them by hand is told.
 */
import { type AnyResource, GATEWAY_GROUP, type Kind, type ParentReference } from '../api/index.ts';
import type { Diagnostic as Finding } from '../translate/index.ts';
import { hinted } from './missing-object.ts';
import type { ReportedDiagnostic } from './report.ts';
import type { ResourceSource } from './resource-source.ts';

const ROUTES = ['HTTPRoute', 'GRPCRoute', 'TLSRoute', 'TCPRoute', 'UDPRoute'] as const satisfies readonly Kind[];

/** `read`: the namespaces that the source has; absent: all. */
export function strayParents(source: ResourceSource, read?: readonly string[]): ReportedDiagnostic[] {
  const found: Finding[] = [];
  for (const kind of ROUTES) {
    for (const route of source.collections[kind].values()) found.push(...strayIn(route, source, read));
  }
  const told = hinted(found, { source, read: [...source.diagnostics.values()] });
  return told.map(({ severity, object, field, message }) => ({ severity, file: '', line: 0, object, field, message }));
}

type Route = Extract<AnyResource, { kind: (typeof ROUTES)[number] }>;

function strayIn(
  { kind, metadata, spec }: Route,
  { collections }: ResourceSource,
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
    const message = `${of} ${namespace}/${parent.name} does not exist`;
    return [{ severity: 'error', object, field: `spec.parentRefs[${at}]`, message, missing }];
  });
}
