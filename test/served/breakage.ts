/** Ways in which users break manifests: what is written, what mends it, and the word that the gateway has for it. */
import { tlsSecret } from '../../src/cli/demo-certificate.ts';
import type { Issued } from '../../src/value/certificate.ts';
import { documents } from '../cli/manifest.ts';

export interface Breakage {
  /** Names the file and, for most, the object. */
  name: string;
  broken: string | Uint8Array;
  mended: string;
  /** Found in a condition or diagnostic of the file's objects while broken, and not after mending. */
  says: RegExp;
  /** A host that answers 200 once it is mended; absent: nothing is served by it alone. */
  host?: string;
}

const API = 'gateway.networking.k8s.io/v1';

interface Object {
  [field: string]: unknown;
}

function object(kind: string, name: string, rest: Object): Object {
  const apiVersion = kind === 'ReferenceGrant' ? 'gateway.networking.k8s.io/v1beta1' : API;
  return { apiVersion, kind, metadata: { name, namespace: 'shop' }, ...rest };
}

function hostOf(name: string): string {
  return `${name}.example.com`;
}

function route(name: string, spec: Object = {}, rule: Object = {}): Object {
  const rules = [{ backendRefs: [{ name: 'web', port: 80 }], ...rule }];
  return object('HTTPRoute', name, {
    spec: { parentRefs: [{ name: 'edge' }], hostnames: [hostOf(name)], rules, ...spec },
  });
}

function routeCase(name: string, says: RegExp, { spec, rule }: { spec?: Object; rule?: Object }): Breakage {
  return { name, broken: documents(route(name, spec, rule)), mended: documents(route(name)), says, host: hostOf(name) };
}

const refs = (...backendRefs: Object[]): { rule: Object } => ({ rule: { backendRefs } });
const parent = (...parentRefs: Object[]): { spec: Object } => ({ spec: { parentRefs } });
const path = (type: string, value: string): { rule: Object } => ({ rule: { matches: [{ path: { type, value } }] } });
const filters = (...list: Object[]): { rule: Object } => ({ rule: { filters: list } });

const REFERENCES: Breakage[] = [
  routeCase('no-service', /BackendNotFound/, refs({ name: 'nowhere', port: 80 })),
  routeCase('no-service-port', /BackendNotFound/, refs({ name: 'web', port: 81 })),
  routeCase('no-such-kind', /InvalidKind/, refs({ group: 'x.example.com', kind: 'Bucket', name: 'web' })),
  routeCase('not-granted', /RefNotPermitted/, refs({ name: 'vault', namespace: 'private', port: 80 })),
  routeCase('portless', /port is required|port.*is required/, refs({ name: 'web' })),
  routeCase('no-parent', /edgy/, parent({ name: 'edgy' })),
  routeCase('no-section', /NoMatchingParent/, parent({ name: 'edge', sectionName: 'htpp' })),
  routeCase('no-hostname', /NoMatchingListenerHostname/, parent({ name: 'edge', sectionName: 'narrow' })),
  routeCase('not-allowed', /NotAllowedByListeners/, parent({ name: 'closed', namespace: 'private' })),
  routeCase(
    'no-mirror',
    /BackendNotFound/,
    filters({ type: 'RequestMirror', requestMirror: { backendRef: { name: 'nowhere', port: 80 } } }),
  ),
  routeCase(
    'no-extension',
    /InvalidKind|UnsupportedValue|IncompatibleFilters|not supported|BackendNotFound/,
    filters({ type: 'ExtensionRef', extensionRef: { group: 'x.example.com', kind: 'Limiter', name: 'all' } }),
  ),
  routeCase('two-parents', /same parent twice/, parent({ name: 'edge' }, { name: 'edge' })),
];

