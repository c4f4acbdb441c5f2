import {
  type BackendObjectReference,
  GATEWAY_GROUP,
  KINDS,
  keyOf,
  MULTICLUSTER_GROUP,
  ROUTE_REASON,
  type Service,
  type ServicePort,
} from '../../api/index.ts';
import { type Backend, barredHost, type RouteKind } from '../../config/index.ts';
import type { Collection, Context } from '../../graph/index.ts';
import { grantHint, permitted, type Referrer } from '../grants.ts';
import { find, type Lookup, type Name } from '../lookup.ts';
import { absent, type Problem, problem } from '../verdict/problem.ts';
import { type ServiceTls, serviceTlsKeys } from './backend-tls.ts';
import type { BackendUse } from './backend-use.ts';
import { serviceOfImport } from './service.ts';

/** Who refers, and what is known about TLS towards Services (by `namespace/service:port`). */
export interface BackendScope {
  look: Lookup;
  kind: RouteKind;
  namespace: string;
  /** Absent: what policies say of it is asked later (withTls). */
  serviceTls?: Collection<ServiceTls>;
  /** Of the referrer, where that is no object of the Gateway API. */
  from?: Omit<Referrer, 'namespace'>;
  /** What is spoken there, where it is not what the route speaks. */
  speaks?: 'HTTP' | 'GRPC';
}

/** The Backend that a reference leads to. Permission is judged before existence, so that nothing is told of what is hidden. */
export function resolveBackend(
  scope: BackendScope,
  reference: BackendObjectReference,
  field: string,
): BackendUse | Problem {
  const { name, port } = reference;
  const kind = backendKind(reference, field);
  if (typeof kind !== 'string') return kind;
  const namespace = reference.namespace ?? scope.namespace;
  const from = { ...(scope.from ?? { group: GATEWAY_GROUP, kind: scope.kind }), namespace: scope.namespace };
  const to = { group: KINDS[kind].group, kind, namespace, name };
  if (!permitted(scope.look, from, to)) {
    const message = `${kind} ${namespace}/${name} is in another namespace: ${grantHint(from, to)}`;
    return problem(ROUTE_REASON.RefNotPermitted, field, message);
  }
  const service = findService(scope.look, kind, to);
  if (service === undefined) return absent(ROUTE_REASON.BackendNotFound, field, keyOf(kind, namespace, name));
  if (port === undefined) return problem(ROUTE_REASON.BackendNotFound, `${field}.port`, `names no port of the ${kind}`);
  const { externalName } = service.spec;
  if (
    externalName !== undefined &&
    service.spec.type === 'ExternalName' &&
    scope.look.options.loopbackNames !== 'allowed'
  ) {
    const barred = barredHost(externalName, 'refused');
    const message = `Service ${namespace}/${name} has the externalName ${externalName}, which ${barred}: ${wayToName(externalName, scope)}`;
    if (barred !== undefined) return problem(ROUTE_REASON.BackendNotFound, field, message);
  }
  return resolvePort(scope, { kind, service, port, field });
}

/** What leads there, if anything does. */
function wayToName(name: string, { look }: BackendScope): string {
  if (look.options.cluster === true || barredHost(name, 'allowed') !== undefined)
    return 'name a host of another machine';
  return 'a backend beside the gateway is named by an EndpointSlice or --endpoint, or --loopback-names lets names lead there';
}

/** The kind of route that speaks so. */
function spokenKind({ kind, speaks }: BackendScope): RouteKind {
  if (speaks === undefined) return kind;
  return speaks === 'GRPC' ? 'GRPCRoute' : 'HTTPRoute';
}

type BackendKind = 'Service' | 'ServiceImport';

function backendKind(
  { group = '', kind = 'Service', name }: BackendObjectReference,
  field: string,
): BackendKind | Problem {
  if (group === '' && kind === 'Service') return kind;
  if (group === MULTICLUSTER_GROUP && kind === 'ServiceImport') return kind;
  const named = group === '' ? kind : `${group}/${kind}`;
  const message = `${named} ${name} is no kind of backend: refer to a Service, or to a ServiceImport of ${MULTICLUSTER_GROUP}`;
  return problem(ROUTE_REASON.InvalidKind, field, message);
}

