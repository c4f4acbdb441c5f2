/** What the rest of Daemun knows of a data plane. */
import type { Ack, CachePurge, CachePurged, Delta, Trouble } from '../config/index.ts';
import type { AccessEntry, MetricsSnapshot } from '../observe/index.ts';
import type { TicketSecret } from '../value/ticket-secret.ts';
import type { DiskPlace } from './disk/index.ts';
import type { HttpLimits } from './http/index.ts';
import type { GivenSocket } from './listen/index.ts';
import type { SharedMemory } from './state/index.ts';

export interface ProxyOptions {
  /** This data plane's name in acknowledgements and metrics, such as `worker-0`. */
  name: string;
  /** Addresses that listeners bind where their Gateway asks for none. */
  bind: string[];
  /** Ports as written in Gateways to ports as bound; absent ports are bound as written. */
  portMap: ReadonlyMap<number, number>;
  /** Sockets that were opened before: listeners of their ports have them, unless their Gateway asks for other addresses. */
  given?: GivenSocket[];
  /** Several processes share the ports (SO_REUSEPORT). */
  reusePort: boolean;
  /** What limits of several processes have in common; absent: each counts alone. */
  sharedMemory?: SharedMemory;
  /** Where answers of backends are kept besides memory, and which of so many processes this one is there. */
  cacheDisk?: DiskPlace;
  /** File in MaxMind's format that says which country an address is in; absent: policies that ask for it deny. */
  countryDatabase?: string;
  /** Another process will have taken the ports over when this one drains: no connection that came here may be lost. */
  handsOver?: boolean;
  /** Networks (CIDR) whose X-Forwarded-* and X-Request-Id are believed. */
  trustedHops: string[];
  /**
   * What keys of TLS session tickets are made of, the same for all processes that share the ports: so that a client
   * resumes its session whichever takes its next connection. Absent: its own.
   */
  ticketSecret?: TicketSecret;
  /** Requests and answers say in Via that they came through here: some backends compress nothing then. */
  via?: boolean;
  /** Zone that it runs in: endpoints that slices hint at it for are used. Absent: all are. */
  zone?: string;
  /** Endpoints on this machine's loopback: allowed where people run backends beside the gateway (default). */
  loopbackEndpoints?: 'allowed' | 'refused';
  /** Names of Services that resolve to it; refused unless said otherwise. */
  loopbackNames?: 'allowed' | 'refused';
  /** Sockets of the process besides listeners, such as the admin API's (`address:port`): never a backend. */
  ownAddresses?: string[];
  /** Milliseconds that what is under way on a port that goes may take to finish; absent: 30 seconds. */
  drainTimeout?: number;
  /** Instead of the defaults (DEFAULT_LIMITS in http/service.ts). */
  limits?: Partial<HttpLimits>;
  /** Called once: the first config is compiled, of so many objects, and nothing of it serves yet. */
  beforeServing?: (objects: number) => void;
  /** One call per finished request or connection; absent: no access log. */
  onAccess?: (entry: AccessEntry) => void;
  /** Acknowledgements without a delta: a port that was taken became free, say. */
  onAck?: (ack: Ack) => void;
  /** Endpoints that take no connections and names that do not resolve: when that begins, each minute, and at its end. */
  onTroubles?: (troubles: Trouble[]) => void;
  /** Requests changed what other processes that share the ports keep, too. */
  onInvalidate?: (purge: CachePurge) => void;
}

export interface Proxy {
  /** Builds the next version whole, swaps it in, drains the old. Never throws for what a config object holds. */
  apply(delta: Delta): Promise<Ack>;
  /** No new connections; requests under way finish; resolves when all are gone or after `timeout` milliseconds. */
  drain(timeout: number): Promise<void>;
  metrics(): MetricsSnapshot;
  /** Forgets answers of backends that are kept. */
  purge(purge: CachePurge): Promise<CachePurged>;
}
