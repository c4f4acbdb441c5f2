import type { BackendTLSPolicy } from './backendtlspolicy.ts';
import type { BackendTrafficPolicy } from './backendtrafficpolicy.ts';
import type { ClientTrafficPolicy } from './clienttrafficpolicy.ts';
import type { ConfigMap } from './configmap.ts';
import type { Endpoints } from './endpoints.ts';
import type { EndpointSlice } from './endpointslice.ts';
import type { Gateway } from './gateway.ts';
import type { GatewayClass } from './gatewayclass.ts';
import type { GRPCRoute } from './grpcroute.ts';
import type { HTTPRoute } from './httproute.ts';
import type { TCPRoute, TLSRoute, UDPRoute } from './l4route.ts';
import type { ListenerSet } from './listenerset.ts';
import type { Namespace } from './namespace.ts';
import type { ReferenceGrant } from './referencegrant.ts';
import type { Secret } from './secret.ts';
import type { Service } from './service.ts';

/** The group of the Gateway API. */
export const GATEWAY_GROUP = 'gateway.networking.k8s.io';
/** The group of our own policies. */
export const POLICY_GROUP = 'policies.daemun.dev';

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
  Service: Service;
  EndpointSlice: EndpointSlice;
  Endpoints: Endpoints;
  Secret: Secret;
  ConfigMap: ConfigMap;
  Namespace: Namespace;
}

export type Kind = keyof ResourceByKind;
export type AnyResource = ResourceByKind[Kind];

export interface KindFacts {
  group: string;
  /** The version that objects have in collections, whichever one a file wrote. */
  version: string;
  namespaced: boolean;
}

const gateway: KindFacts = { group: GATEWAY_GROUP, version: 'v1', namespaced: true };
const policy: KindFacts = { group: POLICY_GROUP, version: 'v1alpha1', namespaced: true };
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
  Service: core,
  EndpointSlice: { group: 'discovery.k8s.io', version: 'v1', namespaced: true },
  Endpoints: core,
  Secret: core,
  ConfigMap: core,
  Namespace: { ...core, namespaced: false },
};

/** `group/version`, or `version` for the core group: the apiVersion of a kind's objects in collections. */
export function apiVersionOf(kind: Kind): string {
  const { group, version } = KINDS[kind];
  return group === '' ? version : `${group}/${version}`;
}
