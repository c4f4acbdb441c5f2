import type { ExternalAuthConfig } from './route.ts';

/** One listener of a Gateway or ListenerSet, as the data plane serves it. */
export interface Listener {
  kind: 'Listener';
  /** `namespace/gateway/listener`; for ListenerSets `namespace/gateway/listenerset-namespace/listenerset/listener`. */
  key: string;
  /** `namespace/name` of the Gateway. */
  gateway: string;
  name: string;
  /** Addresses to bind that Gateway.spec.addresses asks for; empty: those of the run. */
  addresses: string[];
  /** As the user wrote it; the run's port map is applied where the socket is opened. */
  port: number;
  protocol: 'HTTP' | 'HTTPS' | 'TLS' | 'TCP' | 'UDP';
  /** Lower case; `*.example.com` for a wildcard; absent: any. */
  hostname?: string;
  tls?: ListenerTls;
  /** They act before a route is chosen, in this order; of HTTP and HTTPS alone. */
  filters?: ExternalAuthConfig[];
}

export interface ListenerTls {
  mode: 'Terminate' | 'Passthrough';
  /** Keys of Certificate objects; the first is the default. */
  certificates: string[];
  clientValidation?: ClientValidation;
}

/** Verification of client certificates (Gateway.spec.tls.frontend). */
export interface ClientValidation {
  mode: 'AllowValidOnly' | 'AllowInsecureFallback';
  /** Keys of TrustBundle objects. */
  trust: string[];
}
