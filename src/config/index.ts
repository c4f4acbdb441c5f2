export type { Backend, BackendTls, Endpoint, Endpoints } from './backend.ts';
export { barredHost } from './barred-host.ts';
export type { CachePurge, CachePurged } from './cache-purge.ts';
export type {
  ApiKeyList,
  BackendKeySet,
  Credential,
  CredentialContent,
  DigestUserList,
  KeySetText,
  OidcClient,
  RemoteKeySet,
  UserList,
} from './credential.ts';
export { type Delivery, type DeliveryChange, DeliveryLog, deliveryKey, refKey } from './delivery.ts';
export type { AnswerCache, ExternalAuth, GrpcQuestion, HeaderChoice, HttpQuestion, SignIn } from './external-auth.ts';
export { type FilterFault, filterFault } from './filter-fault.ts';
export { canonicalHash } from './hash.ts';
export { HashBook } from './hash-book.ts';
export { additionFault } from './head-addition.ts';
export { bareHeaderValue, headerFault, isAuthority } from './header-line.ts';
export type { GrpcHealthQuestion, HealthCheck, HealthQuestion, HttpHealthQuestion } from './health-check.ts';
export type { ClientValidation, Listener, ListenerTls } from './listener.ts';
export type {
  Ack,
  Certificate,
  Challenge,
  ConfigKind,
  ConfigObject,
  ConfigRef,
  Delta,
  ListenerState,
  RefusedEndpoint,
  Shortfall,
  Trouble,
  TrustBundle,
} from './object.ts';
export type { OfKind } from './of-kind.ts';
export type { OutlierDetection } from './outlier-detection.ts';
export {
  type Access,
  type AccessRule,
  type AccessSettings,
  type Acting,
  type AnswerHeaderSettings,
  type AnswerRewriteSettings,
  type ApiKeyMethod,
  type AuthenticationMethod,
  type AuthenticationSettings,
  type BackendTimeouts,
  type BackendTraffic,
  type BandwidthLimit,
  type BasicMethod,
  type BodySizeSettings,
  type CacheSettings,
  type CertificateForwarding,
  type CertificateMatch,
  type ClaimHeader,
  type ClaimMatch,
  type ClientCertificateMethod,
  type ClientCertificateSettings,
  type ClientCertificates,
  type ClientConnections,
  type ClientHeaders,
  type ClientTls,
  type ClientTraffic,
  type ClientTrafficSpec,
  type CompressionSettings,
  type ConcurrencyLimit,
  type CredentialPlace,
  type CrossSiteSettings,
  type DigestMethod,
  type DirectResponseSettings,
  type EarlyHints,
  type EndpointTls,
  type ErrorPageSettings,
  type ErrorServiceSettings,
  type ExternalMethod,
  type FaultSettings,
  type HashPart,
  type JwtMethod,
  type JwtProvider,
  type Limit,
  type LimitKey,
  type LoadBalancing,
  type NameRefresh,
  type OidcCookie,
  type OidcMethod,
  type PathForm,
  type PathRewriteSettings,
  POLICY_TYPES,
  type Policy,
  type ProxyProtocolFromClients,
  policyKey,
  type RateLimit,
  type RateLimitSettings,
  type RedisLogin,
  type RedisServer,
  type RedisSettings,
  type Replacement,
  type RequestLimit,
  type RetryLimit,
  type RewriteSettings,
  type SharedLimits,
  type Stacked,
  type TimeWindow,
  type TlsProfile,
  type TlsVersion,
} from './policy/index.ts';
export { type ConfigChange, Publisher } from './publisher.ts';
export type {
  Attachment,
  CorsFilter,
  DirectAnswerFilter,
  ExternalAuthConfig,
  Filter,
  HeaderLine,
  HeaderModifier,
  HttpMatch,
  MirrorFilter,
  PathModifier,
  RedirectFilter,
  RetriedFailure,
  Retry,
  RouteKind,
  RouteRule,
  Timeouts,
  ValueMatch,
  WeightedBackend,
} from './route.ts';
export type { SessionCookie, SessionPersistence } from './session.ts';
export { Snapshot } from './snapshot.ts';
export { type ReceivedDelta, readDelta } from './validate.ts';
