import type { Resource } from './resource.ts';

/** The older form of endpoints, named like its Service. An EndpointSlice of the same Service wins over it. */
export interface Endpoints extends Resource {
  kind: 'Endpoints';
  subsets?: EndpointSubset[];
}

export interface EndpointSubset {
  addresses?: EndpointAddress[];
  notReadyAddresses?: EndpointAddress[];
  ports?: Array<{ name?: string; port: number; protocol: 'TCP' | 'UDP' | 'SCTP'; appProtocol?: string }>;
}

export interface EndpointAddress {
  ip: string;
  hostname?: string;
  nodeName?: string;
}
