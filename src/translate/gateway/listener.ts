import { GATEWAY_GROUP, type GatewayListener, LISTENER_REASON, type RouteGroupKind } from '../../api/index.ts';
import type {
  Certificate,
  ExternalAuthConfig,
  Listener,
  ListenerTls,
  RouteKind,
  TrustBundle,
} from '../../config/index.ts';
import type { Collection } from '../../graph/index.ts';
import type { BackendUse } from '../backend/backend-use.ts';
import type { Lookup } from '../lookup.ts';
import { type Problem, problem } from '../verdict/problem.ts';
import {
  type CertificateUse,
  type CertificateVerdict,
  isAbsent,
  isFor,
  type ResolvedCertificate,
  resolveCertificate,
} from './certificate.ts';
import type { ClientIdentity } from './client-certificate.ts';
import { validateClients } from './client-validation.ts';
import type { DeclaredListener, ListenerOwner } from './declared.ts';
import type { ManagedGateway } from './gateway.ts';
import { lower } from './hostnames.ts';
import { wayToSecret } from './issuer.ts';
import { familyOf } from './listener-conflict.ts';
import { type ProvidedIndex, standIns } from './provided.ts';
import { selectorFault, selectorField } from './selector.ts';

/** A listener, judged. */
export interface ListenerView {
  key: string;
  gateway: string;
  owner: ListenerOwner;
  /** Path in its owner, such as `spec.listeners[0]`. */
  field: string;
  /** Of its owner. */
  generation?: number;
  /** Issuers that cert-manager is asked to take for its certificates. */
  issuers: ReadonlyArray<string>;
  spec: GatewayListener;
  supportedKinds: RouteGroupKind[];
  /** Another listener stands in its way. */
  conflict?: Problem;
  /** Another TLS listener of the port has hostnames in common with it: `name (hostname)`. */
  overlap?: string;
  /** Hosts that more specific listeners of others take from it. */
  taken?: string;
  /** Options of its TLS that are left out. */
  optionless?: string;
  /** Why it is not Accepted. */
  refusals: Problem[];
  /** References that do not resolve. */
  unresolved: Problem[];
  /** What is wrong and stops nothing, yet or at all. */
  remarks: Problem[];
  /** Certificates for it are obtained by ACME. */
  obtains: boolean;
  /** Present where it can be served. */
  config?: Listener;
  /** CA certificates that its config names. */
  trust: TrustBundle[];
  /** Backends that its filters ask. */
  uses: BackendUse[];
}

/** What its filters come to. */
export interface ListenerFilterReading {
  filters: ExternalAuthConfig[];
  uses: BackendUse[];
  /** What cannot be served: it may keep somebody out, so that the listener is refused. */
  refusals: Problem[];
  /** References that do not resolve: nobody passes there. */
  unresolved: Problem[];
}

/** `identity`: what the Gateway shows to backends. */
export type ListenerFilterReader = (
  look: Lookup,
  declared: DeclaredListener,
  identity: ClientIdentity | undefined,
) => ListenerFilterReading;

/** What routes see of a listener: changes of its certificates do not concern them. */
export interface AttachPoint {
  key: string;
  gateway: string;
  owner: ListenerOwner;
  name: string;
  port: number;
  protocol: string;
  hostname?: string;
  kinds: RouteKind[];
  namespaces: GatewayListener['allowedRoutes']['namespaces'];
  served: boolean;
}

/** Another TLS listener of the port whose hostname overlaps. */
interface Overlap extends Pick<DeclaredListener, 'gateway'> {
  spec: Pick<GatewayListener, 'name' | 'hostname'>;
}

/** What judging a listener needs to know beside itself. */
export interface ListenerSurroundings {
  gateway: ManagedGateway;
  conflict?: Problem;
  overlap?: Overlap;
  portRefusal?: Problem;
  taken?: string;
  certificates: Collection<CertificateVerdict>;
  provided: ProvidedIndex;
  filters: ListenerFilterReading;
}

