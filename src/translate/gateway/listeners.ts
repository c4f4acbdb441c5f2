import { supersededKey, type WantedInfrastructure } from '../../api/index.ts';
import type { ConfigObject, Listener } from '../../config/index.ts';
import { type Collection, counts, type Derived, heads, type Index, index, join } from '../../graph/index.ts';
import { find } from '../lookup.ts';
import { configOutput, type Graph, one } from '../stage.ts';
import type { Problem } from '../verdict/problem.ts';
import { type CertificateVerdict, certificateVerdict, secretKey } from './certificate.ts';
import { type ClientIdentity, clientIdentity } from './client-certificate.ts';
import { type DeclaredListener, listenersOf, ownerKey } from './declared.ts';
import { type ManagedGateway, manage } from './gateway.ts';
import { type AdoptedClass, adopt, implied } from './gateway-class.ts';
import { deriveInfrastructure } from './infrastructure.ts';
import {
  type AttachPoint,
  attachPoint,
  certificateUses,
  judgeListener,
  type ListenerFilterReader,
  type ListenerFilterReading,
  type ListenerView,
} from './listener.ts';
import { slotOf } from './listener-conflict.ts';
import { attachedSet, isTaken, type ManagedSet } from './listener-set.ts';
import { deriveNodePorts, nodePortRefusal } from './node-ports.ts';
import { closedRefusal, deriveAllotment, type PortAllotment } from './port-allotment.ts';
import { deriveConflicts } from './port-holder.ts';
import { deriveProvided, indexProvided, type ProvidedIndex } from './provided.ts';
import { ownPortRefusal, sharePort } from './socket.ts';
import { deriveHostRelations } from './standing-host.ts';

/** What a route can refer to: what it needs to know, and nothing that changes with every edit of it. */
export interface Parent {
  /** `namespace/name` of the Gateway. */
  gateway: string;
  controllerName: string;
}

/** GatewayClasses, Gateways, ListenerSets and their listeners. */
export interface Listeners {
  classes: Collection<AdoptedClass>;
  /** By object key. */
  gateways: Collection<ManagedGateway>;
  sets: Collection<ManagedSet>;
  /** How many ListenerSets a Gateway has accepted, by its `namespace/name`. */
  attachedSets: Collection<number>;
  /** By listener key. */
  views: Collection<ListenerView>;
  viewsByOwner: Index<ListenerView>;
  pointsByOwner: Index<AttachPoint>;
  /** Gateways that take routes which name none, under `All`. */
  defaults: Index<ManagedGateway>;
  /** Gateways and ListenerSets as routes refer to them, by object key. */
  parents: Collection<Parent>;
  /** What data planes are sent, by listener key. */
  served: Collection<Listener>;
  /** Sharing of ports between Gateways, told of by listener key. */
  shared: Collection<string>;
  certificates: Collection<CertificateVerdict>;
  provided: ProvidedIndex;
  /** What Gateways show to backends, by object key. */
  identities: Collection<ClientIdentity>;
  config: Collection<ConfigObject>;
  /** What Gateways need beside it, by object key. */
  infrastructure: Collection<WantedInfrastructure>;
}

export function deriveListeners(graph: Graph, filtersOf: ListenerFilterReader): Listeners {
  const { inputs, options } = graph;
  const classes = graph.derive('classes', inputs.GatewayClass, (context, object, key) =>
    one(key, adopt(graph.look(context), object)),
  );
  const gateways = graph.derive('gateways', inputs.Gateway, (context, object, key) => {
    const name = object.spec.gatewayClassName;
    const adopted = context.fetch(classes, `GatewayClass//${name}`) ?? implied(name, options);
    return one(key, adopted && manage(graph.look(context), object, adopted));
  });
  const sets = graph.derive('listenersets', inputs.ListenerSet, (context, object, key) =>
    one(key, attachedSet(graph.look(context), gateways, object)),
  );
  const declared = declare(graph, gateways, sets);
  const certificates = deriveCertificates(graph, declared);
  const provided = indexProvided(graph);
  const identities = graph.derive('client identities', gateways, (context, gateway, key) => {
    const look = graph.look(context);
    const object = find(look, 'Gateway', gateway);
    return one(key, object && clientIdentity(look, certificates, object));
  });
  const { opened, closed } = deriveAllotment(graph, { gateways, declared });
  const onNodes = deriveNodePorts(graph, { gateways, opened });
  const around = { gateways, declared, closed, onNodes, certificates, provided, identities, filtersOf };
  const { views, shared } = deriveViews(graph, around);
  const config = listenerConfig(graph, views, join('all certificates', [certificates, deriveProvided(graph)]));
  const known = { gateways, sets, views };
  const owned = { ...ownedViews(graph, known), ...deriveForRoutes(graph, known) };
  const infrastructure = deriveInfrastructure(graph, { classes, gateways, opened });
  const defaults = index('default gateways', gateways, ({ isDefault }) => (isDefault ? ['All'] : []));
  const others = { classes, shared, certificates, provided, identities, defaults };
  return { ...known, ...others, config, infrastructure, ...owned };
}

