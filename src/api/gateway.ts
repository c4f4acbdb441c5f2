import type { Condition } from './condition.ts';
import type { HTTPRouteFilter } from './http-route.ts';
import type { LocalObjectReference, ObjectReference, SecretObjectReference } from './reference.ts';
import type { Resource } from './resource.ts';
import type { LabelSelector } from './selector.ts';

export interface Gateway extends Resource {
  kind: 'Gateway';
  spec: {
    gatewayClassName: string;
    /** All: it takes routes that use default Gateways. */
    defaultScope?: 'All' | 'None';
    /** At least one; names are unique. */
    listeners: GatewayListener[];
    addresses?: GatewayAddress[];
    infrastructure?: GatewayInfrastructure;
    allowedListeners?: { namespaces: { from: FromNamespaces; selector?: LabelSelector } };
    tls?: GatewayTls;
  };
  status?: GatewayStatus;
}

/** A listener as a Gateway or a ListenerSet declares it. */
export interface GatewayListener {
  name: string;
  hostname?: string;
  port: number;
  /** HTTP, HTTPS, TLS, TCP, UDP, or another implementation's `domain/name`. */
  protocol: string;
  tls?: GatewayListenerTls;
  allowedRoutes: AllowedRoutes;
  /** They act before a route is chosen, in their order. */
  filters?: { requests?: ListenerFilter[] };
}

/** Exactly the field that `type` names is there. */
export interface ListenerFilter extends Pick<HTTPRouteFilter, 'externalAuth' | 'extensionRef'> {
  type: 'ExternalAuth' | 'ExtensionRef';
}

export interface GatewayListenerTls {
  mode: 'Terminate' | 'Passthrough';
  certificateRefs?: SecretObjectReference[];
  options?: Record<string, string>;
}

export type FromNamespaces = 'All' | 'Selector' | 'Same' | 'None';

export interface AllowedRoutes {
  namespaces: { from: Exclude<FromNamespaces, 'None'>; selector?: LabelSelector };
  /** Absent or empty: what the protocol allows. */
  kinds?: RouteGroupKind[];
}

export interface RouteGroupKind {
  group: string;
  kind: string;
}

export interface GatewayAddress {
  /** IPAddress, Hostname, NamedAddress, or an implementation's `domain/name`. */
  type: string;
  /** Absent or empty: the implementation chooses one of this type. */
  value?: string;
  /** From where it is to be reached: `Cluster`, or an implementation's `domain/name`. */
  routability?: string;
}

export interface GatewayInfrastructure {
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  parametersRef?: LocalObjectReference;
}

/** TLS of the Gateway as a whole: towards backends, and verification of clients. */
export interface GatewayTls {
  backend?: { clientCertificateRef?: SecretObjectReference };
  frontend?: {
    default: FrontendTls;
    perPort?: Array<{ port: number; tls: FrontendTls }>;
  };
}

export interface FrontendTls {
  validation?: {
    caCertificateRefs: ObjectReference[];
    mode: 'AllowValidOnly' | 'AllowInsecureFallback';
  };
}

export interface GatewayStatus {
  /** `routability`: from where it is reached; absent where the cluster's CRDs have no such field. */
  addresses?: Array<{ type: string; value: string; routability?: string }>;
  conditions?: Condition[];
  listeners?: ListenerStatus[];
  attachedListenerSets?: number;
}

export interface ListenerStatus {
  name: string;
  supportedKinds: RouteGroupKind[];
  attachedRoutes: number;
  conditions: Condition[];
}