/** What a protocol carries. Where TLS ends here, what is in it is a TCP connection like any other. */
function routesOf({ protocol, tls }: GatewayListener): ReadonlyArray<RouteKind> {
  switch (protocol) {
    case 'HTTP':
    case 'HTTPS':
      return ['HTTPRoute', 'GRPCRoute'];
    case 'TLS':
      return tls?.mode === 'Passthrough' ? ['TLSRoute'] : ['TLSRoute', 'TCPRoute'];
    case 'TCP':
      return ['TCPRoute'];
    case 'UDP':
      return ['UDPRoute'];
    default:
      return [];
  }
}

export function judgeListener(look: Lookup, declared: DeclaredListener, around: ListenerSurroundings): ListenerView {
  const { key, gateway, owner, spec, position, generation } = declared;
  const field = `spec.listeners[${position}]`;
  const { supportedKinds, unresolved } = routeKinds(spec, field);
  const { uses } = around.filters;
  const judged = { supportedKinds, refusals: [], unresolved, remarks: [], trust: [], uses, obtains: false };
  // A ListenerSet that asks for none takes its Gateway's.
  const issuers = declared.issuers.length > 0 ? declared.issuers : around.gateway.issuers;
  const view: ListenerView = { key, gateway, owner, field, generation, issuers, spec, ...judged };
  if (around.conflict !== undefined) view.conflict = around.conflict;
  if (around.overlap !== undefined) view.overlap = overlapName(around.overlap, declared);
  if (around.taken !== undefined) {
    view.taken = around.taken;
    view.remarks.push(problem('', `${field}.hostname`, around.taken));
  }
  if (around.portRefusal !== undefined) view.refusals.push(around.portRefusal);
  if (familyOf(spec.protocol) === undefined) {
    const capitals = spec.protocol.toUpperCase();
    const meant = familyOf(capitals) === undefined ? 'HTTP, HTTPS, TLS, TCP or UDP' : capitals;
    const message = `protocol ${spec.protocol} is not supported: use ${meant}`;
    view.refusals.push(problem(LISTENER_REASON.UnsupportedProtocol, `${field}.protocol`, message));
    return view;
  }
  const stranger = admissionProblem(spec, field);
  if (stranger !== undefined) view.refusals.push(stranger);
  view.refusals.push(...around.filters.refusals);
  view.unresolved.push(...around.filters.unresolved);
  const unknown = Object.keys(spec.tls?.options ?? {});
  if (unknown.length > 0) {
    const message = `${unknown.join(', ')}: no such option is known here, and it is left out: a ClientTrafficPolicy says how TLS is spoken`;
    view.optionless = message;
    view.remarks.push(problem('', `${field}.tls.options`, message));
  }
  const tls = listenerTls(look, view, around);
  const blocked = view.conflict !== undefined || view.refusals.length > 0 || around.gateway.withheld;
  if (!blocked && tls !== 'unusable' && supportedKinds.length > 0) view.config = configOf(view, around, tls);
  return view;
}

function overlapName({ spec, gateway }: Overlap, own: DeclaredListener): string {
  const where = gateway === own.gateway ? '' : ` of Gateway ${gateway}`;
  return `${spec.name}${where} (${spec.hostname ?? 'any host'})`;
}

/** A selector that is none lets no route in, and the listener says so. */
function admissionProblem({ allowedRoutes }: GatewayListener, field: string): Problem | undefined {
  const { from, selector } = allowedRoutes?.namespaces ?? {};
  const fault = from === 'Selector' ? selectorFault(selector) : undefined;
  if (fault === undefined) return undefined;
  const where = selectorField(`${field}.allowedRoutes.namespaces.selector`, fault);
  return problem(LISTENER_REASON.UnsupportedValue, where, `${fault.message}: no route is selected until it is mended`);
}

