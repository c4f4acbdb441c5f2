import type { BackendRef } from './reference.ts';
import type { Misread, Resource } from './resource.ts';
import type { RouteParents, RouteStatus } from './route.ts';

/** TLSRoute, TCPRoute and UDPRoute differ in hostnames only. */
export interface L4RouteRule {
  name?: string;
  /** As of the whole object. */
  misread?: Misread;
  backendRefs: BackendRef[];
}

export interface TLSRoute extends Resource {
  kind: 'TLSRoute';
  spec: RouteParents & {
    /** Absent in objects of version v1alpha2 only: those of the listeners. */
    hostnames?: string[];
    rules: L4RouteRule[];
  };
  status?: RouteStatus;
}

export interface TCPRoute extends Resource {
  kind: 'TCPRoute';
  spec: RouteParents & { rules: L4RouteRule[] };
  status?: RouteStatus;
}

export interface UDPRoute extends Resource {
  kind: 'UDPRoute';
  spec: RouteParents & { rules: L4RouteRule[] };
  status?: RouteStatus;
}
