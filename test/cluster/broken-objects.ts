/** Objects that an API server takes and that cannot work: each with what it must be told on it. */

export interface Broken {
  object: Manifest;
  /** One of its conditions: `Type=Status Reason message`. */
  says: RegExp;
}

interface Manifest {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string; labels: Record<string, string> };
  [field: string]: unknown;
}

const GATEWAY_API = 'gateway.networking.k8s.io/v1';
const POLICIES = 'policies.daemun.dev/v1alpha1';
const GROUP = 'gateway.networking.k8s.io';

const edge = (more: object = {}): object => ({ name: 'edge', sectionName: 'http', ...more });
const on = (sectionName: string): { parentRefs: object[] } => ({ parentRefs: [edge({ sectionName })] });
const to = (name: string, port = 8080): { backendRefs: object[] } => ({ backendRefs: [{ name, port }] });

let count = 0;
function broken(kind: string, spec: object, says: RegExp, apiVersion = GATEWAY_API): Broken {
  return {
    object: {
      apiVersion,
      kind,
      metadata: { name: `bad-${String(++count).padStart(2, '0')}`, labels: { test: 'broken' } },
      spec,
    },
    says,
  };
}

/** Of a host of its own, so that it takes nothing from others. */
function route(spec: object, says: RegExp, kind = 'HTTPRoute'): Broken {
  return broken(kind, { parentRefs: [edge()], hostnames: [`bad-${count + 1}.example.com`], ...spec }, says);
}

const rules = (...list: object[]): object => ({ rules: list });
const pathLike = (value: string): object =>
  rules({ matches: [{ path: { type: 'RegularExpression', value } }], ...to('shop') });
const elsewhere = (namespace: string, { object, says }: Broken): Broken => ({
  object: { ...object, metadata: { ...object.metadata, namespace } },
  says,
});

function httpRoutes(beside: string): Broken[] {
  const extension = { type: 'ExtensionRef', extensionRef: { group: 'x.io', kind: 'Auth', name: 'login' } };
  const mirror = { type: 'RequestMirror', requestMirror: { backendRef: { name: 'nowhere', port: 80 } } };
  const header = { name: 'x', type: 'RegularExpression', value: '(?=ahead)' };
  const query = { name: 'q', type: 'RegularExpression', value: '[' };
  return [
    route(rules(to('nowhere')), /^ResolvedRefs=False BackendNotFound .*Service \S+\/nowhere does not exist/),
    route(rules(to('shop', 81)), /^ResolvedRefs=False BackendNotFound .*has no port 81\/TCP; it has 8080/),
    route(
      rules({ backendRefs: [{ name: 'shop', namespace: beside, port: 8080 }] }),
      /^ResolvedRefs=False RefNotPermitted .*add a ReferenceGrant/,
    ),
    route(
      rules({ backendRefs: [{ group: 'x.io', kind: 'Bucket', name: 'b' }] }),
      /^ResolvedRefs=False InvalidKind .*refer to a Service/,
    ),
    route(
      rules({ backendRefs: [{ group: 'multicluster.x-k8s.io', kind: 'ServiceImport', name: 'far', port: 80 }] }),
      /^ResolvedRefs=False BackendNotFound .*ServiceImport/,
    ),
    route(rules(to('odd')), /^ResolvedRefs=False UnsupportedProtocol .*appProtocol .* is not supported: use/),
    route(
      rules({ filters: [extension], ...to('shop') }),
      /^ResolvedRefs=False InvalidKind .*no filter of this gateway/,
    ),
    route(
      rules({ backendRefs: [{ name: 'shop', port: 8080, filters: [extension] }] }),
      /^ResolvedRefs=False InvalidKind .*backendRefs\[0\]/,
    ),
    route(rules({ filters: [mirror], ...to('shop') }), /^ResolvedRefs=False BackendNotFound .*requestMirror/),
    route({ ...on('nosuch'), ...rules(to('shop')) }, /^Accepted=False NoMatchingParent .*has no listener named nosuch/),
    route(
      { parentRefs: [{ name: 'edge', port: 9999 }], ...rules(to('shop')) },
      /^Accepted=False NoMatchingParent .*port 9999/,
    ),
    route({ ...on('tight'), ...rules(to('shop')) }, /^Accepted=False NoMatchingListenerHostname .*tight\.example\.com/),
    route({ ...on('tcp'), ...rules(to('shop')) }, /^Accepted=False NotAllowedByListeners .*takes TCPRoute/),
    elsewhere(
      beside,
      route(
        { parentRefs: [edge({ namespace: beside.slice(0, beside.lastIndexOf('-')) })], ...rules(to('shop')) },
        /^Accepted=False NotAllowedByListeners /,
      ),
    ),
    route(pathLike('/(a)\\1'), /^Accepted=False UnsupportedValue .*spec\.rules\[0\]\.matches\[0\]\.path/),
    route(pathLike('/a{1000}{1000}'), /^Accepted=False UnsupportedValue .*path/),
    route(rules({ matches: [{ headers: [header] }], ...to('shop') }), /^Accepted=False UnsupportedValue .*headers/),
    route(
      rules({ matches: [{ queryParams: [query] }], ...to('shop') }),
      /^Accepted=False UnsupportedValue .*queryParam/,
    ),
    route(
      { ...pathLike('/(a)\\1'), rules: [...(pathLike('/(b)\\1') as Listed).rules, { ...to('shop') }] },
      /^PartiallyInvalid=True UnsupportedValue Dropped Rule/,
    ),
    // The request goes to the rule that comes first.
    route({ hostnames: ['good-1.example.com'], ...rules(to('shop')) }, /^daemun.dev\/Shadowed=True EqualMatch /),
  ];
}