function ownedViews(graph: Graph, { gateways, sets, views }: Judged): Pick<Listeners, 'viewsByOwner' | 'attachedSets'> {
  const viewsByOwner = index('listeners by owner', views, ({ owner }) => [ownerKey(owner)]);
  const accepted = graph.derive('accepted listenersets', sets, (context, { gateway, refusal }, key) => {
    const own = context.fetch(viewsByOwner, key) ?? [];
    if (context.fetch(gateways, `Gateway/${gateway}`)?.withheld !== false) return [];
    return refusal === undefined && own.some(isTaken) ? [[key, gateway]] : [];
  });
  return { viewsByOwner, attachedSets: counts('number of attached listenersets', accepted, (gateway) => [gateway]) };
}

interface ViewInputs {
  gateways: Collection<ManagedGateway>;
  declared: Collection<DeclaredListener>;
  /** Ports that are not opened. */
  closed: PortAllotment['closed'];
  /** Ports of nodes that other Gateways have. */
  onNodes: Collection<ManagedGateway>;
  certificates: Collection<CertificateVerdict>;
  provided: ProvidedIndex;
  identities: Collection<ClientIdentity>;
  filtersOf: ListenerFilterReader;
}

function deriveViews(
  graph: Graph,
  { gateways, declared, closed, onNodes, certificates, provided, identities, filtersOf }: ViewInputs,
): Pick<Listeners, 'views' | 'shared'> {
  const conflicts = deriveConflicts(graph, declared);
  const { overlaps, taken } = deriveHostRelations(graph, declared, conflicts);
  // Within a Gateway first: that is the one whose owner can do something about it.
  const ports = graph.options.shared ? derivePorts(graph, { gateways, declared, conflicts }) : undefined;
  const views = graph.derive('listeners', declared, (context, listener, key) => {
    const gatewayKey = `Gateway/${listener.gateway}`;
    const gateway = context.fetch(gateways, gatewayKey);
    if (gateway === undefined) return [];
    const conflict = context.fetch(conflicts, key);
    const overlap = context.fetch(overlaps, key) ?? (ports && context.fetch(ports.overlaps, key));
    const portRefusal = ports
      ? context.fetch(ports.refused, key)
      : (ownPortRefusal(listener, gateway) ??
        nodePortRefusal(context, onNodes, { listener, gateway }) ??
        closedRefusal(context, closed, listener));
    const look = graph.look(context);
    const around = {
      gateway,
      conflict,
      overlap,
      taken: context.fetch(taken, key),
      portRefusal,
      certificates,
      provided,
      filters: hasFilters(listener) ? filtersOf(look, listener, context.fetch(identities, gatewayKey)) : NO_FILTERS,
    };
    return [[key, judgeListener(look, listener, around)]];
  });
  return { views, shared: ports?.shared ?? join<string>('no sharing', []) };
}

const NO_FILTERS: ListenerFilterReading = { filters: [], uses: [], refusals: [], unresolved: [] };

function hasFilters({ spec }: DeclaredListener): boolean {
  return (spec.filters?.requests ?? []).length > 0;
}

interface Judged {
  gateways: Collection<ManagedGateway>;
  sets: Collection<ManagedSet>;
  views: Collection<ListenerView>;
}

function deriveForRoutes(
  graph: Graph,
  { gateways, sets, views }: Judged,
): Pick<Listeners, 'parents' | 'pointsByOwner' | 'served'> {
  const parents = join<Parent>('route parents', [
    graph.derive('gateway parents', gateways, (_context, { key: gateway, controllerName }, key) => [
      [key, { gateway, controllerName }],
    ]),
    graph.derive('listenerset parents', sets, (_context, { gateway, controllerName }, key) => [
      [key, { gateway, controllerName }],
    ]),
  ]);
  const points = graph.derive('attach points', views, (_context, view, key) => [[key, attachPoint(view)]]);
  return {
    parents,
    pointsByOwner: index('attach points by owner', points, ({ owner }) => [ownerKey(owner)]),
    served: graph.derive('served listeners', views, (_context, { config }, key) => one(key, config)),
  };
}

