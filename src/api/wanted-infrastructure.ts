import type { DaemunParametersSpec } from './daemun-parameters.ts';

/** What a Gateway needs in the cluster besides its config, as it was judged. */
export interface WantedInfrastructure {
  namespace: string;
  name: string;
  uid: string;
  className: string;
  /** For all that is made, as spec.infrastructure has them. */
  labels: Record<string, string>;
  annotations: Record<string, string>;
  /** Of its listeners and of those of its ListenerSets; in order, none twice. */
  ports: InfrastructurePort[];
  /** Addresses that it asks for; empty: whatever it gets. */
  requests: Array<{ value?: string; routability: string }>;
  /** The class's and the Gateway's, merged. */
  parameters: DaemunParametersSpec;
  /** Why nothing can be made of it now: what is there stays as it is. */
  held?: string;
  /** Nothing is made: data planes of the user's serve it, and clients reach them by this Service (`namespace/name`). */
  unmanaged?: { publishService?: string };
}

/** TCP port of probes and metrics of the data planes that are made for a Gateway, where they have a network of their own. */
export const DATA_PLANE_ADMIN_PORT = 15020;

export interface InfrastructurePort {
  port: number;
  protocol: 'TCP' | 'UDP';
}

/** On a GatewayClass, `"true"`: nothing is made for its Gateways. */
export const UNMANAGED_ANNOTATION = 'daemun.dev/unmanaged';
/** On a GatewayClass or Gateway: the Service by which clients reach data planes that are not ours to make. */
export const PUBLISH_SERVICE_ANNOTATION = 'daemun.dev/publish-service';
/** The same as Kong spells it, so that its classes are taken over as they are: any value, by custom its publish service. */
export const KONG_UNMANAGED_ANNOTATION = 'konghq.com/gatewayclass-unmanaged';