interface Listed {
  rules: object[];
}

function otherRoutes(): Broken[] {
  const call = (spec: object, says: RegExp): Broken => route(spec, says, 'GRPCRoute');
  const method = { type: 'RegularExpression', service: '(', method: 'x' };
  const plain = (kind: string, section: string, service: string, says: RegExp): Broken =>
    broken(kind, { ...on(section), ...rules(to(service)) }, says);
  const named = (host: string, section: string, service: string, says: RegExp): Broken =>
    broken('TLSRoute', { ...on(section), hostnames: [host], ...rules(to(service)) }, says);
  return [
    call(rules(to('nowhere')), /^ResolvedRefs=False BackendNotFound .*nowhere/),
    call(rules({ matches: [{ method }], ...to('shop') }), /^Accepted=False UnsupportedValue .*method/),
    call({ ...on('tcp'), ...rules(to('shop')) }, /^Accepted=False NotAllowedByListeners /),
    call({ ...on('nosuch'), ...rules(to('shop')) }, /^Accepted=False NoMatchingParent /),
    named('bad-a.example.com', 'tls', 'nowhere', /^ResolvedRefs=False BackendNotFound .*nowhere/),
    named('bad-b.example.org', 'tls', 'shop', /^Accepted=False NoMatchingListenerHostname /),
    named('bad-c.example.com', 'http', 'shop', /^Accepted=False NotAllowedByListeners /),
    plain('TCPRoute', 'tcp', 'nowhere', /^ResolvedRefs=False BackendNotFound .*nowhere/),
    plain('TCPRoute', 'http', 'shop', /^Accepted=False NotAllowedByListeners /),
    plain('TCPRoute', 'nosuch', 'shop', /^Accepted=False NoMatchingParent /),
    plain('UDPRoute', 'udp', 'nowhere', /^ResolvedRefs=False BackendNotFound .*nowhere/),
    plain('UDPRoute', 'tcp', 'shop', /^Accepted=False NotAllowedByListeners /),
  ];
}

function listenerSets(beside: string): Broken[] {
  let port = 9000;
  const set = (listener: object, says: RegExp, more: object = {}): Broken => {
    const one = { name: 'one', port: ++port, protocol: 'HTTP', ...listener };
    return broken('ListenerSet', { parentRef: { name: 'edge' }, listeners: [one], ...more }, says);
  };
  const tls = (ref: object): object => ({ protocol: 'HTTPS', tls: { certificateRefs: [ref] } });
  return [
    set(tls({ name: 'nowhere' }), /^ResolvedRefs=False InvalidCertificateRef .*Secret \S+\/nowhere does not exist/),
    set(tls({ name: 'no-pem' }), /^ResolvedRefs=False InvalidCertificateRef .*no-pem: tls\.crt holds no PEM/),
    set(tls({ name: 'empty' }), /^ResolvedRefs=False InvalidCertificateRef .*has no tls\.crt/),
    set(tls({ kind: 'ConfigMap', name: 'no-pem' }), /^ResolvedRefs=False InvalidCertificateRef .*no kind of cert/),
    set(tls({ name: 'far', namespace: beside }), /^ResolvedRefs=False RefNotPermitted .*add a ReferenceGrant/),
    set({ protocol: 'example.com/quic' }, /^Accepted=False UnsupportedProtocol .*use HTTP/),
    set({ allowedRoutes: { kinds: [{ kind: 'TCPRoute' }] } }, /^ResolvedRefs=False InvalidRouteKinds /),
    set({ port: 80, protocol: 'TCP' }, /^Conflicted=True ProtocolConflict /),
    set({ port: 80 }, /^Conflicted=True HostnameConflict /),
    elsewhere(
      beside,
      broken(
        'ListenerSet',
        {
          parentRef: { name: 'edge', namespace: beside.slice(0, beside.lastIndexOf('-')) },
          listeners: [{ name: 'one', port: ++port, protocol: 'HTTP' }],
        },
        /^Accepted=False NotAllowed /,
      ),
    ),
  ];
}

