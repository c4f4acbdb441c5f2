import type { Resource } from './resource.ts';

export interface Service extends Resource {
  kind: 'Service';
  spec: {
    type: 'ClusterIP' | 'NodePort' | 'LoadBalancer' | 'ExternalName';
    /** Where type is ExternalName. */
    externalName?: string;
    clusterIP?: string;
    clusterIPs?: string[];
    /** Of its pods' addresses; the first counts. */
    ipFamilies?: Array<'IPv4' | 'IPv6'>;
    ports?: ServicePort[];
    selector?: Record<string, string>;
    publishNotReadyAddresses?: boolean;
    externalIPs?: string[];
    externalTrafficPolicy?: 'Cluster' | 'Local';
  };
  status?: { loadBalancer?: { ingress?: Array<{ ip?: string; hostname?: string }> } };
}

export interface ServicePort {
  /** Required where there are several ports. */
  name?: string;
  port: number;
  protocol: 'TCP' | 'UDP' | 'SCTP';
  /** A number, or the name of a container's port. Absent: `port`. */
  targetPort?: number | string;
  appProtocol?: string;
}
