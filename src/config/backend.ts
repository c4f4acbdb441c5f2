/**
 * A Service port that requests go to. Key: `namespace/service:port`, followed by what sets it apart where one Service
 * port is reached in several ways: `;protocol` where a route speaks another protocol than the port says by itself (a
 * GRPCRoute to a port without appProtocol, a TCPRoute), `;client=namespace/secret` where a Gateway shows a client
 * certificate, `;passthrough` where clients' own TLS goes through to a port that has a BackendTLSPolicy. A ServiceImport's
 * has `;import` first.
 */
export interface Backend {
  kind: 'Backend';
  key: string;
  service: { namespace: string; name: string; port: number; kind?: 'ServiceImport' };
  /** From appProtocol: kubernetes.io/h2c gives h2c; GRPCRoute backends are h2c; ws and wss are h1. */
  protocol: 'http' | 'h2c' | 'tcp' | 'udp';
  tls?: BackendTls;
  /** Object key of the policy that asks for it: it acts on nothing, and explains. Absent: it is not known. */
  tlsPolicy?: string;
}

/** From BackendTLSPolicy, and the Gateway's client certificate. */
export interface BackendTls {
  /** Sent as SNI, and what the certificate must match unless `subjectAltNames` says otherwise. */
  hostname: string;
  subjectAltNames: Array<{ type: 'Hostname' | 'URI'; value: string }>;
  /** Keys of TrustBundle objects, or the machine's roots. */
  trust: 'System' | string[];
  /** Key of a Certificate. */
  clientCertificate?: string;
}

/** Where a Backend's requests can go. Key: the Backend's. On a path of its own: it changes often and touches no route. */
export interface Endpoints {
  kind: 'Endpoints';
  key: string;
  endpoints: Endpoint[];
  /** For ExternalName Services: resolve this name and use every answer, until its TTL ends. */
  dns?: { hostname: string; port: number };
}

export interface Endpoint {
  address: string;
  port: number;
  /** ready: takes new requests. draining (serving but terminating): takes them only where none is ready. */
  state: 'ready' | 'draining';
  zone?: string;
  /** Zones for which it is meant first, where the Service asks for traffic to stay near. */
  forZones?: string[];
}
