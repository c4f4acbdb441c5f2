import type { PolicyStatus } from './backend-tls-policy.ts';
import type { PolicyTargetReference } from './reference.ts';
import type { Resource } from './resource.ts';
import type { BackendSessionPersistence } from './session-persistence.ts';

/** How connections to the endpoints of Services are made. Ours (policies.daemun.dev). */
export interface BackendTrafficPolicy extends Resource {
  kind: 'BackendTrafficPolicy';
  spec: {
    /** Services; sectionName: one named port. */
    targetRefs: PolicyTargetReference[];
    /** Version of the PROXY protocol. */
    proxyProtocol?: 'V1' | 'V2';
    circuitBreaker?: {
      maxConnections?: number;
      maxPendingRequests?: number;
      maxRequests?: number;
      maxRetries?: number;
    };
    /** Durations. */
    timeouts?: { connect?: string; read?: string; send?: string; request?: string };
    connection?: { idleTimeout?: string; maxRequests?: number; maxIdle?: number };
    retry?: {
      attempts: number;
      causes?: Array<'ConnectFailure' | 'Reset' | 'Timeout' | 'InvalidAnswer'>;
      codes?: number[];
      grpcCodes?: string[];
      nonIdempotent?: boolean;
      backoff?: string;
      perTryTimeout?: string;
      timeout?: string;
      budget?: { percent?: number; perSecond?: number };
    };
    loadBalancing?: {
      type: 'RoundRobin' | 'LeastRequest' | 'Random' | 'ConsistentHash';
      consistentHash?: {
        keys: Array<{ type: 'ClientAddress' | 'Header' | 'Cookie' | 'Query' | 'Path' | 'Uri' | 'Host'; name?: string }>;
        /** Of an even share. */
        maxLoadPercent?: number;
        subsetSize?: number;
      };
      slowStart?: { window: string };
      zone?: 'PreferLocal';
      /** CIDRs. */
      weights?: Array<{ networks: string[]; weight: number }>;
    };
    sessionPersistence?: BackendSessionPersistence;
    healthCheck?: BackendHealthCheck;
    /** Durations until names of backends are looked up again, whatever their records say. */
    dns?: { minRefresh?: string; maxRefresh?: string };
    /** In the place of what the ports' appProtocol says. */
    httpVersion?: 'HTTP1' | 'HTTP2';
    /** When endpoints are passed over for what requests meet there; counts of 0: never for that. */
    outlierDetection?: {
      disabled?: boolean;
      consecutiveErrors?: number;
      consecutiveGatewayErrors?: number;
      consecutiveUnanswered?: number;
      /** Durations. */
      baseEjectionTime?: string;
      maxEjectionTime?: string;
      maxEjectionPercent?: number;
    };
    /** TLS that believes whoever answers. */
    tls?: { verification: 'Disabled'; serverName?: string };
  };
  status?: PolicyStatus;
}

/** How the gateway asks endpoints by itself how they do. */
export interface BackendHealthCheck {
  type: 'HTTP' | 'GRPC' | 'TCP';
  http?: {
    method?: 'GET' | 'HEAD';
    /** With its query. */
    path?: string;
    host?: string;
    /** Both ends count. */
    statuses?: Array<{ from: number; to?: number }>;
  };
  grpc?: { service?: string; host?: string };
  /** Durations. */
  interval?: string;
  timeout?: string;
  jitterPercent?: number;
  healthyThreshold?: number;
  unhealthyThreshold?: number;
  initialState?: 'Healthy' | 'Unhealthy';
  panicThresholdPercent?: number;
}
