/** One condition of a status, as Kubernetes spells it. */
export interface Condition {
  type: string;
  status: 'True' | 'False' | 'Unknown';
  reason: string;
  message: string;
  /** RFC 3339; set by whoever writes the status. */
  lastTransitionTime?: string;
  observedGeneration?: number;
}

/** Of conditions that a CRD fills in: nobody was there when they came. */
const NEVER = '1970-01-01T00:00:00Z';

/** `wanted` with the time since which it has its status; `before` is the condition of this type until now. */
export function stampedCondition(wanted: Condition, before: Condition | undefined, now: string): Condition {
  const kept =
    before?.status === wanted.status && before.lastTransitionTime !== NEVER ? before.lastTransitionTime : undefined;
  return { ...wanted, lastTransitionTime: kept ?? now };
}

/** Condition types of the Gateway API. The polarity is positive but where said. */
export const CONDITION = {
  Accepted: 'Accepted',
  Programmed: 'Programmed',
  ResolvedRefs: 'ResolvedRefs',
  SupportedVersion: 'SupportedVersion',
  AddressesAssigned: 'AddressesAssigned',
  DefaultGateway: 'DefaultGateway',
  /** Our own, of a ResponsePolicy that is asked to forget what it keeps. */
  Purged: 'Purged',
  /** Negative: True is a fault. */
  Conflicted: 'Conflicted',
  /** Our own, negative: some match of the route takes no request, because an equal one of higher precedence takes them all. */
  Shadowed: 'daemun.dev/Shadowed',
  /** Negative. */
  OverlappingTLSConfig: 'OverlappingTLSConfig',
  /** Negative. */
  PartiallyInvalid: 'PartiallyInvalid',
  /** Negative. */
  InsecureFrontendValidationMode: 'InsecureFrontendValidationMode',
} as const;
export type ConditionType = (typeof CONDITION)[keyof typeof CONDITION];

/** Reasons on GatewayClass. */
export const GATEWAY_CLASS_REASON = {
  Accepted: 'Accepted',
  InvalidParameters: 'InvalidParameters',
  Pending: 'Pending',
  Unsupported: 'Unsupported',
  SupportedVersion: 'SupportedVersion',
  UnsupportedVersion: 'UnsupportedVersion',
} as const;

/** Reasons on Gateway. */
export const GATEWAY_REASON = {
  Accepted: 'Accepted',
  Programmed: 'Programmed',
  DefaultGateway: 'DefaultGateway',
  Invalid: 'Invalid',
  Pending: 'Pending',
  NoResources: 'NoResources',
  AddressNotAssigned: 'AddressNotAssigned',
  AddressNotUsable: 'AddressNotUsable',
  UnsupportedAddress: 'UnsupportedAddress',
  AddressesAssigned: 'AddressesAssigned',
  PartiallyAssigned: 'PartiallyAssigned',
  NotAssigned: 'NotAssigned',
  ListenersNotValid: 'ListenersNotValid',
  ListenersNotResolved: 'ListenersNotResolved',
  InvalidParameters: 'InvalidParameters',
  ResolvedRefs: 'ResolvedRefs',
  InvalidClientCertificateRef: 'InvalidClientCertificateRef',
  RefNotPermitted: 'RefNotPermitted',
  ConfigurationChanged: 'ConfigurationChanged',
} as const;

/** Reasons on listeners, of Gateways and of ListenerSets. */
export const LISTENER_REASON = {
  Accepted: 'Accepted',
  Programmed: 'Programmed',
  Invalid: 'Invalid',
  Pending: 'Pending',
  PortUnavailable: 'PortUnavailable',
  UnsupportedProtocol: 'UnsupportedProtocol',
  UnsupportedValue: 'UnsupportedValue',
  NoValidCACertificate: 'NoValidCACertificate',
  TooManyListeners: 'TooManyListeners',
  NoConflicts: 'NoConflicts',
  HostnameConflict: 'HostnameConflict',
  ProtocolConflict: 'ProtocolConflict',
  ListenerConflict: 'ListenerConflict',
  ResolvedRefs: 'ResolvedRefs',
  InvalidCertificateRef: 'InvalidCertificateRef',
  InvalidRouteKinds: 'InvalidRouteKinds',
  InvalidListenerFilter: 'InvalidListenerFilter',
  InvalidListenerFilterRef: 'InvalidListenerFilterRef',
  RefNotPermitted: 'RefNotPermitted',
  InvalidCACertificateRef: 'InvalidCACertificateRef',
  InvalidCACertificateKind: 'InvalidCACertificateKind',
  OverlappingHostnames: 'OverlappingHostnames',
  OverlappingCertificates: 'OverlappingCertificates',
} as const;

/** Reasons on ListenerSet as a whole. */
export const LISTENER_SET_REASON = {
  Accepted: 'Accepted',
  Programmed: 'Programmed',
  NotAllowed: 'NotAllowed',
  ParentNotAccepted: 'ParentNotAccepted',
  ListenersNotValid: 'ListenersNotValid',
  Invalid: 'Invalid',
  Pending: 'Pending',
} as const;

/** Reasons on a route's parents. */
export const ROUTE_REASON = {
  Accepted: 'Accepted',
  NotAllowedByListeners: 'NotAllowedByListeners',
  NoMatchingListenerHostname: 'NoMatchingListenerHostname',
  NoMatchingParent: 'NoMatchingParent',
  UnsupportedValue: 'UnsupportedValue',
  Pending: 'Pending',
  IncompatibleFilters: 'IncompatibleFilters',
  ResolvedRefs: 'ResolvedRefs',
  RefNotPermitted: 'RefNotPermitted',
  InvalidKind: 'InvalidKind',
  BackendNotFound: 'BackendNotFound',
  UnsupportedProtocol: 'UnsupportedProtocol',
  /** Our own: the Service's BackendTLSPolicy cannot be followed, and nothing is sent there without it. */
  InvalidBackendTLSPolicy: 'InvalidBackendTLSPolicy',
} as const;

/** Reasons on policies' ancestors, BackendTLSPolicy's own among them. */
export const POLICY_REASON = {
  Accepted: 'Accepted',
  Conflicted: 'Conflicted',
  Invalid: 'Invalid',
  TargetNotFound: 'TargetNotFound',
  ResolvedRefs: 'ResolvedRefs',
  NoValidCACertificate: 'NoValidCACertificate',
  InvalidCACertificateRef: 'InvalidCACertificateRef',
  InvalidKind: 'InvalidKind',
  InvalidCredentialRef: 'InvalidCredentialRef',
  RefNotPermitted: 'RefNotPermitted',
  /** Of Programmed: our own. */
  PartlyProgrammed: 'PartlyProgrammed',
  /** Of Purged: our own. */
  Purged: 'Purged',
  Pending: 'Pending',
} as const;
