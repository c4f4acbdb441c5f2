/** What a relayed connection begins with. */
import type { StreamChain } from '../filter/index.ts';
import type { DeadlineWheel } from '../ground/deadline.ts';
import type { DrainSet } from '../ground/drain.ts';
import type { Driver } from '../ground/driver.ts';
import type { ProxyAddresses } from './proxy-outcome.ts';
import type { StreamLimits } from './stream-limits.ts';
import type { StreamMeter } from './stream-meter.ts';

/** What is known of a connection before it is relayed. */
export interface Arrival {
  /** Key of the listener that took it. */
  listener: string;
  protocol: 'tcp' | 'tls';
  /** SNI, or ''. */
  serverName?: string;
  /** Received already; the relay keeps it. */
  firstBytes?: Buffer;
  /** From a trusted PROXY header; absent: the link's own. */
  addresses?: ProxyAddresses;
  /** Sent to the client before its connection is closed where no backend could be reached: a TLS alert. Absent: reset. */
  farewell?: Uint8Array;
  /** The same where a policy keeps the client out. */
  refusal?: Uint8Array;
}

export interface TcpRelayOptions {
  driver: Driver;
  /** All deadlines. Its owner starts and advances it. */
  wheel: DeadlineWheel;
  limits: StreamLimits;
  meter: StreamMeter;
  /** Of the port. Connections are in it from their beginning to their end. */
  live: DrainSet;
  /** Absent: none. */
  policies?: StreamPolicies;
}

/** Policies that act where no request is read. */
export interface StreamPolicies {
  /** Null: none acts there. Keys of the listener and the rule. */
  streamChain(listener: string, rule: string): StreamChain | null;
}
