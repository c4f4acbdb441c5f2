/** Resource types as an API server stores them: defaults filled in, unknown fields gone. Inert: no behaviour but keys and times. */
export type * from './access-policy.ts';
export type * from './authentication-policy.ts';
export type * from './backend-tls-policy.ts';
export type * from './backend-traffic-policy.ts';
export type * from './client-traffic-policy.ts';
export { CERTIFICATES_GROUP, type ClusterTrustBundle } from './cluster-trust-bundle.ts';
export {
  CONDITION,
  type Condition,
  type ConditionType,
  GATEWAY_CLASS_REASON,
  GATEWAY_REASON,
  LISTENER_REASON,
  LISTENER_SET_REASON,
  POLICY_REASON,
  ROUTE_REASON,
  stampedCondition,
} from './condition.ts';
export type * from './config-map.ts';
export type * from './daemun-parameters.ts';
export {
  type EndpointPort,
  type EndpointSlice,
  IMPORT_NAME_LABEL,
  SERVICE_NAME_LABEL,
  type SliceEndpoint,
} from './endpoint-slice.ts';
export type * from './endpoints.ts';
export type * from './fault-policy.ts';
export type * from './gateway.ts';
export type * from './gateway-class.ts';
export type * from './grpc-route.ts';
export type * from './http-route.ts';
export { BUNDLE_VERSION_ANNOTATION, CHANNEL_ANNOTATION, type InstalledCrd, OLDER_CRD } from './installed-crd.ts';
export {
  type AnyResource,
  apiVersionOf,
  GATEWAY_GROUP,
  KINDS,
  type Kind,
  type KindFacts,
  MULTICLUSTER_GROUP,
  OWN_GROUP,
  POLICY_GROUP,
  type ResourceByKind,
} from './kind.ts';
export {
  KONG_CREDENTIAL_LABEL,
  KONG_GROUP,
  type KongClusterPlugin,
  type KongConsumer,
  type KongPlugin,
} from './kong.ts';
export type * from './l4-route.ts';
export type * from './listener-set.ts';
export { NAMESPACE_NAME_LABEL, type Namespace } from './namespace.ts';
export {
  ACME_ANNOTATION,
  type ProvidedCertificate,
  providedKey,
  type WantedCertificate,
} from './provided-certificate.ts';
export type * from './rate-limit-policy.ts';
export type * from './reference.ts';
export { type Grant, grantPath, grantsOf, type ReferenceGrant, type Referrer } from './reference-grant.ts';
export type * from './request-policy.ts';
export { groupOf, keyOf, type Misread, type ObjectMeta, objectKey, type Resource } from './resource.ts';
export type * from './response-policy.ts';
export type * from './rewrite-policy.ts';
export type * from './route.ts';
export type * from './secret.ts';
export type * from './selector.ts';
export type * from './service.ts';
export type * from './service-import.ts';
export type * from './session-persistence.ts';
export { type CredentialRole, type Superseded, supersededKey } from './superseded.ts';
export {
  DATA_PLANE_ADMIN_PORT,
  type InfrastructurePort,
  KONG_UNMANAGED_ANNOTATION,
  PUBLISH_SERVICE_ANNOTATION,
  UNMANAGED_ANNOTATION,
  type WantedInfrastructure,
} from './wanted-infrastructure.ts';
