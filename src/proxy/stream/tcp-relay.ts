/** Accepts client connections for TCPRoute and TLSRoute rules and relays each to an endpoint of a backend. */
import type { DeadlineWheel } from '../ground/deadline.ts';
import type { DrainSet } from '../ground/drain.ts';
import type { Driver, Link } from '../ground/driver.ts';
import type { ProxyAddresses } from './proxy-protocol.ts';
import { RelayedConnection } from './relayed-connection.ts';
import type { StreamLimits } from './stream-limits.ts';
import type { StreamMeter } from './stream-meter.ts';
import type { StreamPlan } from './stream-plan.ts';

export interface TcpRelayOptions {
  driver: Driver;
  /** All deadlines. Its owner starts and advances it. */
  wheel: DeadlineWheel;
  limits: StreamLimits;
  meter: StreamMeter;
  /** Of the port. Connections are in it from their beginning to their end. */
  live: DrainSet;
}

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
}

export class TcpRelay {
  readonly options: TcpRelayOptions;
  #active = 0;

  constructor(options: TcpRelayOptions) {
    this.options = options;
  }

  /** Connections under way. */
  get active(): number {
    return this.#active;
  }

  /** Takes the connection over, sets its sink, and never throws. Without a plan it is refused. */
  accept(link: Link, plan: StreamPlan | undefined, arrival: Arrival): void {
    const connection = new RelayedConnection(this.options, link, arrival);
    const { live, limits } = this.options;
    if (live.draining) connection.refuse('drained');
    else if (plan === undefined) connection.refuse('no_route');
    else if (this.#active >= limits.maxConnections) connection.refuse('limit');
    else {
      this.#active++;
      live.add(connection);
      connection.begin(plan, () => this.#gone(connection));
    }
  }

  #gone(connection: RelayedConnection): void {
    this.#active--;
    this.options.live.delete(connection);
  }
}

export function createTcpRelay(options: TcpRelayOptions): TcpRelay {
  return new TcpRelay(options);
}
