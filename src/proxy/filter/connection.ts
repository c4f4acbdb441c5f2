/**
 * What acts on connections of clients as they come in, before any listener, host name or request is known: on all ports
 * of connections, whatever is spoken there. It is asked once for each, in the order of its step (order.ts).
 */
import { type ConnectionStep, stepNumber } from './order.ts';

/** Both ends of a connection; of one that begins with a PROXY header that is believed, as that tells them. */
export interface Arrival {
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localAddress: string;
  readonly localPort: number;
}

/** Why a connection may not come in. */
export interface ConnectionRefusal {
  /** In the metric of refused connections: one of few. */
  readonly reason: string;
  /** What HTTP is told in words, where there is time for words; everything else is reset. */
  readonly status: 403 | 503;
  readonly message: string;
}

export interface ConnectionFilter {
  /** What it is of, such as the type of its policy. */
  readonly type: string;
  readonly step: ConnectionStep;
  /** Null: it may come in. One that throws has not let it in. */
  onConnection(arrival: Arrival): ConnectionRefusal | null;
  /** One that it let in is gone with its last byte, or was refused by a filter after it. */
  onEnd?(arrival: Arrival): void;
}

/** A guard that fails has not said that a connection may come in. */
const FAILED: ConnectionRefusal = {
  reason: 'filter_failed',
  status: 503,
  message: 'This connection could not be judged; try again later.',
};

/** The filters that a connection meets, in order. */
export class ConnectionChain {
  readonly #filters: readonly ConnectionFilter[];
  /** Some want to know of the end of what they let in. */
  readonly ending: boolean;

  private constructor(filters: readonly ConnectionFilter[]) {
    this.#filters = filters.toSorted((a, b) => stepNumber(a.step) - stepNumber(b.step));
    this.ending = filters.some((filter) => filter.onEnd !== undefined);
  }

  static of(filters: readonly ConnectionFilter[]): ConnectionChain | null {
    return filters.length === 0 ? null : new ConnectionChain(filters);
  }

  /** Null: it came in, and `end` is to be called when it is gone, where there is an end to tell. */
  admit(arrival: Arrival): ConnectionRefusal | null {
    for (const [index, filter] of this.#filters.entries()) {
      const refusal = ask(filter, arrival);
      if (refusal === null) continue;
      this.#tellEnd(arrival, index);
      return refusal;
    }
    return null;
  }

  end(arrival: Arrival): void {
    this.#tellEnd(arrival, this.#filters.length);
  }

  /** Whatever one of them throws, the others hear of the end. */
  #tellEnd(arrival: Arrival, count: number): void {
    for (const filter of this.#filters.slice(0, count)) {
      try {
        filter.onEnd?.(arrival);
      } catch {}
    }
  }
}

function ask(filter: ConnectionFilter, arrival: Arrival): ConnectionRefusal | null {
  try {
    return filter.onConnection(arrival);
  } catch {
    return FAILED;
  }
}
