import type { PolicyStatus } from './backend-tls-policy.ts';
import type { PolicyTargetReference } from './reference.ts';
import type { Resource } from './resource.ts';

/** How connections to the endpoints of Services are made. Ours (policies.daemun.dev). */
export interface BackendTrafficPolicy extends Resource {
  kind: 'BackendTrafficPolicy';
  spec: {
    /** Services; sectionName: one named port. */
    targetRefs: PolicyTargetReference[];
    /** Version of the PROXY protocol. */
    proxyProtocol?: 'V1' | 'V2';
    circuitBreaker?: { maxConnections?: number; maxPendingRequests?: number };
    loadBalancing?: { type: 'RoundRobin' | 'LeastRequest' };
  };
  status?: PolicyStatus;
}
