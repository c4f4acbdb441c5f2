/** References, with the API's defaults filled in; an absent namespace is the referring object's own. */

/** From a route (or a policy's ancestor) to what it attaches to. */
export interface ParentReference {
  group: string;
  kind: string;
  namespace?: string;
  name: string;
  sectionName?: string;
  port?: number;
}

/** From a ListenerSet to its Gateway. */
export interface ParentGatewayReference {
  group: string;
  kind: string;
  namespace?: string;
  name: string;
}

export interface BackendObjectReference {
  group: string;
  kind: string;
  namespace?: string;
  name: string;
  /** Always there for a Service. */
  port?: number;
}

export interface BackendRef extends BackendObjectReference {
  weight: number;
}

export interface SecretObjectReference {
  group: string;
  kind: string;
  namespace?: string;
  name: string;
}

/** To an object of any kind, anywhere. */
export interface ObjectReference {
  group: string;
  kind: string;
  namespace?: string;
  name: string;
}

/** To an object in the same namespace. */
export interface LocalObjectReference {
  group: string;
  kind: string;
  name: string;
}

/** From a policy to what it is about: an object of its namespace, or one section (a Service's named port). */
export interface PolicyTargetReference extends LocalObjectReference {
  sectionName?: string;
}
