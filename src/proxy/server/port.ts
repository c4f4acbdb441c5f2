/** One bound port: a socket (UDP: one for each address) and what serves on it. One member of the family a protocol. */
import type { Listener, RouteRule, Snapshot } from '../../config/index.ts';
import type { RouteTable } from '../route/index.ts';

export interface PortTarget {
  address: string;
  port: number;
  reusePort: boolean;
}

/** What a port serves at one version of the config. */
export interface PortContent {
  /** Those that share the port; at least one. */
  listeners: readonly Listener[];
  /** Of TLSRoutes, TCPRoutes and UDPRoutes that attach to the listeners. */
  rules: readonly RouteRule[];
  /** HTTP routes. */
  table: RouteTable;
  config: Snapshot;
}

export interface Port {
  /** `address:port` as bound; empty while it is not open. */
  readonly bound: string[];
  /** Rejects with a DaemunError where the port cannot be bound. */
  open(target: PortTarget): Promise<void>;
  /** New requests, connections and sessions see the new content; the socket stays open. */
  swap(content: PortContent): void;
  /** Nothing new; resolves when what is under way has ended, or was ended after `timeout` milliseconds. */
  drain(timeout: number): Promise<void>;
}

/** `address:port`, IPv6 addresses in brackets. */
export function boundName(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}
