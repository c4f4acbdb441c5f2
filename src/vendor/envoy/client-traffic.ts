import type { AccessRules, AnyResource, ClientTrafficPolicy } from '../../api/index.ts';
import type { Fields } from '../fields.ts';
import { ownPolicy } from '../ours.ts';
import { compact } from '../suggest/compact.ts';
import { referenceTo } from '../suggest/target.ts';
import type { VendorKind } from '../suggest/vendor-kind.ts';
import { clientCertificates } from './client-certificates.ts';
import { clientHttp2, clientTimes, headBytes } from './client-connection.ts';
import { tls } from './client-tls.ts';
import { ENVOY_GROUP } from './group.ts';

type Spec = Omit<ClientTrafficPolicy['spec'], 'targetRefs'>;

/** Whoever connects is believed, as Envoy does. */
const ANYBODY = ['0.0.0.0/0', '::/0'];
const BELIEVED = 'whoever connects is believed, as there: name the networks in trustedSources';

const LOST: Readonly<Record<string, string>> = {
  tcpKeepalive: 'idle connections of clients are closed',
  http1: 'heads are rebuilt from their parts, in the form of RFC 9112',
  http3: 'HTTP/3 is not spoken',
  grpc: 'gRPC-Web is always answered',
  healthCheck: 'the admin address answers probes: /readyz',
  scheme: 'backends are told the scheme in X-Forwarded-Proto',
};

export const clientTraffic: VendorKind = {
  group: ENVOY_GROUP,
  kind: 'ClientTrafficPolicy',
  suggest(spec, { namespace, name, targets }) {
    for (const [field, why] of Object.entries(LOST)) spec.lost(field, why);
    const connection = spec.object('connection');
    for (const field of ['bufferLimit', 'socketBufferLimit', 'maxAcceptPerSocketEvent']) {
      connection?.lost(field, 'buffers are bounded, and have no size to set');
    }
    const limit = connection?.object('connectionLimit');
    for (const field of ['closeDelay', 'maxConnectionDuration', 'maxStreamDuration']) {
      limit?.lost(field, 'connections of clients are limited by their number');
    }
    const maxConnections = limit?.number('value', {
      ours: 'connection.maxConnections',
      differs: 'it holds in each worker',
    });
    const maxRequests = limit?.number('maxRequestsPerConnection', { ours: 'keepAlive.maxRequests' });
    const headers = spec.object('headers');
    const { idleTimeout, headTimeout } = clientTimes(spec.object('timeout'));
    const settings = compact({
      clientAddress: clientAddress(spec.object('clientIPDetection')),
      proxyProtocol: proxyProtocol(spec),
      connection: { maxConnections },
      headers: { underscores: underscores(headers), maxBytes: headBytes(headers), timeout: headTimeout },
      keepAlive: { idleTimeout, maxRequests },
      http2: clientHttp2(spec.object('http2')),
      requestId: requestId(headers),
      tls: tls(spec.object('tls')),
      clientCertificates: clientCertificates(spec.object('tls')?.object('clientValidation'), headers),
    });
    const slashes = slashGuard(spec.object('path'));
    if (targets.length === 0) return {};
    const targetRefs = targets.map(referenceTo);
    const objects: AnyResource[] = [];
    if (settings !== undefined) {
      objects.push(ownPolicy('ClientTrafficPolicy', { namespace, name }, { targetRefs, ...settings }));
    }
    if (slashes !== undefined) {
      // No policy of a route takes its place.
      const guard = { targetRefs, overrides: slashes };
      objects.push(ownPolicy('AccessPolicy', { namespace, name: `${name}-slashes` }, guard));
    }
    return { objects };
  },
};