function findService(look: Lookup, kind: BackendKind, name: Name): Service | undefined {
  if (kind === 'Service') return find(look, 'Service', name);
  const found = find(look, 'ServiceImport', name);
  return found && serviceOfImport(found);
}

function resolvePort(
  scope: BackendScope,
  { kind, service, port, field }: { kind: BackendKind; service: Service; port: number; field: string },
): BackendUse | Problem {
  const { namespace = '', name } = service.metadata;
  const found = servicePort(service, port, scope.kind);
  if (found === undefined) {
    const there = (service.spec.ports ?? []).map((one) => `${one.port}/${one.protocol}`).join(', ') || 'none';
    const message = `${kind} ${namespace}/${name} has no port ${port}/${transport(scope.kind)}; it has ${there}`;
    return problem(ROUTE_REASON.BackendNotFound, `${field}.port`, message);
  }
  // A datagram cannot be sent over TLS: a policy for the port says nothing about UDP. An import has none.
  const tls =
    scope.kind === 'UDPRoute' || kind === 'ServiceImport' || scope.serviceTls === undefined
      ? undefined
      : tlsOf(scope.look.context, scope.serviceTls, { namespace, name, port });
  const protocol = protocolOf(spokenKind(scope), found);
  if (protocol === undefined) {
    const what = `appProtocol ${found.appProtocol} of ${kind} ${namespace}/${name} port ${port}`;
    const message =
      spokenKind(scope) === 'GRPCRoute'
        ? `${what} is not gRPC: use kubernetes.io/h2c, or leave it out`
        : `${what} is not supported: use http, kubernetes.io/h2c or kubernetes.io/ws`;
    return problem(ROUTE_REASON.UnsupportedProtocol, field, message);
  }
  const secure = isHttp(scope) && asksForTls(found.appProtocol);
  if (secure && tls === undefined && (scope.serviceTls !== undefined || kind === 'ServiceImport')) {
    const what = `appProtocol ${found.appProtocol} of ${kind} ${namespace}/${name} port ${port}`;
    const message = `${what} asks for TLS: ${wayToTls(kind)}`;
    return problem(ROUTE_REASON.UnsupportedProtocol, field, message);
  }
  const at: Backend['service'] = { namespace, name, port, ...(kind === 'ServiceImport' ? { kind } : {}) };
  const use: BackendUse = { key: backendKey(at, protocol, found), service: at, protocol, tls: tls?.tls !== undefined };
  if (spokenKind(scope) === 'GRPCRoute') use.grpc = true;
  if (secure) use.needsTls = true;
  if (tls?.fault !== undefined) use.fault = tls.fault;
  const remark = tls === undefined && scope.kind === 'HTTPRoute' ? protocolRemark(found.appProtocol) : undefined;
  if (remark !== undefined) use.remark = `${kind} ${namespace}/${name} port ${port} has ${remark}`;
  return use;
}

function tlsOf(
  context: Context,
  serviceTls: Collection<ServiceTls>,
  service: { namespace: string; name: string; port: number },
): ServiceTls | undefined {
  const [exact, any] = serviceTlsKeys(service);
  return context.fetch(serviceTls, exact) ?? context.fetch(serviceTls, any);
}

/** The same use with what policies say of TLS there; undefined: nothing may be sent. */
export function withTls(context: Context, use: BackendUse, serviceTls: Collection<ServiceTls>): BackendUse | undefined {
  if (use.service.kind === 'ServiceImport') return use;
  const tls = tlsOf(context, serviceTls, use.service);
  if (tls === undefined && use.needsTls) return undefined;
  return tls?.fault === undefined ? { ...use, tls: tls?.tls !== undefined } : undefined;
}