const VALUES: Breakage[] = [
  routeCase('regex-path', /regular expression|UnsupportedValue/i, path('RegularExpression', '/(')),
  routeCase('regex-backreference', /regular expression|UnsupportedValue/i, path('RegularExpression', '/(a)\\1')),
  routeCase('regex-header', /regular expression|UnsupportedValue/i, {
    rule: { matches: [{ headers: [{ type: 'RegularExpression', name: 'x', value: '[' }] }] },
  }),
  routeCase('relative-path', /must/, path('PathPrefix', 'cart')),
  routeCase('path-type', /must be one of/, path('Prefix', '/')),
  routeCase('bad-hostname', /must be a host name/, { spec: { hostnames: ['Shop_1.example.com'] } }),
  routeCase('ip-hostname', /must/, { spec: { hostnames: ['10.0.0.1:80'] } }),
  routeCase('rules-no-list', /must be a list/, { spec: { rules: 'all' } }),
  routeCase('port-string', /must be a whole number/, refs({ name: 'web', port: '80' })),
  routeCase('weight-negative', /must be/, refs({ name: 'web', port: 80, weight: -1 })),
  routeCase('timeout-word', /duration/, { rule: { timeouts: { request: 'ten seconds' } } }),
  routeCase('timeout-order', /longer than request/, { rule: { timeouts: { request: '1s', backendRequest: '2s' } } }),
  routeCase('retry-code', /must be/, { rule: { retry: { codes: [200] } } }),
  routeCase('method-word', /must be one of/, { rule: { matches: [{ method: 'get' }] } }),
  routeCase('filter-type', /must be one of/, filters({ type: 'RequestHeaders' })),
  routeCase('filter-without-body', /requestRedirect|must/, filters({ type: 'RequestRedirect' })),
  routeCase(
    'redirect-and-backends',
    /must be empty beside/,
    filters({ type: 'RequestRedirect', requestRedirect: { scheme: 'https' } }),
  ),
  routeCase(
    'header-name',
    /header name/,
    filters({
      type: 'RequestHeaderModifier',
      requestHeaderModifier: { remove: ['bad name'], set: [{ name: 'a b', value: 'c' }] },
    }),
  ),
  routeCase(
    'header-twice',
    /repeats/,
    filters({
      type: 'RequestHeaderModifier',
      requestHeaderModifier: {
        set: [
          { name: 'a', value: '1' },
          { name: 'a', value: '2' },
        ],
      },
    }),
  ),
];

function text(name: string, says: RegExp, broken: string | Uint8Array): Breakage {
  return { name, broken, mended: documents(route(name)), says, host: hostOf(name) };
}

const FILES: Breakage[] = [
  text('unclosed', /is not valid YAML/, '{ kind: HTTPRoute, spec: [ '),
  text('tabs', /is not valid YAML/, 'apiVersion: v1\nkind: Service\nmetadata:\n\tname: a\n'),
  text('no-utf8', /is not UTF-8/, Uint8Array.of(0x61, 0x3a, 0xff, 0xfe)),
  text('scalar', /must be an object/, 'just words\n'),
  text('no-kind', /is required, such as HTTPRoute/, `apiVersion: ${API}\nmetadata: { name: no-kind }\n`),
  text(
    'no-version',
    /apiVersion.*is required|is required, such as/,
    'kind: HTTPRoute\nmetadata: { name: no-version }\n',
  ),
  text(
    'future-version',
    /is no version of HTTPRoute/,
    `apiVersion: gateway.networking.k8s.io/v9\nkind: HTTPRoute\nmetadata: { name: future-version, namespace: shop }\n`,
  ),
  text('nameless', /is required/, `apiVersion: ${API}\nkind: HTTPRoute\nmetadata: {}\nspec: {}\n`),
  text('bad-name', /must be/, `apiVersion: ${API}\nkind: HTTPRoute\nmetadata: { name: Bad_Name }\nspec: {}\n`),
  text('key-twice', /is not valid YAML/, `apiVersion: ${API}\napiVersion: ${API}\nkind: HTTPRoute\n`),
  text('undefined-alias', /is not valid YAML|cannot be read/, 'a: *b\n'),
  text(
    'many-aliases',
    /cannot be read/,
    `a: &a [x,x,x,x,x,x,x,x,x,x]\n${[...'bcdef'].map((c, i) => `${c}: &${c} [${Array(10).fill(`*${'abcde'[i]}`)}]`).join('\n')}\n`,
  ),
  text('deep', /cannot be read|is not valid YAML/, '['.repeat(20_000)),
  text('list-of-words', /must be an object/, 'apiVersion: v1\nkind: List\nitems: [one, two]\n'),
  text('no-spec', /is required/, documents(object('HTTPRoute', 'no-spec', { spec: null }))),
];

/** The same object as one that serves, in a file that comes later. */
const DUPLICATE: Breakage = {
  name: 'zz-duplicate',
  broken: documents(route('good-0', {}, { backendRefs: [{ name: 'nowhere', port: 80 }] })),
  mended: documents(route('zz-duplicate')),
  says: /comes first and is used/,
  host: hostOf('zz-duplicate'),
};

function gateway(name: string, listeners: Object[], spec: Object = {}): Object {
  return object('Gateway', name, { spec: { gatewayClassName: 'any', listeners, ...spec } });
}

const http = (name: string, port: number, rest: Object = {}): Object => ({ name, port, protocol: 'HTTP', ...rest });

function gatewayCase(
  name: string,
  says: RegExp,
  { listeners, spec }: { listeners: Object[]; spec?: Object },
): Breakage {
  return {
    name,
    says,
    broken: documents(gateway(name, listeners, spec)),
    mended: documents(gateway(name, [http('one', 8000)])),
  };
}

