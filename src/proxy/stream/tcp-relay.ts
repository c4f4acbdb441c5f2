/** Accepts client connections for TCPRoute and TLSRoute rules and relays each to an endpoint of a backend. */
import type { DeadlineWheel } from '../ground/deadline.ts';
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
  readonly #connections = new Set<RelayedConnection>();
  #draining: (() => void) | undefined;
  #drainTimer: NodeJS.Timeout | undefined;

  constructor(options: TcpRelayOptions) {
    this.options = options;
  }

  /** Connections under way. */
  get active(): number {
    return this.#connections.size;
  }

  /** Takes the connection over, sets its sink, and never throws. Without a plan it is refused. */
  accept(link: Link, plan: StreamPlan | undefined, arrival: Arrival): void {
    const connection = new RelayedConnection(this.options, link, arrival);
    if (this.#draining !== undefined) connection.refuse('drained');
    else if (plan === undefined) connection.refuse('no_route');
    else if (this.#connections.size >= this.options.limits.maxConnections) connection.refuse('limit');
    else {
      this.#connections.add(connection);
      connection.begin(plan, () => this.#gone(connection));
    }
  }

  /** Refuses new connections; resolves when those under way have ended, or were reset after `timeout` milliseconds. */
  drain(timeout: number): Promise<void> {
    return new Promise((resolve) => {
      this.#draining = resolve;
      if (this.#connections.size === 0) return resolve();
      this.#drainTimer = setTimeout(() => {
        for (const connection of [...this.#connections]) connection.abort('drained');
      }, timeout);
    });
  }

  #gone(connection: RelayedConnection): void {
    this.#connections.delete(connection);
    if (this.#draining === undefined || this.#connections.size > 0) return;
    clearTimeout(this.#drainTimer);
    this.#draining();
  }
}

export function createTcpRelay(options: TcpRelayOptions): TcpRelay {
  return new TcpRelay(options);
}
