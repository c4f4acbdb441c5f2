import type { Resource } from './resource.ts';

/** The group of certificates and of who is trusted with them. */
export const CERTIFICATES_GROUP = 'certificates.k8s.io';

/** CA certificates for all namespaces. Cluster-scoped. */
export interface ClusterTrustBundle extends Resource {
  kind: 'ClusterTrustBundle';
  spec: { signerName?: string; trustBundle: string };
}