const GATEWAYS: Breakage[] = [
  gatewayCase('same-port', /must differ in port/, { listeners: [http('one', 8001), http('two', 8001)] }),
  gatewayCase('protocol-conflict', /ProtocolConflict/, {
    listeners: [http('one', 8002), { name: 'two', port: 8002, protocol: 'TCP' }],
  }),
  gatewayCase('protocol-unknown', /UnsupportedProtocol/, {
    listeners: [http('one', 8003), { name: 'two', port: 8004, protocol: 'example.com/smoke' }],
  }),
  gatewayCase('listener-name-twice', /repeats|unique/, { listeners: [http('one', 8005), http('one', 8006)] }),
  gatewayCase('port-zero', /must be/, { listeners: [http('one', 0)] }),
  gatewayCase('no-class-name', /gatewayClassName|is required|must/, {
    listeners: [http('one', 8007)],
    spec: { gatewayClassName: '' },
  }),
  gatewayCase('kind-unknown', /InvalidRouteKinds/, {
    listeners: [http('one', 8008, { allowedRoutes: { kinds: [{ group: 'x.example.com', kind: 'Route' }] } })],
  }),
  gatewayCase('tls-on-http', /must not be set|tls belongs|listeners\[0\].tls/, {
    listeners: [http('one', 8009, { tls: { certificateRefs: [{ name: 'good' }] } })],
  }),
];

/** A Gateway of its own for each Secret, so that each says what it lacks. */
function secretCase(name: string, says: RegExp, parts: { broken: string; mended: string; ref?: Object }): Breakage {
  const listener = {
    name: 'one',
    port: 8443,
    protocol: 'HTTPS',
    hostname: hostOf(name),
    tls: { certificateRefs: [parts.ref ?? { name }] },
  };
  const edge = documents(gateway(name, [listener]));
  return { name, says, broken: `${edge}---\n${parts.broken}`, mended: `${edge}---\n${parts.mended}` };
}

function opaque(name: string, data: Object, type = 'kubernetes.io/tls'): string {
  return documents({ apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace: 'shop' }, type, data });
}

function secrets(own: Issued, foreign: Issued): Breakage[] {
  const good = (name: string): string => tlsSecret({ namespace: 'shop', name }, own);
  const named = (name: string, says: RegExp, broken: string): Breakage =>
    secretCase(name, says, { broken, mended: good(name) });
  const swapped = { certificate: own.certificate, privateKey: foreign.privateKey };
  const words = btoa('no certificate at all');
  return [
    named('secret-missing', /InvalidCertificateRef/, '# nothing here\n'),
    named(
      'secret-mismatch',
      /InvalidCertificateRef/,
      tlsSecret({ namespace: 'shop', name: 'secret-mismatch' }, swapped),
    ),
    named('secret-words', /InvalidCertificateRef/, opaque('secret-words', { 'tls.crt': words, 'tls.key': words })),
    named('secret-no-base64', /must be base64/, opaque('secret-no-base64', { 'tls.crt': '###', 'tls.key': '###' })),
    named(
      'secret-incomplete',
      /InvalidCertificateRef|tls\.key/,
      opaque('secret-incomplete', { 'tls.crt': btoa(own.certificate) }),
    ),
    named('secret-opaque', /InvalidCertificateRef/, opaque('secret-opaque', { a: 'YQ==' }, 'Opaque')),
    secretCase('secret-not-granted', /RefNotPermitted/, {
      ref: { name: 'tls', namespace: 'private' },
      broken: tlsSecret({ namespace: 'private', name: 'tls' }, own),
      mended: `${tlsSecret({ namespace: 'private', name: 'tls' }, own)}\n---\n${documents({
        apiVersion: 'gateway.networking.k8s.io/v1beta1',
        kind: 'ReferenceGrant',
        metadata: { name: 'tls', namespace: 'private' },
        spec: {
          from: [{ group: 'gateway.networking.k8s.io', kind: 'Gateway', namespace: 'shop' }],
          to: [{ group: '', kind: 'Secret' }],
        },
      })}`,
    }),
  ];
}

/** Two key pairs: one fits, the other is somebody else's. */
export function breakages(own: Issued, foreign: Issued): Breakage[] {
  return [...REFERENCES, ...VALUES, ...FILES, DUPLICATE, ...GATEWAYS, ...secrets(own, foreign)];
}

const namespaced = (namespace: string, body: Object): Object => ({
  ...body,
  metadata: { ...(body.metadata as Object), namespace },
});

/** What serves throughout: `count` routes, and the Gateways and Services that the breakages lean on. */
export function soundManifests(count: number): Record<string, string> {
  const service = (name: string): Object => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'shop' },
    spec: { ports: [{ port: 80 }] },
  });
  return {
    'a-base.yaml': documents(
      { apiVersion: API, kind: 'GatewayClass', metadata: { name: 'any' }, spec: { controllerName: 'example.com/any' } },
      gateway('edge', [http('http', 80), http('narrow', 80, { hostname: 'narrow.example.org' })]),
      namespaced('private', gateway('closed', [http('http', 81)])),
      service('web'),
      namespaced('private', service('vault')),
    ),
    'a-good.yaml': documents(...Array.from({ length: count }, (_, index) => route(`good-${index}`))),
  };
}
