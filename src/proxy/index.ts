/** The data plane: config deltas in, acknowledgements out, traffic between. */
import type { Ack, Delta } from '../config/index.ts';
import type { MetricsSnapshot } from '../observe/index.ts';

export interface ProxyOptions {
  /** This data plane's name in acknowledgements and metrics, such as `worker-0`. */
  name: string;
  /** Addresses that listeners bind where their Gateway asks for none. */
  bind: string[];
  /** Ports as written in Gateways to ports as bound; absent ports are bound as written. */
  portMap: ReadonlyMap<number, number>;
  /** Several processes share the ports (SO_REUSEPORT). */
  reusePort: boolean;
  /** Networks (CIDR) whose X-Forwarded-* and X-Request-Id are believed. */
  trustedHops: string[];
  /** One call per finished request or connection; absent: no access log. */
  onAccess?: (entry: AccessEntry) => void;
}

/** One line of the access log. Times in milliseconds, sizes in bytes. */
export interface AccessEntry {
  time: number;
  requestId: string;
  protocol: string;
  listener: string;
  client: string;
  method: string;
  host: string;
  path: string;
  status: number;
  /** RouteRule key, or ''. */
  route: string;
  /** Backend key and endpoint `address:port`, or ''. */
  backend: string;
  endpoint: string;
  duration: number;
  /** Time until the response head came from the backend, or -1. */
  upstreamDuration: number;
  bytesIn: number;
  bytesOut: number;
  attempts: number;
  /** Why it ended otherwise than it should have: `no_route`, `connect_refused`, `timeout`…, or ''. */
  reason: string;
  userAgent: string;
}

export interface Proxy {
  /** Builds the next version whole, swaps it in, drains the old. Never throws for what a config object holds. */
  apply(delta: Delta): Promise<Ack>;
  /** No new connections; requests under way finish; resolves when all are gone or after `timeout` milliseconds. */
  drain(timeout: number): Promise<void>;
  metrics(): MetricsSnapshot;
}