function policies(): Broken[] {
  const target = (kind: string, name: string, sectionName?: string): object => {
    const aim = { group: kind === 'Service' ? '' : GROUP, kind, name };
    return { targetRefs: [sectionName === undefined ? aim : { ...aim, sectionName }] };
  };
  const backendTls = (service: string, validation: object, says: RegExp): Broken =>
    broken(
      'BackendTLSPolicy',
      { ...target('Service', service), validation: { hostname: 'b.example.com', ...validation } },
      says,
    );
  const roots = (kind: string, name: string): object => ({
    caCertificateRefs: [{ group: '', kind, name }],
  });
  const own = (kind: string, spec: object, says: RegExp): Broken => broken(kind, spec, says, POLICIES);
  const limits = { limits: [{ name: 'a', requests: 1, per: 'Second' }] };
  const gateway = target('Gateway', 'edge', 'nosuch');
  return [
    backendTls('victim-1', roots('ConfigMap', 'nowhere'), /^ResolvedRefs=False InvalidCACertificateRef .*nowhere/),
    backendTls('victim-2', roots('ConfigMap', 'no-pem'), /^ResolvedRefs=False InvalidCACertificateRef .*no-pem/),
    backendTls('victim-3', roots('Service', 'shop'), /^ResolvedRefs=False InvalidKind .*refer to a ConfigMap/),
    // Of two with one target one counts.
    backendTls('victim-3', { wellKnownCACertificates: 'System' }, /^Accepted=False Conflicted .*has the same target/),
    own(
      'ClientTrafficPolicy',
      { ...gateway, pathForm: 'Reject' },
      /^Accepted=False TargetNotFound .*no listener nosuch/,
    ),
    own(
      'BackendTrafficPolicy',
      { ...target('Service', 'victim-4', 'nosuch'), proxyProtocol: 'V1' },
      /^Accepted=False TargetNotFound .*no port named nosuch/,
    ),
    // For a section of the shared Gateway it would refuse all of that: nobody knows what it was to guard.
    own(
      'RateLimitPolicy',
      { ...target('HTTPRoute', 'victims', 'nobody'), ...limits },
      /^Accepted=False TargetNotFound /,
    ),
    own(
      'RateLimitPolicy',
      { ...target('HTTPRoute', 'victims', 'nosuch'), ...limits },
      /^Accepted=False TargetNotFound /,
    ),
    own(
      'AccessPolicy',
      { ...target('HTTPRoute', 'victims'), deny: [{ cel: 'request.nothing(' }] },
      /^Accepted=False Invalid .*cel/,
    ),
    own(
      'AccessPolicy',
      {
        ...target('HTTPRoute', 'victims'),
        deny: [{ paths: [{ type: 'RegularExpression', value: '(' }] }],
      },
      /^Accepted=False (Invalid|Conflicted) /,
    ),
    own(
      'RateLimitPolicy',
      { ...target('Service', 'victim-1'), mode: 'Shared', ...limits, shared: { redis: REDIS } },
      /^Accepted=False Invalid .*Secret \S+\/nowhere does not exist/,
    ),
    own(
      'RewritePolicy',
      { ...target('HTTPRoute', 'victims'), paths: [{ pattern: '(', substitution: '/' }] },
      /^Accepted=False Invalid .*paths\[0\]\.pattern/,
    ),
    own(
      'ResponsePolicy',
      { ...target('Service', 'victim-1'), errorPages: [{ codes: [404], backendRef: { name: 'nowhere', port: 80 } }] },
      /^ResolvedRefs=False BackendNotFound .*nowhere/,
    ),
    own(
      'ClientTrafficPolicy',
      { ...target('ListenerSet', 'nowhere'), clientCertificates: { caCertificateRefs: [CA] } },
      /^ResolvedRefs=False InvalidCACertificateRef .*nowhere/,
    ),
    own('FaultPolicy', { ...gateway, abort: { statusCode: 503 } }, /^Accepted=False TargetNotFound /),
    own('ResponsePolicy', { ...gateway, securityHeaders: { frameOptions: 'DENY' } }, /^Accepted=False TargetNotFound /),
  ];
}