function declare(
  graph: Graph,
  gateways: Collection<ManagedGateway>,
  sets: Collection<ManagedSet>,
): Collection<DeclaredListener> {
  const keyed = (listeners: DeclaredListener[]) => listeners.map((listener) => [listener.key, listener] as const);
  const own = graph.derive('gateway listeners', gateways, (context, gateway) => {
    const object = find(graph.look(context), 'Gateway', gateway);
    return object === undefined ? [] : keyed(listenersOf(object, gateway.key));
  });
  const others = graph.derive('listenerset listeners', sets, (context, set) => {
    const object = find(graph.look(context), 'ListenerSet', set);
    return object === undefined || set.refusal !== undefined ? [] : keyed(listenersOf(object, set.gateway));
  });
  return join('declared listeners', [own, others]);
}

interface PortInputs {
  gateways: Collection<ManagedGateway>;
  declared: Collection<DeclaredListener>;
  conflicts: Collection<Problem>;
}

interface Ports {
  refused: Derived<Problem>;
  shared: Derived<string>;
  /** TLS listeners of Gateways that share a port, each with one whose hostnames it overlaps. */
  overlaps: Derived<DeclaredListener>;
}

/** Computed by port; only undisputed listeners of accepted Gateways have a claim. */
function derivePorts(graph: Graph, { gateways, declared, conflicts }: PortInputs): Ports {
  const claims = graph.derive('port claims', declared, (context, listener, key) => {
    const gateway = context.fetch(gateways, `Gateway/${listener.gateway}`);
    const valid = gateway !== undefined && !gateway.withheld && slotOf(listener) !== undefined;
    return valid && context.fetch(conflicts, key) === undefined ? [[key, { listener, gateway }] as const] : [];
  });
  const byPort = index('claims by port', claims, ({ listener }) => [slotOf(listener)!.port]);
  const sharing = graph.derive('port sharing', byPort, (_context, group, key) => {
    return [[key, group.every(({ gateway }) => gateway.key === group[0]!.gateway.key) ? undefined : sharePort(group)]];
  });
  return {
    refused: graph.derive('refused ports', sharing, (_context, found) => found?.refused ?? []),
    shared: graph.derive('shared ports', sharing, (_context, found) => found?.shared ?? []),
    overlaps: graph.derive('tls overlaps of gateways', sharing, (_context, found) => found?.overlaps ?? []),
  };
}

/** Only Secrets that something refers to are read: parsing a certificate costs more than everything else here. */
function deriveCertificates(graph: Graph, declared: Collection<DeclaredListener>): Collection<CertificateVerdict> {
  const uses = graph.derive('certificate uses', declared, (_context, { owner, spec, key }) => {
    const keys = certificateUses(owner, spec, '').map(secretKey);
    return keys.flatMap((secret, at) => (secret === undefined ? [] : [[`${key}#${at}`, secret] as const]));
  });
  const clients = graph.derive('client certificate uses', graph.inputs.Gateway, (_context, { metadata, spec }, key) => {
    const reference = spec.tls?.backend?.clientCertificateRef;
    const from = { group: '', kind: 'Gateway', namespace: metadata.namespace ?? '' };
    const secret = reference && secretKey({ reference, from, field: '', reason: '' });
    return one(key, secret);
  });
  // One use is like another: who refers to a Secret that is in use has nothing read again.
  const bySecret = heads('uses by secret', join('secrets in use', [uses, clients]), {
    keysOf: (secret) => [secret],
    most: 1,
  });
  return graph.derive('certificates', bySecret, (context, _uses, key) => {
    const superseded = context.fetch(graph.inputs.superseded, supersededKey('certificate', key));
    return one(key, certificateVerdict(context.fetch(graph.inputs.Secret, key), superseded));
  });
}

function listenerConfig(
  graph: Graph,
  views: Collection<ListenerView>,
  certificates: Collection<CertificateVerdict>,
): Collection<ConfigObject> {
  const own = graph.derive('listener config', views, (_context, { config }) => (config ? [configOutput(config)] : []));
  const trust = graph.derive('client trust', views, (_context, { config, trust }) =>
    config ? trust.map(configOutput) : [],
  );
  const shown = counts('listeners by certificate', views, ({ config }) => config?.tls?.certificates ?? []);
  const served = graph.derive('served certificates', shown, (context, _count, key) => {
    const verdict = context.fetch(certificates, `Secret/${key}`);
    return verdict !== undefined && 'certificate' in verdict ? [configOutput(verdict.certificate)] : [];
  });
  return join('listener objects', [own, trust, served]);
}
