/**
 * A policy as it holds for one object, attached by key and merged where it is used: what it says of a listener is
 * never copied into routes, nor what it says of a backend. Key: `type/` and the key of the target (policyKey).
 */
export type Policy = ClientTraffic | BackendTraffic;

/** How connections of clients are taken. */
export interface ClientTraffic {
  kind: 'Policy';
  key: string;
  type: 'ClientTraffic';
  target: { kind: 'Listener'; key: string };
  spec: {
    proxyProtocol?: ProxyProtocolFromClients;
    /** Absent: Normalize. */
    pathForm?: PathForm;
  };
}

/**
 * What becomes of a path that is not in normal form: it is brought into it, or served as it came, or refused (400).
 * One path is matched, seen by filters and policies, and sent to the backend.
 */
export type PathForm = 'Normalize' | 'Keep' | 'Reject';

/** The same for all listeners of a port: the header comes before anything that tells them apart. */
export interface ProxyProtocolFromClients {
  /** Required: connections without a header are closed, and so are those from elsewhere than `trustedSources`. */
  mode: 'Required' | 'Optional';
  /** CIDRs; a header from elsewhere is not read, and so is part of what the client says. */
  trustedSources: string[];
}

/** How connections to endpoints are made. */
export interface BackendTraffic {
  kind: 'Policy';
  key: string;
  type: 'BackendTraffic';
  target: { kind: 'Backend'; key: string };
  spec: {
    /** The header that every connection begins with, before TLS. */
    proxyProtocol?: 'V1' | 'V2';
    loadBalancing?: LoadBalancing;
  };
}

export interface LoadBalancing {
  /** RoundRobin where there is no policy. LeastRequest: of two endpoints by chance the one with fewer requests. */
  type: 'RoundRobin' | 'LeastRequest';
}

export function policyKey(type: Policy['type'], target: string): string {
  return `${type}/${target}`;
}
