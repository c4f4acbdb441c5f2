import type { PolicyStatus } from './backend-tls-policy.ts';
import type { PolicyTargetReference, SecretObjectReference } from './reference.ts';
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
    /** In the place of what the ports' appProtocol says. Auto: what ALPN settles with each endpoint. */
    httpVersion?: 'HTTP1' | 'HTTP2' | 'Auto';
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
    /** Of TLS to the endpoints; a BackendTLSPolicy, or verification Disabled, has it spoken. */
    tls?: {
      /** Whoever answers is believed. */
      verification?: 'Disabled';
      /** Of TLS that believes whoever answers. */
      serverName?: string;
      minVersion?: '1.0' | '1.1' | '1.2' | '1.3';
      maxVersion?: '1.0' | '1.1' | '1.2' | '1.3';
      ciphers?: string[];
      curves?: string[];
      verifyDepth?: number;
      /** Shown in the place of what the Gateways show. */
      clientCertificateRef?: SecretObjectReference;
    };
    /** Whether requests go to the Service's endpoints, or to its own address. */
    destination?: 'Endpoints' | 'ServiceAddress';
    /** Set where the object was refused, and what it says of TLS must not be left out: why. Nobody can write it. */
    refused?: string;
  };
  status?: PolicyStatus;
}

/** How the gateway asks endpoints by itself how they do. */
export interface BackendHealthCheck {
  type?: 'HTTP' | 'GRPC' | 'TCP';
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
