/** Policies of data planes: one file a type, and one table. */
import * as v from 'valibot';
import { key, object, type Shape } from '../shape.ts';
import { type Access, access } from './access.ts';
import {
  type AccessLogging,
  type AnswerHeaders,
  type AnswerRewrite,
  accessLogging,
  answerHeaders,
  answerRewrite,
  type Compression,
  compression,
  type DirectResponse,
  directResponse,
  type ErrorPages,
  errorPages,
} from './answer.ts';
import { type Authentication, authentication } from './authentication/index.ts';
import { type BackendTraffic, backendTraffic } from './backend-traffic.ts';
import { type BodySize, bodySize } from './body-size.ts';
import { type Cache, cache } from './cache.ts';
import { type ClientCertificates, clientCertificates } from './client-certificates.ts';
import { type ClientTraffic, clientTraffic } from './client-traffic.ts';
import { type CrossSite, crossSite } from './cross-site.ts';
import { type ErrorService, errorService } from './error-service.ts';
import { type Fault, fault } from './fault.ts';
import type { Merge, PolicySource, PolicyType } from './policy.ts';
import { type RateLimit, rateLimit } from './rate-limit.ts';
import { type Rewrite, rewrite } from './rewrite.ts';
import { type StreamAccess, streamAccess } from './stream-access.ts';
import { type StreamLimits, streamLimits } from './stream-limits.ts';

export type { Access, AccessRule, AccessSettings, ClaimMatch, ClientRule, TimeWindow } from './access.ts';
export type {
  AccessLogSettings,
  AnswerHeaderSettings,
  AnswerRewriteSettings,
  CompressionSettings,
  DirectResponseSettings,
  ErrorPageSettings,
  Replacement,
} from './answer.ts';
export type {
  ApiKeyMethod,
  AuthenticationMethod,
  AuthenticationSettings,
  BasicMethod,
  CertificateMatch,
  ClaimHeader,
  ClientCertificateMethod,
  CredentialPlace,
  DigestMethod,
  ExternalMethod,
  JwtMethod,
  JwtProvider,
  OidcCookie,
  OidcMethod,
} from './authentication/index.ts';
export type {
  BackendTimeouts,
  BackendTraffic,
  HashPart,
  LoadBalancing,
  NameRefresh,
  RetryLimit,
} from './backend-traffic.ts';
export type { BodySizeSettings } from './body-size.ts';
export type { CacheSettings, PolicyPurge } from './cache.ts';
export type { CertificateForwarding, ClientCertificateSettings, ClientCertificates } from './client-certificates.ts';
export type { EarlyHints } from './client-connection.ts';
export type { ClientTls, TlsVersion } from './client-tls.ts';
export type {
  ClientConnections,
  ClientHeaders,
  ClientTraffic,
  ClientTrafficSpec,
  PathForm,
  ProxyProtocolFromClients,
  TlsProfile,
} from './client-traffic.ts';
export type { CrossSiteSettings } from './cross-site.ts';
export type { EndpointTls } from './endpoint-tls.ts';
export type { ErrorServiceSettings } from './error-service.ts';
export type { FaultSettings } from './fault.ts';
export type { PolicySource } from './policy.ts';
export { policyKey } from './policy.ts';
export type {
  BandwidthLimit,
  ConcurrencyLimit,
  Limit,
  LimitKey,
  RateLimit,
  RateLimitSettings,
  RequestLimit,
} from './rate-limit.ts';
export type { RedisLogin, RedisServer, RedisSettings, SharedLimits } from './redis-store.ts';
export type { PathRewriteSettings, RewriteSettings } from './rewrite.ts';
export type { Acting, Stacked } from './stacked.ts';
export type { StreamAccessSettings } from './stream-access.ts';
export type { StreamLimit, StreamLimitSettings } from './stream-limits.ts';

/** Every type: a new one has its line here. */
export const POLICY_TYPES = {
  ClientTraffic: clientTraffic,
  ClientCertificates: clientCertificates,
  BackendTraffic: backendTraffic,
  RateLimit: rateLimit,
  Access: access,
  CrossSite: crossSite,
  BodySize: bodySize,
  Authentication: authentication,
  Fault: fault,
  Rewrite: rewrite,
  AnswerHeaders: answerHeaders,
  ErrorPages: errorPages,
  ErrorService: errorService,
  DirectResponse: directResponse,
  AnswerRewrite: answerRewrite,
  AccessLogging: accessLogging,
  Compression: compression,
  Cache: cache,
  StreamAccess: streamAccess,
  StreamLimits: streamLimits,
} as const satisfies { [T in Policy['type']]: PolicyType<TypeOf<T>['target']['kind'], TypeOf<T>['spec'], Merge> };

export type Policy =
  | ClientTraffic
  | ClientCertificates
  | BackendTraffic
  | RateLimit
  | Access
  | CrossSite
  | BodySize
  | Authentication
  | Fault
  | Rewrite
  | AnswerHeaders
  | ErrorPages
  | ErrorService
  | DirectResponse
  | AnswerRewrite
  | AccessLogging
  | Compression
  | Cache
  | StreamAccess
  | StreamLimits;
type TypeOf<T extends Policy['type']> = Extract<Policy, { type: T }>;

const names = Object.keys(POLICY_TYPES) as Array<Policy['type']>;
const sources = v.optional(v.array(object<PolicySource>({ policy: key, settings: v.array(v.string()) })));

export const policyShape: Shape<Policy> = v.variant(
  'type',
  names.map((type) =>
    v.object({
      kind: v.literal('Policy'),
      key,
      type: v.literal(type),
      target: v.object({ kind: v.picklist(POLICY_TYPES[type].targets), key }),
      spec: POLICY_TYPES[type].shape,
      sources,
    }),
  ) as never,
) as unknown as Shape<Policy>;

/** A policy's settings as outsiders may see them. */
export function shownPolicy(policy: Policy): Policy['spec'] {
  // The spec is of the type that stands beside it.
  const { shown } = POLICY_TYPES[policy.type] as unknown as PolicyType<'Listener', Policy['spec'], Merge>;
  return shown(policy.spec);
}
