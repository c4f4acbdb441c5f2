import type { HTTPHeaderFilter, HTTPRequestMirrorFilter, HTTPValueMatch } from './http-route.ts';
import type { BackendRef, LocalObjectReference } from './reference.ts';
import type { Misread, Resource } from './resource.ts';
import type { RouteParents, RouteStatus } from './route.ts';
import type { SessionPersistence } from './session-persistence.ts';

export interface GRPCRoute extends Resource {
  kind: 'GRPCRoute';
  spec: RouteParents & {
    hostnames?: string[];
    rules?: GRPCRouteRule[];
  };
  status?: RouteStatus;
}

export interface GRPCRouteRule {
  name?: string;
  /** As of the whole object: its matches are what can be read of it. */
  misread?: Misread;
  /** Absent or empty: every call. */
  matches?: GRPCRouteMatch[];
  filters?: GRPCRouteFilter[];
  backendRefs?: GRPCBackendRef[];
  sessionPersistence?: SessionPersistence;
}

export interface GRPCRouteMatch {
  /** At least one of service and method is there. */
  method?: { type: 'Exact' | 'RegularExpression'; service?: string; method?: string };
  headers?: HTTPValueMatch[];
}

/** Exactly the field that `type` names is there. */
export interface GRPCRouteFilter {
  type: 'RequestHeaderModifier' | 'ResponseHeaderModifier' | 'RequestMirror' | 'ExtensionRef';
  requestHeaderModifier?: HTTPHeaderFilter;
  responseHeaderModifier?: HTTPHeaderFilter;
  requestMirror?: HTTPRequestMirrorFilter;
  extensionRef?: LocalObjectReference;
}

export interface GRPCBackendRef extends BackendRef {
  filters?: GRPCRouteFilter[];
}
