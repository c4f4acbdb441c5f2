import type { ClientTrafficPolicy, PolicyTargetReference } from '../../api/index.ts';
import { alpnName, cidr, cipherSuite, duration, headerName, linkValue } from './format.ts';
import { authorityReference, policyTargetReference, targetsAreDistinct } from './reference.ts';
import { celRule, flag, integer, list, object, oneOf, optional, required, rule, text } from './schema.ts';
import { TLS_CURVES, tlsVersion } from './tls-version.ts';

type ClientAddress = NonNullable<ClientTrafficPolicy['spec']['clientAddress']>;

const takesListeners = celRule(
  'self.all(ref, ref.group == "gateway.networking.k8s.io" && ref.kind in ["Gateway", "ListenerSet"])',
  rule<PolicyTargetReference[]>(
    'must name Gateways or ListenerSets of group gateway.networking.k8s.io (sectionName: one of their listeners)',
    (refs) =>
      refs.every(
        ({ group, kind }) => group === 'gateway.networking.k8s.io' && (kind === 'Gateway' || kind === 'ListenerSet'),
      ),
  ),
);

const proxyProtocol = object({
  mode: optional(oneOf('Required', 'Optional'), 'Required'),
  trustedSources: required(list(cidr, { min: 1, max: 256, unique: 'set' })),
});

const clientAddress = object(
  {
    trustedSources: required(list(cidr, { min: 1, max: 256, unique: 'set' })),
    hops: optional(integer({ min: 1, max: 32 })),
    header: optional(headerName),
  },
  {
    rules: [
      celRule(
        '!has(self.hops) || !has(self.header)',
        rule<ClientAddress>(
          'must not stand beside header: hops count in X-Forwarded-For; remove one of the two',
          ({ hops, header }) => hops === undefined || header === undefined,
          'hops',
        ),
      ),
    ],
  },
);

const material = list(authorityReference, { min: 1, max: 16 });

const clientCertificates = object({
  mode: optional(oneOf('Required', 'Optional', 'OptionalUnverified'), 'Required'),
  caCertificateRefs: required(material),
  verifyDepth: optional(integer({ min: 0, max: 16 })),
  revocationListRefs: optional(material),
  forward: optional(
    object({
      certificate: optional(flag),
      chain: optional(flag),
      nginxHeaders: optional(oneOf('Names', 'Certificate')),
    }),
  ),
  errorPage: optional(
    text({
      min: 1,
      max: 1_024,
      format: {
        is: 'an address such as https://login.example.com/certificate, of printable ASCII',
        matches: (value) => /^https?:\/\/[\x21-\x7e]+$/.test(value),
        openApi: { pattern: '^https?://[!-~]+$' },
      },
    }),
  ),
});

type ListenerTls = NonNullable<ClientTrafficPolicy['spec']['tls']>;

const listenerTls = object(
  {
    minVersion: optional(tlsVersion),
    maxVersion: optional(tlsVersion),
    ciphers: optional(list(cipherSuite, { min: 1, max: 64, unique: 'set' })),
    curves: optional(list(oneOf(...TLS_CURVES), { min: 1, max: TLS_CURVES.length, unique: 'set' })),
    sessionTickets: optional(flag),
    alpn: optional(list(oneOf('h2', 'http/1.1'), { min: 1, max: 2, unique: 'set' })),
    streamAlpn: optional(list(alpnName, { min: 1, max: 16, unique: 'set' })),
  },
  {
    rules: [
      celRule(
        '!has(self.minVersion) || !has(self.maxVersion) || self.minVersion <= self.maxVersion',
        rule<ListenerTls>(
          'must not be below minVersion: no version would be spoken',
          ({ minVersion, maxVersion }) =>
            minVersion === undefined || maxVersion === undefined || minVersion <= maxVersion,
          'maxVersion',
        ),
      ),
    ],
  },
);

/** What clients may send before they hear of our settings: a smaller window would break their first requests. */
const LEAST_WINDOW = 65_535;

/** Bytes: what every client may send, and what keeps other streams waiting for no longer than is good. */
const LEAST_FRAME = 16_384;
const MOST_FRAME = 65_536;

const http2 = object({
  maxConcurrentStreams: optional(integer({ min: 1, max: 1024 })),
  streamWindow: optional(integer({ min: LEAST_WINDOW, max: 16_777_216 })),
  connectionWindow: optional(integer({ min: LEAST_WINDOW, max: 67_108_864 })),
  maxFrameSize: optional(integer({ min: LEAST_FRAME, max: MOST_FRAME })),
  ping: optional(object({ interval: required(duration), timeout: optional(duration) })),
});

const earlyHints = object({
  to: optional(oneOf('Everybody', 'Http2', 'Nobody'), 'Http2'),
  links: optional(list(linkValue, { min: 1, max: 16 })),
});

const underscores = oneOf('Allow', 'Drop', 'Reject');

const saidOnce = celRule(
  '!has(self.headersWithUnderscores) || !has(self.headers) || !has(self.headers.underscores)',
  rule<ClientTrafficPolicy['spec']>(
    'must not stand beside headers.underscores, which is the same setting; remove one of the two',
    ({ headersWithUnderscores, headers }) => headersWithUnderscores === undefined || headers?.underscores === undefined,
    'headersWithUnderscores',
  ),
);

export const clientTrafficPolicySpec = object(
  {
    targetRefs: required(
      list(policyTargetReference, { min: 1, max: 16, rules: [...targetsAreDistinct, takesListeners] }),
    ),
    proxyProtocol: optional(proxyProtocol),
    connection: optional(object({ maxConnections: required(integer({ min: 1 })) })),
    headers: optional(
      object({
        maxLines: optional(integer({ min: 1, max: 1024 })),
        maxBytes: optional(integer({ min: 256, max: 32_768 })),
        timeout: optional(duration),
        underscores: optional(underscores),
      }),
    ),
    headersWithUnderscores: optional(underscores),
    body: optional(object({ maxBytes: optional(integer({ min: 1 })), timeout: optional(duration) })),
    requestId: optional(object({ header: optional(headerName), keep: optional(flag) })),
    hsts: optional(
      object({
        maxAgeSeconds: optional(integer({ min: 0 })),
        includeSubdomains: optional(flag),
        preload: optional(flag),
      }),
    ),
    clientAddress: optional(clientAddress),
    pathForm: optional(oneOf('Normalize', 'Keep', 'Reject')),
    tlsProfile: optional(oneOf('Modern', 'Intermediate', 'Old')),
    tls: optional(listenerTls),
    clientCertificates: optional(clientCertificates),
    keepAlive: optional(object({ idleTimeout: optional(duration), maxRequests: optional(integer({ min: 1 })) })),
    http2: optional(http2),
    earlyHints: optional(earlyHints),
  },
  { rules: [saidOnce] },
);
