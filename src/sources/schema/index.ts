/** What an API server accepts of each kind, and its judgement of one object. */
import type { Kind } from '../../api/index.ts';
import { accessPolicySpec } from './access-policy.ts';
import { authenticationPolicySpec } from './authentication-policy.ts';
import { backendTlsPolicySpec } from './backend-tls-policy.ts';
import { backendTrafficPolicySpec } from './backend-traffic-policy.ts';
import { clientTrafficPolicySpec } from './client-traffic-policy.ts';
import { trustBundleMetadata, trustBundleSpec } from './cluster-trust-bundle.ts';
import { daemunParametersSpec } from './daemun-parameters.ts';
import { endpointSliceFields, endpointSliceRules, endpointsFields } from './endpoints.ts';
import { faultPolicySpec } from './fault-policy.ts';
import { gatewaySpec } from './gateway.ts';
import { gatewayClassSpec } from './gateway-class.ts';
import { grpcRouteSpec } from './grpc-route.ts';
import { httpRouteSpec } from './http-route.ts';
import { kongConsumerFields, kongPluginFields } from './kong.ts';
import { oldStreamRouteSpec, oldTlsRouteSpec, streamRouteSpec, tlsRouteSpec } from './l4-route.ts';
import { listenerSetSpec } from './listener-set.ts';
import { clusterMetadata, namespacedMetadata, namespaceMetadata, serviceMetadata } from './metadata.ts';
import { rateLimitPolicySpec } from './rate-limit-policy.ts';
import { referenceGrantSpec } from './reference-grant.ts';
import { guardedTargets } from './request-policy.ts';
import { responsePolicySpec } from './response-policy.ts';
import { rewritePolicySpec } from './rewrite-policy.ts';
import {
  type Field,
  type ObjectSchema,
  object,
  optional,
  type Rule,
  required,
  type Schema,
  secret,
  text,
} from './schema.ts';
import { configMapFields, configMapRules, secretFields, secretRules } from './secret.ts';
import { serviceSpec } from './service.ts';
import { serviceImportSpec } from './service-import.ts';

export { isObject, type JsonObject } from '../../value/json-object.ts';
export { check, type Problem, UNRENDERED } from './check.ts';
export { DEFAULT_NAMESPACE } from './metadata.ts';
export { misfitIn } from './misfit.ts';
export { nearest } from './nearest.ts';
export { holdsSecret, type ObjectSchema, type Schema } from './schema.ts';

function kind(metadata: ObjectSchema, fields: Record<string, Field>, rules: readonly Rule[] = []): ObjectSchema {
  const head = { apiVersion: required(text()), kind: required(text()), metadata: required(metadata) };
  // Whoever writes a file does not write the status: it is the gateway's to say.
  return object({ ...head, ...fields }, { unread: ['status'], rules });
}

function withSpec(spec: ObjectSchema, metadata = namespacedMetadata): ObjectSchema {
  return kind(metadata, { spec: required(spec) });
}

/** Of a policy whose settings cannot be read. */
export const GUARD_STAND_IN: ObjectSchema = withSpec(guardedTargets);

export const SCHEMAS: Readonly<Record<Kind, Extract<Schema, ObjectSchema>>> = {
  GatewayClass: withSpec(gatewayClassSpec, clusterMetadata),
  Gateway: withSpec(gatewaySpec),
  ListenerSet: withSpec(listenerSetSpec),
  HTTPRoute: withSpec(httpRouteSpec),
  GRPCRoute: withSpec(grpcRouteSpec),
  TLSRoute: withSpec(tlsRouteSpec),
  TCPRoute: withSpec(streamRouteSpec),
  UDPRoute: withSpec(streamRouteSpec),
  ReferenceGrant: withSpec(referenceGrantSpec),
  BackendTLSPolicy: withSpec(backendTlsPolicySpec),
  ClientTrafficPolicy: withSpec(clientTrafficPolicySpec),
  BackendTrafficPolicy: withSpec(backendTrafficPolicySpec),
  DaemunParameters: withSpec(daemunParametersSpec),
  RateLimitPolicy: withSpec(rateLimitPolicySpec),
  AccessPolicy: withSpec(accessPolicySpec),
  AuthenticationPolicy: withSpec(authenticationPolicySpec),
  FaultPolicy: withSpec(faultPolicySpec),
  RewritePolicy: withSpec(rewritePolicySpec),
  ResponsePolicy: withSpec(responsePolicySpec),
  Service: kind(serviceMetadata, { spec: optional(serviceSpec, {}) }),
  ServiceImport: withSpec(serviceImportSpec),
  EndpointSlice: kind(namespacedMetadata, endpointSliceFields, endpointSliceRules),
  Endpoints: kind(namespacedMetadata, endpointsFields),
  // As a whole: its annotations may repeat it, and what is misspelled is no less of a secret.
  Secret: secret(kind(namespacedMetadata, secretFields, secretRules)),
  ConfigMap: kind(namespacedMetadata, configMapFields, configMapRules),
  ClusterTrustBundle: withSpec(trustBundleSpec, trustBundleMetadata),
  Namespace: object(
    { apiVersion: required(text()), kind: required(text()), metadata: required(namespaceMetadata) },
    { unread: ['spec', 'status'] },
  ),
  KongPlugin: kind(namespacedMetadata, kongPluginFields),
  KongClusterPlugin: kind(clusterMetadata, kongPluginFields),
  KongConsumer: kind(namespacedMetadata, kongConsumerFields),
};

/** Of versions that accept what the current one does not. */
const OLD_SCHEMAS: Readonly<Partial<Record<Kind, Readonly<Record<string, ObjectSchema>>>>> = {
  TLSRoute: { v1alpha2: withSpec(oldTlsRouteSpec) },
  TCPRoute: { v1alpha2: withSpec(oldStreamRouteSpec) },
  UDPRoute: { v1alpha2: withSpec(oldStreamRouteSpec) },
};

/** What an API server accepts of this kind in this version. */
export function schemaOf(kind: Kind, apiVersion: string): Schema {
  return OLD_SCHEMAS[kind]?.[apiVersion.slice(apiVersion.indexOf('/') + 1)] ?? SCHEMAS[kind];
}