/** The kinds of routes that may attach: what the protocol carries, narrowed by what the user allows. */
function routeKinds(spec: GatewayListener, field: string): { supportedKinds: RouteGroupKind[]; unresolved: Problem[] } {
  const carried = routesOf(spec);
  const allowed = spec.allowedRoutes?.kinds ?? [];
  if (allowed.length === 0)
    return { supportedKinds: carried.map((kind) => ({ group: GATEWAY_GROUP, kind })), unresolved: [] };
  const supportedKinds: RouteGroupKind[] = [];
  const unresolved: Problem[] = [];
  for (const [at, { group = GATEWAY_GROUP, kind }] of allowed.entries()) {
    if (group === GATEWAY_GROUP && carried.some((one) => one === kind)) supportedKinds.push({ group, kind });
    else {
      const named = group === GATEWAY_GROUP ? kind : `${group}/${kind}`;
      const how = spec.protocol === 'TLS' ? ` with mode ${spec.tls?.mode ?? 'Terminate'}` : '';
      const message = `protocol ${spec.protocol}${how} takes ${carried.join(' and ') || 'no routes'}, not ${named}`;
      unresolved.push(problem(LISTENER_REASON.InvalidRouteKinds, `${field}.allowedRoutes.kinds[${at}]`, message));
    }
  }
  return { supportedKinds, unresolved };
}

function listenerTls(
  look: Lookup,
  view: ListenerView,
  around: ListenerSurroundings,
): ListenerTls | undefined | 'unusable' {
  const { spec, field } = view;
  if (familyOf(spec.protocol) !== 'tls') return undefined;
  const mode = spec.tls?.mode ?? 'Terminate';
  if (mode === 'Passthrough') {
    if (spec.protocol === 'TLS') return { mode, certificates: [] };
    const message = 'an HTTPS listener terminates TLS: use mode Terminate, or protocol TLS with a TLSRoute';
    view.refusals.push(problem(LISTENER_REASON.UnsupportedValue, `${field}.tls.mode`, message));
    return 'unusable';
  }
  const certificates = listenerCertificates(look, view, around);
  const clients = spec.protocol === 'HTTPS' ? validateClients(look, spec.port, around.gateway) : undefined;
  view.refusals.push(...(clients?.refusals ?? []));
  view.unresolved.push(...(clients?.unresolved ?? []));
  view.trust = clients?.trust ?? [];
  // What waits for its first certificate is told to data planes all the same: they answer for it that it is ours.
  if (certificates.length === 0 && !view.obtains) return 'unusable';
  const tls: ListenerTls = { mode, certificates: certificates.map(({ key }) => key) };
  if (clients?.validation !== undefined) tls.clientValidation = clients.validation;
  return tls;
}

function listenerCertificates(
  look: Lookup,
  view: ListenerView,
  { certificates, provided, gateway }: ListenerSurroundings,
): Certificate[] {
  const uses = certificateUses(view.owner, view.spec, view.field);
  const found: ResolvedCertificate[] = [];
  const absent: Problem[] = [];
  if (uses.length === 0) {
    const message = 'names no certificate: add a reference to a Secret of type kubernetes.io/tls';
    absent.push(problem(LISTENER_REASON.InvalidCertificateRef, `${view.field}.tls.certificateRefs`, message));
    view.unresolved.push(...absent);
  }
  for (const use of uses) {
    const result = resolveCertificate(look, certificates, use);
    if (!('reason' in result)) {
      found.push(result);
      if (result.stale !== undefined) view.unresolved.push(result.stale);
      if (result.type !== TLS_SECRET) view.remarks.push(problem('', use.field, typeRemark(result)));
    } else {
      if (isAbsent(look, certificates, use)) absent.push(result);
      view.unresolved.push(result);
    }
  }
  const uncovered = coverRemark(view, found);
  if (uncovered !== undefined) view.remarks.push(uncovered);
  if (found.length > 0 || absent.length === 0) return found.map(({ certificate }) => certificate);
  const need = { hostname: lower(view.spec.hostname), acme: gateway.acme, field: view.field };
  const others = standIns(look, provided, need);
  const wide = need.hostname === undefined || need.hostname.startsWith('*.');
  view.obtains = gateway.acme && (wide || !others.given);
  if (others.certificates.length > 0 || others.problems.length > 0) {
    view.unresolved = [...view.unresolved.filter((one) => !absent.includes(one)), ...others.problems];
  }
  if (others.certificates.length === 0) {
    view.unresolved = view.unresolved.map((one) => (absent.includes(one) ? withWayOut(one, look, view) : one));
  }
  const field = `${view.field}.tls.certificateRefs`;
  view.remarks.push(...others.notes.map((message) => problem('', field, message)));
  return others.certificates;
}

