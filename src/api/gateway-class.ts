import type { Condition } from './condition.ts';
import type { ObjectReference } from './reference.ts';
import type { Resource } from './resource.ts';

/** Cluster-scoped. */
export interface GatewayClass extends Resource {
  kind: 'GatewayClass';
  spec: {
    controllerName: string;
    parametersRef?: ObjectReference;
    description?: string;
  };
  status?: GatewayClassStatus;
}

export interface GatewayClassStatus {
  conditions?: Condition[];
  supportedFeatures?: Array<{ name: string }>;
}
