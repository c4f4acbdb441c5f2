import type { AnyResource } from '../../api/index.ts';
import { objectKey } from '../../api/index.ts';
import type { Attachment, RouteKind, RouteRule } from '../../config/index.ts';
import type { BackendUse } from '../backend/backend-use.ts';
import type { Problem } from '../verdict/problem.ts';
import type { ParentPlacement, RouteIdentity } from './attachment.ts';
import type { RouteReading } from './rule-draft.ts';

export type RouteResource = Extract<AnyResource, { kind: RouteKind }>;

/** A route with its parents, before other routes have a say. */
export interface PlacedRoute {
  route: RouteIdentity;
  parents: ParentPlacement[];
}

/** A route as it is served, and what its status is made of. */
export interface JudgedRoute extends PlacedRoute {
  rules: RouteRule[];
  uses: BackendUse[];
  unresolved: Problem[];
  /** The same, of connections whose TLS ends here. */
  unfollowed: Problem[];
  /** Why no parent can accept it: none of its rules can be served as written. Empty otherwise. */
  refusals: Problem[];
  /** Rules that were dropped and answer 500, or shares of them, while others are served. */
  partial: Problem[];
  /** What is served as written, and most likely not meant. */
  remarks: Problem[];
}

/** A Gateway through which a route reaches a Service. */
export interface ServiceAncestor {
  /** Key of the route, or of the listener whose filter does. */
  from: string;
  /** `namespace/name` of the Service. */
  service: string;
  gateway: { namespace: string; name: string };
  controllerName: string;
  /** What the route uses of the Service. */
  uses: Array<Pick<BackendUse, 'protocol' | 'tls'> & { port: number }>;
}

export function identityOf(resource: RouteResource): RouteIdentity {
  const { namespace = '', name, creationTimestamp = '', generation } = resource.metadata;
  return { key: objectKey(resource), kind: resource.kind, namespace, name, created: creationTimestamp, generation };
}

export function judgeRoute(placed: PlacedRoute, reading: RouteReading): JudgedRoute {
  const { route, parents } = placed;
  const { kind, namespace, name, created } = route;
  const attachments = attachmentsOf(parents);
  const { unresolved, unfollowed, remarks } = reading;
  const told = { unresolved, unfollowed, refusals: [], partial: [], remarks };
  const judged: JudgedRoute = { route, parents, rules: [], uses: [], ...told };
  if (attachments.length > 0) {
    judged.uses = reading.uses;
    judged.rules = reading.rules.map((draft) => ({
      kind: 'RouteRule',
      key: `${kind}/${namespace}/${name}/${draft.index}`,
      route: { kind, namespace, name },
      created,
      attachments,
      ...draft,
    }));
  }
  const invalid = reading.invalid.flatMap(({ problems }) => problems);
  if (reading.misread !== undefined) judged.refusals = [reading.misread];
  else if (reading.invalid.length > 0 && reading.invalid.length === reading.ruleCount) judged.refusals = invalid;
  else judged.partial = [...invalid, ...reading.partial];
  return judged;
}

/** Each listener once, though several parentRefs may lead there. */
function attachmentsOf(parents: ReadonlyArray<ParentPlacement>): Attachment[] {
  const found = new Map<string, Map<string, string>>();
  for (const { points } of parents) {
    for (const { listener, hosts, served } of points) {
      if (!served || hosts.length === 0) continue;
      const known = found.get(listener) ?? new Map<string, string>();
      found.set(listener, known);
      for (const { hostname, own } of hosts) known.set(hostname, own);
    }
  }
  return Array.from(found, ([listener, hosts]) => attachment(listener, hosts));
}

/** The route's own hostnames are said only where the listener narrows them. */
function attachment(listener: string, hosts: ReadonlyMap<string, string>): Attachment {
  const hostnames = Array.from(hosts.keys());
  const routeHostnames = Array.from(new Set(hosts.values()));
  const narrowed = Array.from(hosts).some(([hostname, own]) => hostname !== own);
  return narrowed ? { listener, hostnames, routeHostnames } : { listener, hostnames };
}

/** The listeners that count a route as attached: those of parents that accept it. */
export function attachedListeners({ parents, refusals }: JudgedRoute): Set<string> {
  const listeners = new Set<string>();
  if (refusals.length > 0) return listeners;
  for (const parent of parents) {
    if (parent.refusal !== undefined) continue;
    for (const { listener } of parent.points) listeners.add(listener);
  }
  return listeners;
}

/** `gateway`: `namespace/name`. */
export function ancestorsBy(
  { uses, gateway, controllerName }: { uses: readonly BackendUse[]; gateway: string; controllerName: string },
  key: string,
): Array<readonly [string, ServiceAncestor]> {
  // An import has no policies, and may be called like a Service.
  const own = uses.filter(({ service }) => service.kind === undefined);
  const services = Map.groupBy(own, ({ service }) => `${service.namespace}/${service.name}`);
  const slash = gateway.indexOf('/');
  const name = { namespace: gateway.slice(0, slash), name: gateway.slice(slash + 1) };
  return Array.from(services, ([service, all]) => {
    const used = all.map(({ service: { port }, protocol, tls }) => ({ port, protocol, tls }));
    return [`${key}>${service}>${gateway}`, { from: key, service, gateway: name, controllerName, uses: used }] as const;
  });
}
