import type { Resource } from './resource.ts';

/** The label that names the Service of an EndpointSlice. */
export const SERVICE_NAME_LABEL = 'kubernetes.io/service-name';

/** The label that names the ServiceImport of an EndpointSlice. */
export const IMPORT_NAME_LABEL = 'multicluster.kubernetes.io/service-name';

export interface EndpointSlice extends Resource {
  kind: 'EndpointSlice';
  addressType: 'IPv4' | 'IPv6' | 'FQDN';
  /** An API server writes a list of none as null: of a Service without a pod. */
  endpoints: SliceEndpoint[] | null;
  ports?: EndpointPort[] | null;
}

export interface SliceEndpoint {
  /** Of one pod: consumers use the first. */
  addresses: string[];
  conditions?: {
    /** Absent counts as true. */
    ready?: boolean;
    /** Absent: what ready says. */
    serving?: boolean;
    terminating?: boolean;
  };
  hostname?: string;
  nodeName?: string;
  zone?: string;
  /** For whom the endpoint is meant first, where the Service asks for traffic to stay near. */
  hints?: { forZones?: Array<{ name: string }> };
}

export interface EndpointPort {
  /** Name of the Service's port; empty for a port without a name. */
  name: string;
  /** Absent: every port. */
  port?: number;
  protocol: 'TCP' | 'UDP' | 'SCTP';
  appProtocol?: string;
}