const REDIS = { url: 'redis://127.0.0.1:9', secretRef: { name: 'nowhere' } };
const CA = { group: '', kind: 'ConfigMap', name: 'nowhere' };

/** Methods that cannot say who asks: nobody comes in where they are. */
function authentication(beside: string): Broken[] {
  const method = (service: string, entry: object, says: RegExp): Broken =>
    broken(
      'AuthenticationPolicy',
      { targetRefs: [{ group: '', kind: 'Service', name: service }], methods: [entry] },
      says,
      POLICIES,
    );
  const oidc = { issuer: 'https://id.example.com', clientId: 'shop', secretRef: { name: 'far', namespace: beside } };
  const jwt = { providers: [{ issuer: 'https://id.example.com', jwks: { inline: 'nothing' } }] };
  return [
    method('victim-1', { basic: { secretRef: { name: 'nowhere' } } }, /^ResolvedRefs=False InvalidCredentialRef /),
    method('victim-2', { digest: { secretRef: { name: 'empty' } } }, /^ResolvedRefs=False InvalidCredentialRef .*auth/),
    method('victim-3', { oidc }, /^ResolvedRefs=False RefNotPermitted .*add a ReferenceGrant/),
    method(
      'victim-4',
      { external: { backendRef: { name: 'nowhere', port: 80 } } },
      /^ResolvedRefs=False Back.*nowhere/,
    ),
    method('victim-5', { jwt }, /^ResolvedRefs=False InvalidCredentialRef .*jwks/),
    method('victim-6', { apiKey: { secretRefs: [{ name: 'empty' }] } }, /^ResolvedRefs=False InvalidCredentialRef /),
  ];
}

function gateways(beside: string): Broken[] {
  const one = (spec: object, says: RegExp): Broken => {
    const listeners = [{ name: 'one', port: 80, protocol: 'HTTP' }];
    return broken('Gateway', { gatewayClassName: 'daemun', listeners, ...spec }, says);
  };
  const tls = { certificateRefs: [{ name: 'far', namespace: beside }] };
  const reference = (group: string, kind: string): object => ({
    infrastructure: { parametersRef: { group, kind, name: 'nowhere' } },
  });
  return [
    one(reference('gateway.daemun.dev', 'DaemunParameters'), /^Accepted=False InvalidParameters .*does not exist/),
    one(reference('x.io', 'Other'), /^Accepted=False InvalidParameters .*remove it/),
    one(
      { addresses: [{ type: 'NamedAddress', value: 'a' }] },
      /^Accepted=False UnsupportedAddress .*use type IPAddress/,
    ),
    one(
      { listeners: [{ name: 'one', port: 443, protocol: 'HTTPS', tls }] },
      /^ResolvedRefs=False RefNotPermitted .*add a ReferenceGrant/,
    ),
    one(
      { listeners: [{ name: 'one', port: 443, protocol: 'HTTPS', tls: { certificateRefs: [{ name: 'nowhere' }] } }] },
      /^ResolvedRefs=False InvalidCertificateRef .*nowhere/,
    ),
    one(
      { listeners: [{ name: 'one', port: 80, protocol: 'example.com/quic' }] },
      /^Accepted=False UnsupportedProtocol /,
    ),
  ];
}

/** Beside a Gateway `edge` in the namespace that `beside` is named after; `beside` may not use it. */
export function brokenObjects(beside: string): Broken[] {
  count = 0;
  return [
    ...httpRoutes(beside),
    ...otherRoutes(),
    ...listenerSets(beside),
    ...policies(),
    ...authentication(beside),
    ...gateways(beside),
  ];
}
