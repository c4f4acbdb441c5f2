import type { PolicyStatus } from './backend-tls-policy.ts';
import type { ObjectReference, PolicyTargetReference } from './reference.ts';
import type { Resource } from './resource.ts';

/** How listeners take the connections of clients. Ours (policies.daemun.dev). */
export interface ClientTrafficPolicy extends Resource {
  kind: 'ClientTrafficPolicy';
  spec: {
    /** Gateways and ListenerSets; sectionName: one listener. */
    targetRefs: PolicyTargetReference[];
    proxyProtocol?: {
      mode: 'Required' | 'Optional';
      /** CIDRs. */
      trustedSources: string[];
    };
    connection?: {
      /** At a time on the port, in each worker. */
      maxConnections: number;
    };
    /** Of paths that are not in normal form. */
    pathForm?: 'Normalize' | 'Keep' | 'Reject';
    headers?: {
      /** Header lines of a request. */
      maxLines?: number;
      maxBytes?: number;
      /** Duration for a whole head. */
      timeout?: string;
      underscores?: 'Allow' | 'Drop' | 'Reject';
    };
    /** As `headers.underscores`. */
    headersWithUnderscores?: 'Allow' | 'Drop' | 'Reject';
    body?: {
      maxBytes?: number;
      /** Duration between two pieces. */
      timeout?: string;
    };
    requestId?: { header?: string; keep?: boolean };
    hsts?: { maxAgeSeconds?: number; includeSubdomains?: boolean; preload?: boolean };
    clientAddress?: {
      /** CIDRs. */
      trustedSources: string[];
      hops?: number;
      header?: string;
    };
    keepAlive?: { /** Duration. */ idleTimeout?: string; maxRequests?: number };
    http2?: {
      maxConcurrentStreams?: number;
      /** Bytes. */
      streamWindow?: number;
      maxFrameSize?: number;
      connectionWindow?: number;
      ping?: { interval: string; timeout?: string };
    };
    earlyHints?: { to?: 'Everybody' | 'Http2' | 'Nobody'; links?: string[] };
    /** Of listeners that end TLS: what clients show. */
    clientCertificates?: {
      mode?: 'Required' | 'Optional' | 'OptionalUnverified';
      /** ConfigMaps and Secrets with `ca.crt`. */
      caCertificateRefs: ObjectReference[];
      /** Authorities between the client's certificate and a root. */
      verifyDepth?: number;
      /** ConfigMaps and Secrets with `ca.crl`. */
      revocationListRefs?: ObjectReference[];
      forward?: { certificate?: boolean; chain?: boolean; nginxHeaders?: 'Names' | 'Certificate' };
      /** Where requests are sent that come without a certificate, or with one that is not valid. */
      errorPage?: string;
    };
    /** Stands for a policy that asks for certificates and cannot be read: why. */
    refused?: string;
    /** Of listeners that end TLS. */
    tlsProfile?: 'Modern' | 'Intermediate' | 'Old';
    tls?: {
      minVersion?: '1.0' | '1.1' | '1.2' | '1.3';
      maxVersion?: '1.0' | '1.1' | '1.2' | '1.3';
      /** Of OpenSSL or of IANA's registry. */
      ciphers?: string[];
      curves?: string[];
      sessionTickets?: boolean;
      /** Of HTTPS. */
      alpn?: Array<'h2' | 'http/1.1'>;
      /** Of TLS listeners that end TLS: protocols that their backends speak. */
      streamAlpn?: string[];
    };
  };
  status?: PolicyStatus;
}
