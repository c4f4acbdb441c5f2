import type { AccessPolicy } from './access-policy.ts';
import type { AuthenticationPolicy } from './authentication-policy.ts';
import type { BackendTLSPolicy } from './backend-tls-policy.ts';
import type { BackendTrafficPolicy } from './backend-traffic-policy.ts';
import type { ClientTrafficPolicy } from './client-traffic-policy.ts';
import { CERTIFICATES_GROUP, type ClusterTrustBundle } from './cluster-trust-bundle.ts';
import type { ConfigMap } from './config-map.ts';
import type { DaemunParameters } from './daemun-parameters.ts';
import type { EndpointSlice } from './endpoint-slice.ts';
import type { Endpoints } from './endpoints.ts';
import type { FaultPolicy } from './fault-policy.ts';
import type { Gateway } from './gateway.ts';
import type { GatewayClass } from './gateway-class.ts';
import type { GRPCRoute } from './grpc-route.ts';
import type { HTTPRoute } from './http-route.ts';
import { KONG_GROUP, type KongClusterPlugin, type KongConsumer, type KongPlugin } from './kong.ts';
import type { TCPRoute, TLSRoute, UDPRoute } from './l4-route.ts';
import type { ListenerSet } from './listener-set.ts';
import type { Namespace } from './namespace.ts';
import type { RateLimitPolicy } from './rate-limit-policy.ts';
import type { ReferenceGrant } from './reference-grant.ts';
import type { ResponsePolicy } from './response-policy.ts';
import type { RewritePolicy } from './rewrite-policy.ts';
import type { Secret } from './secret.ts';
import type { Service } from './service.ts';
import type { ServiceImport } from './service-import.ts';

/** The group of the Gateway API. */
export const GATEWAY_GROUP = 'gateway.networking.k8s.io';
/** The group of our own policies. */
export const POLICY_GROUP = 'policies.daemun.dev';
/** The group of our own objects that are no policies. */
export const OWN_GROUP = 'gateway.daemun.dev';

/** The group of Services across clusters. */
export const MULTICLUSTER_GROUP = 'multicluster.x-k8s.io';

/** Every kind that is read, with its type. */
export interface ResourceByKind {
  GatewayClass: GatewayClass;
  Gateway: Gateway;
  ListenerSet: ListenerSet;
  HTTPRoute: HTTPRoute;
  GRPCRoute: GRPCRoute;
  TLSRoute: TLSRoute;
  TCPRoute: TCPRoute;
  UDPRoute: UDPRoute;
  ReferenceGrant: ReferenceGrant;
  BackendTLSPolicy: BackendTLSPolicy;
  ClientTrafficPolicy: ClientTrafficPolicy;
  BackendTrafficPolicy: BackendTrafficPolicy;
  DaemunParameters: DaemunParameters;
  RateLimitPolicy: RateLimitPolicy;
  AccessPolicy: AccessPolicy;
  AuthenticationPolicy: AuthenticationPolicy;
  FaultPolicy: FaultPolicy;
  RewritePolicy: RewritePolicy;
  ResponsePolicy: ResponsePolicy;
  Service: Service;
  ServiceImport: ServiceImport;
  EndpointSlice: EndpointSlice;
  Endpoints: Endpoints;
  Secret: Secret;
  ConfigMap: ConfigMap;
  ClusterTrustBundle: ClusterTrustBundle;
  Namespace: Namespace;
  KongPlugin: KongPlugin;
  KongClusterPlugin: KongClusterPlugin;
  KongConsumer: KongConsumer;
}

export type Kind = keyof ResourceByKind;
export type AnyResource = ResourceByKind[Kind];

export interface KindFacts {
  group: string;
  /** The version that objects have in collections, whichever one a file wrote. */
  version: string;
  namespaced: boolean;
  /** It refuses requests: where it cannot be read or followed, what it would act on is refused. */
  guards?: true;
  /** Nothing is missing where a cluster does not serve it, or does not show it to us: another gateway's, for one. */
  guest?: true;
}

const gateway: KindFacts = { group: GATEWAY_GROUP, version: 'v1', namespaced: true };
const policy: KindFacts = { group: POLICY_GROUP, version: 'v1alpha1', namespaced: true };
const guard: KindFacts = { ...policy, guards: true };
const kong: KindFacts = { group: KONG_GROUP, version: 'v1', namespaced: true, guest: true };
const core: KindFacts = { group: '', version: 'v1', namespaced: true };

export const KINDS: Readonly<Record<Kind, KindFacts>> = {
  GatewayClass: { ...gateway, namespaced: false },
  Gateway: gateway,
  ListenerSet: gateway,
  HTTPRoute: gateway,
  GRPCRoute: gateway,
  TLSRoute: gateway,
  TCPRoute: gateway,
  UDPRoute: gateway,
  ReferenceGrant: gateway,
  BackendTLSPolicy: gateway,
  ClientTrafficPolicy: policy,
  BackendTrafficPolicy: policy,
  DaemunParameters: { group: OWN_GROUP, version: 'v1alpha1', namespaced: true },
  RateLimitPolicy: guard,
  AccessPolicy: guard,
  AuthenticationPolicy: guard,
  FaultPolicy: policy,
  // What it cannot rewrite would reach the backend by a path that nobody meant.
  RewritePolicy: guard,
  ResponsePolicy: policy,
  Service: core,
  ServiceImport: { group: MULTICLUSTER_GROUP, version: 'v1alpha1', namespaced: true },
  EndpointSlice: { group: 'discovery.k8s.io', version: 'v1', namespaced: true },
  Endpoints: core,
  Secret: core,
  ConfigMap: core,
  // Not served by a cluster that was not asked to.
  ClusterTrustBundle: { group: CERTIFICATES_GROUP, version: 'v1', namespaced: false, guest: true },
  Namespace: { ...core, namespaced: false },
  KongPlugin: kong,
  KongClusterPlugin: { ...kong, namespaced: false },
  KongConsumer: kong,
};

/** `group/version`, or `version` for the core group: the apiVersion of a kind's objects in collections. */
export function apiVersionOf(kind: Kind): string {
  const { group, version } = KINDS[kind];
  return group === '' ? version : `${group}/${version}`;
}