/** How a listener that lacks a certificate gets one, here: manifests alone have other ways than a cluster. */
function withWayOut(one: Problem, { options }: Lookup, view: ListenerView): Problem {
  const fromManifests = options.shared && options.cluster !== true;
  const way = fromManifests
    ? `--certificate ${lower(view.spec.hostname) ?? 'HOST'}=cert.pem,key.pem gives one, --acme obtains one`
    : wayToSecret(view, one.missing);
  return { ...one, message: `${one.message}; ${way}` };
}

const TLS_SECRET = 'kubernetes.io/tls';

function typeRemark({ certificate, type }: ResolvedCertificate): string {
  return `Secret ${certificate.key} has type ${type}; it is served, but other gateways take only ${TLS_SECRET}`;
}

/** A client that asks for the listener's hostname is shown one of these, and takes none of them. */
function coverRemark({ spec, field }: ListenerView, found: ReadonlyArray<ResolvedCertificate>): Problem | undefined {
  const hostname = lower(spec.hostname);
  if (hostname === undefined || found.length === 0 || found.some(({ names }) => isFor(names, hostname))) {
    return undefined;
  }
  const said = found.map(
    ({ certificate, names }) => `Secret ${certificate.key} is for ${names.join(', ') || 'no DNS name'}`,
  );
  const message = `no certificate is for ${hostname}: ${said.join('; ')}; clients will refuse it`;
  return problem('', `${field}.tls.certificateRefs`, message);
}

/** The certificates that a listener refers to; an HTTPS or TLS listener that terminates. */
export function certificateUses(owner: ListenerOwner, spec: GatewayListener, field: string): CertificateUse[] {
  if (familyOf(spec.protocol) !== 'tls' || spec.tls?.mode === 'Passthrough') return [];
  return (spec.tls?.certificateRefs ?? []).map((reference, at) => ({
    reference,
    field: `${field}.tls.certificateRefs[${at}]`,
    from: { group: GATEWAY_GROUP, kind: owner.kind, namespace: owner.namespace },
    reason: LISTENER_REASON.InvalidCertificateRef,
  }));
}

function configOf(
  view: ListenerView,
  { gateway, filters: { filters } }: ListenerSurroundings,
  tls: ListenerTls | undefined,
): Listener {
  const { key, spec } = view;
  const { name, port } = spec;
  const protocol = spec.protocol as Listener['protocol'];
  const config: Listener = {
    kind: 'Listener',
    key,
    gateway: view.gateway,
    name,
    addresses: gateway.addresses,
    port,
    protocol,
  };
  const hostname = lower(spec.hostname);
  if (hostname !== undefined) config.hostname = hostname;
  if (tls !== undefined) config.tls = tls;
  if (filters.length > 0) config.filters = filters;
  return config;
}

export function attachPoint(view: ListenerView): AttachPoint {
  const { key, gateway, owner, spec } = view;
  const { name, port, protocol } = spec;
  const point: AttachPoint = {
    key,
    gateway,
    owner,
    name,
    port,
    protocol,
    kinds: view.supportedKinds.map(({ kind }) => kind as RouteKind),
    namespaces: spec.allowedRoutes?.namespaces ?? { from: 'Same' },
    served: view.config !== undefined,
  };
  const hostname = lower(spec.hostname);
  if (hostname !== undefined) point.hostname = hostname;
  return point;
}