function clientAddress(detection: Fields | undefined): Spec['clientAddress'] {
  const forwarded = detection?.object('xForwardedFor');
  const custom = detection?.object('customHeader');
  detection?.object('directSourceIP');
  forwarded?.only('disableXForwardedForAppend', false, "the client's address is always added");
  custom?.lost('failClosed', 'a request without the header has the address that it comes from');
  const header = custom?.text('name', { ours: 'clientAddress.header', differs: BELIEVED });
  const trusted = forwarded?.texts('trustedCIDRs', { ours: 'clientAddress.trustedSources' });
  const hops = forwarded?.number('numTrustedHops', {
    ours: 'clientAddress.hops',
    ...(trusted === undefined ? { differs: BELIEVED } : {}),
  });
  if (header !== undefined) return { trustedSources: ANYBODY, header };
  if (trusted !== undefined) return { trustedSources: trusted };
  return hops === undefined ? undefined : { trustedSources: ANYBODY, hops };
}

function proxyProtocol(spec: Fields): Spec['proxyProtocol'] {
  const isEnabled = spec.flag('enableProxyProtocol', { ours: 'proxyProtocol.mode', differs: BELIEVED });
  const asked = spec.object('proxyProtocol');
  const isOptional = asked?.flag('optional', { ours: 'proxyProtocol.mode', differs: BELIEVED });
  if (isEnabled !== true && asked === undefined) return undefined;
  return { mode: isOptional ? 'Optional' : 'Required', trustedSources: ANYBODY };
}

const ESCAPED_SLASH = '^.*%(?:2[Ff]|5[Cc]).*$';

/** They are never slashes here, and are passed on as they came. */
function slashGuard(path: Fields | undefined): AccessRules | undefined {
  path?.lost('disableMergeSlashes', 'pathForm: Keep keeps all of a path as it is');
  const action = path?.text('escapedSlashesAction');
  if (action === undefined) return undefined;
  if (action === 'RejectRequest') {
    path!.text('escapedSlashesAction', { ours: 'AccessPolicy deny[].paths' });
    const paths = [{ type: 'RegularExpression' as const, value: ESCAPED_SLASH }];
    return { deny: [{ name: 'escaped-slash', paths }], refusal: { statusCode: 400 } };
  }
  path!.only('escapedSlashesAction', 'KeepUnchanged', '%2F and %5C stay as they are, and are never a slash');
  return undefined;
}

type Underscores = NonNullable<NonNullable<Spec['headers']>['underscores']>;
const UNDERSCORES: Readonly<Record<string, Underscores>> = {
  Allow: 'Allow',
  RejectRequest: 'Reject',
  DropHeader: 'Drop',
};

function underscores(headers: Fields | undefined): Underscores | undefined {
  for (const [field, why] of Object.entries(LOST_HEADERS)) headers?.lost(field, why);
  const action = headers?.oneOf('withUnderscoresAction', ['Allow', 'RejectRequest', 'DropHeader'], {
    ours: 'headers.underscores',
  });
  return action === undefined ? undefined : UNDERSCORES[action];
}

const LOST_HEADERS: Readonly<Record<string, string>> = {
  enableEnvoyHeaders: 'there is no Envoy',
  disableRateLimitHeaders: 'headers of a RateLimitPolicy says it',
  earlyRequestHeaders: 'write a RequestHeaderModifier filter in the routes',
  lateResponseHeaders: 'write a ResponseHeaderModifier filter in the routes',
  host: 'hosts are compared without case and port',
};

function requestId(headers: Fields | undefined): Spec['requestId'] {
  const ours = 'requestId.keep';
  const keep = headers?.flag('preserveXRequestID', { ours });
  const action = headers?.oneOf('requestID', ['PreserveOrGenerate', 'Generate', 'Preserve', 'Disable'], { ours });
  if (action === 'Preserve' || action === 'Disable') {
    headers!.refuse('requestID', `${action} is not served: every request has an id`);
  }
  if (action === 'Generate') return { keep: false };
  return action === 'PreserveOrGenerate' || keep === true ? { keep: true } : undefined;
}
