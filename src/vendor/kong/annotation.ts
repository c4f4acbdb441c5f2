/** Annotations of Kong: what they ask for, and what is like it here. */
const PREFIX = 'konghq.com/';
export const PLUGINS_ANNOTATION = `${PREFIX}plugins`;
export const STRIP_PATH = `${PREFIX}strip-path`;
export const PRESERVE_HOST = `${PREFIX}preserve-host`;
export const PROTOCOLS = `${PREFIX}protocols`;
export const REDIRECT_STATUS = `${PREFIX}https-redirect-status-code`;
export const METHODS = `${PREFIX}methods`;
/** The header's name follows. */
export const HEADERS_START = `${PREFIX}headers.`;
export const HEADERS_SEPARATOR = `${PREFIX}headers-separator`;
export const SNIS = `${PREFIX}snis`;
export const HOST_HEADER = `${PREFIX}host-header`;
export const CONNECT_TIMEOUT = `${PREFIX}connect-timeout`;
export const READ_TIMEOUT = `${PREFIX}read-timeout`;
export const WRITE_TIMEOUT = `${PREFIX}write-timeout`;
export const RETRIES = `${PREFIX}retries`;
export const PROTOCOL = `${PREFIX}protocol`;
export const TLS_VERIFY = `${PREFIX}tls-verify`;
export const CA_SECRETS = `${PREFIX}ca-certificates-secret`;
export const CA_CONFIG_MAPS = `${PREFIX}ca-certificates-configmap`;
export const PATH = `${PREFIX}path`;
export const CLIENT_CERTIFICATE = `${PREFIX}client-cert`;
export const UPSTREAM_POLICY = `${PREFIX}upstream-policy`;

/** Those of a route that are served; one that ends with a dot stands for all that begin so. */
export const ROUTE_ANNOTATIONS: readonly string[] = [
  PLUGINS_ANNOTATION,
  STRIP_PATH,
  PRESERVE_HOST,
  PROTOCOLS,
  REDIRECT_STATUS,
  METHODS,
  HEADERS_START,
  HEADERS_SEPARATOR,
  SNIS,
];
export const SERVICE_ANNOTATIONS: readonly string[] = [
  PLUGINS_ANNOTATION,
  HOST_HEADER,
  CONNECT_TIMEOUT,
  READ_TIMEOUT,
  WRITE_TIMEOUT,
  RETRIES,
  PROTOCOL,
  TLS_VERIFY,
  PATH,
  CLIENT_CERTIFICATE,
  UPSTREAM_POLICY,
];
/** How endpoints are spoken to. */
export const TRAFFIC_FIELDS: Readonly<Record<string, string>> = {
  [CONNECT_TIMEOUT]: 'timeouts.connect',
  [READ_TIMEOUT]: 'timeouts.read',
  [WRITE_TIMEOUT]: 'timeouts.send',
  [RETRIES]: 'retry.attempts',
  [PROTOCOL]: 'tls and httpVersion',
  [CLIENT_CERTIFICATE]: 'tls.clientCertificateRef',
};
/** Of a GatewayClass or Gateway: read where those are. */
export const GATEWAY_ANNOTATIONS: readonly string[] = [`${PREFIX}gatewayclass-unmanaged`, `${PREFIX}publish-service`];

/** Others that Kong knows, and the way to the same here. */
const WAYS: Readonly<Record<string, string>> = {
  'connect-timeout': 'it stands on Services: write it there, or timeouts.connect of a BackendTrafficPolicy',
  'read-timeout': 'it stands on Services: write it there, or timeouts.read of a BackendTrafficPolicy',
  'write-timeout': 'it stands on Services: write it there, or timeouts.send of a BackendTrafficPolicy',
  retries: 'it stands on Services: write it there, or retry.attempts of a BackendTrafficPolicy',
  protocol: 'it stands on Services: write it there, or a BackendTLSPolicy',
  path: 'it stands on Services: write it there, or a RewritePolicy',
  rewrite: 'write a RewritePolicy',
  methods: 'write matches[].method of the route',
  headers: 'write matches[].headers of the route',
  'headers.': 'it stands on routes: write it there, or matches[].headers',
  'headers-separator': 'it stands on routes',
  snis: 'it stands on routes: write it there, or hostnames of the route and of its listener',
  'host-aliases': 'write hostnames of the route',
  'host-header': 'write it on the Service, or a URLRewrite filter with hostname',
  'regex-priority': 'the most specific match counts: write matches that say it',
  'regex-prefix': 'write matches[].path.type RegularExpression',
  'path-handling': 'the path is joined in one way: write a URLRewrite filter',
  'request-buffering': 'bodies are passed on as they come',
  'response-buffering': 'bodies are passed on as they come',
  'client-cert': 'it stands on Services: write it there, or tls.clientCertificateRef of a BackendTrafficPolicy',
  'tls-verify': 'it stands on Services: write a BackendTLSPolicy',
  'tls-verify-depth': 'write a BackendTLSPolicy',
  'ca-certificates': 'write validation.caCertificateRefs of a BackendTLSPolicy',
  'ca-certificates-secret': 'write validation.caCertificateRefs of a BackendTLSPolicy',
  'ca-certificates-configmap': 'write validation.caCertificateRefs of a BackendTLSPolicy',
  'upstream-policy': 'it stands on Services: write a BackendTrafficPolicy',
  override: 'KongIngress is not read: write policies',
  tags: 'tags are not read',
  'strip-path': 'it stands on routes: write it there, or a URLRewrite filter with ReplacePrefixMatch',
  'preserve-host': 'it stands on routes',
  protocols: 'it stands on routes',
  'https-redirect-status-code': 'it stands on routes',
  plugins: 'Kong reads it on routes and Services: write it there, or a policy with this as its target',
};

/** Of all annotations the ones of Kong that are not among those that are served there, with what to do. */
export function unserved(
  annotations: Readonly<Record<string, string>>,
  served: readonly string[],
): Array<{ annotation: string; message: string }> {
  return Object.keys(annotations)
    .filter((name) => name.startsWith(PREFIX) && !served.includes(familyOf(name)))
    .map((annotation) => {
      const way = WAYS[familyOf(annotation).slice(PREFIX.length)];
      const message = way === undefined ? 'is no annotation that is known here: remove it' : `is not served: ${way}`;
      return { annotation, message };
    });
}

function familyOf(annotation: string): string {
  return annotation.startsWith(HEADERS_START) ? HEADERS_START : annotation;
}

/** What cannot be followed is told of its annotation, where the text begins with one, and of plugins' else. */
export function faultPlace(text: string): { annotation: string; why: string } {
  const [start = '', annotation = PLUGINS_ANNOTATION] = /^(konghq\.com\/[^:\s]+): /.exec(text) ?? [];
  return { annotation, why: text.slice(start.length) };
}

/** Without it more would be let in. */
export function isNarrowing(annotation: string): boolean {
  return annotation === METHODS || annotation === SNIS || annotation.startsWith(HEADERS_START);
}

export function isAnnotated(annotations: Readonly<Record<string, string>> | undefined): boolean {
  if (annotations === undefined) return false;
  for (const name in annotations) if (name.startsWith(PREFIX)) return true;
  return false;
}