/** Names that ask for HTTP/1.1 or HTTP/2 without TLS, which is what they get. */
const SERVED_PROTOCOLS: ReadonlySet<string> = new Set(['http', 'ws', 'http/1.1', 'h2c', 'http2', 'grpc', 'grpc-web']);

/** Names, of Kubernetes' own or others, of what is spoken over TLS. */
const OVER_TLS: ReadonlySet<string> = new Set(['https', 'wss', 'kubernetes.io/wss', 'tls', 'grpcs']);

function asksForTls(appProtocol: string | undefined): boolean {
  return appProtocol !== undefined && OVER_TLS.has(appProtocol.toLowerCase());
}

/** The gateway speaks to the backend, and relays nothing. */
function isHttp(scope: BackendScope): boolean {
  const kind = spokenKind(scope);
  return kind === 'HTTPRoute' || kind === 'GRPCRoute';
}

function wayToTls(kind: BackendKind): string {
  return kind === 'Service'
    ? 'add a BackendTLSPolicy that says how the backend is verified, or write http where it speaks no TLS'
    : 'refer to a Service with a BackendTLSPolicy, or write http where it speaks no TLS';
}

/** A name of IANA or of a vendor that stands for something else than what is spoken. */
function protocolRemark(appProtocol: string | undefined): string | undefined {
  if (appProtocol === undefined || appProtocol.startsWith('kubernetes.io/') || asksForTls(appProtocol))
    return undefined;
  if (SERVED_PROTOCOLS.has(appProtocol.toLowerCase())) return undefined;
  return `appProtocol ${appProtocol}, which is not served: it is spoken to in HTTP/1.1; write http or kubernetes.io/h2c, or use a TCPRoute`;
}

/** A port of an ExternalName Service need not be declared. */
function servicePort(service: Service, port: number, kind: RouteKind): ServicePort | undefined {
  const protocol = transport(kind);
  const found = (service.spec.ports ?? []).find((one) => one.port === port && (one.protocol ?? 'TCP') === protocol);
  if (found !== undefined || service.spec.type !== 'ExternalName') return found;
  return { port, protocol };
}

function transport(kind: RouteKind): 'TCP' | 'UDP' {
  return kind === 'UDPRoute' ? 'UDP' : 'TCP';
}

function protocolOf(kind: RouteKind, port: ServicePort): Backend['protocol'] | undefined {
  switch (kind) {
    case 'HTTPRoute':
      return httpProtocol(port.appProtocol);
    case 'GRPCRoute':
      return speaksOther(port.appProtocol) ? undefined : 'h2c';
    case 'TLSRoute':
    case 'TCPRoute':
      return 'tcp';
    case 'UDPRoute':
      return 'udp';
  }
}

/** What Kubernetes has a name for is spoken there, and no gRPC. */
function speaksOther(appProtocol: string | undefined): boolean {
  return appProtocol !== 'kubernetes.io/h2c' && appProtocol?.startsWith('kubernetes.io/') === true;
}

/** Names of Kubernetes' own are taken by the letter; other names (of IANA, of vendors) ask for nothing but HTTP/1.1, and some for TLS. */
function httpProtocol(appProtocol: string | undefined): 'http' | 'h2c' | undefined {
  switch (appProtocol) {
    case 'kubernetes.io/h2c':
    case 'h2c':
    case 'http2':
    case 'grpc':
      return 'h2c';
    case 'kubernetes.io/ws':
    case 'kubernetes.io/wss':
      return 'http';
    default:
      return appProtocol?.startsWith('kubernetes.io/') ? undefined : 'http';
  }
}

/** A protocol other than what the Service's port says by itself makes a Backend of its own. */
function backendKey(
  { namespace, name, port, kind }: Backend['service'],
  protocol: Backend['protocol'],
  found: ServicePort,
): string {
  const key = `${namespace}/${name}:${port}${kind === 'ServiceImport' ? ';import' : ''}`;
  return protocol === httpProtocol(found.appProtocol) ? key : `${key};${protocol}`;
}
