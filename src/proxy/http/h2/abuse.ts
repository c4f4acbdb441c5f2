/**
 * Attacks on HTTP/2 that cost the attacker less than us, each with a budget that fills up again over time, and
 * counted by name. What exceeds its budget ends the connection with ENHANCE_YOUR_CALM.
 */
import type { MetricsSnapshot } from '../../../observe/index.ts';

export const ABUSES = [
  /** Streams opened and reset before an answer (CVE-2023-44487), by the client or by us because of it. */
  'rapid_reset',
  /** Header blocks of endless CONTINUATION frames (CVE-2024-27316), or too large. */
  'continuation_flood',
  'settings_flood',
  /** More WINDOW_UPDATE than what was sent explains. */
  'window_update_flood',
  'ping_flood',
  /** DATA frames that carry nothing. */
  'empty_data_flood',
  /** Frames that are ignored: PRIORITY, unknown types, WINDOW_UPDATE of closed streams, acknowledgements, GOAWAY. */
  'ignored_frame_flood',
  /** Field sections larger than the limit, such as HPACK bombs. */
  'section_too_large',
  /** Messages that break RFC 9113 8. */
  'malformed_message',
  /** A peer that takes no data for too long while there is some. */
  'stalled_window',
  /** A peer that reads nothing and makes us write: answers, acknowledgements, resets. */
  'unread_output',
  /** Bodies that wait for slow backends, while all clients together have sent as much of that as is kept. */
  'held_bodies',
] as const;
export type Abuse = (typeof ABUSES)[number];

/** Of this worker, since it started. */
export const abuseCounts: Record<Abuse, number> = Object.fromEntries(ABUSES.map((abuse) => [abuse, 0])) as Record<
  Abuse,
  number
>;

/** The counts as a metric, for a collector. */
export function abuseMetrics(): MetricsSnapshot {
  return [
    {
      name: 'daemun_http2_abuse_total',
      help: 'Attacks on HTTP/2 and messages that break it, by kind',
      type: 'counter',
      series: ABUSES.map((kind) => ({ labels: { kind }, value: abuseCounts[kind] })),
    },
  ];
}

export interface Budget {
  /** How many at once. */
  burst: number;
  /** How many more each second. */
  perSecond: number;
}

/** Streams that the peer resets, or makes us reset; above it the connection ends with ENHANCE_YOUR_CALM, as for all budgets. */
export const RESET_BUDGET: Budget = { burst: 500, perSecond: 50 };
/** SETTINGS frames. */
export const SETTINGS_BUDGET: Budget = { burst: 50, perSecond: 2 };
/**
 * WINDOW_UPDATE frames, beyond WINDOW_UPDATES_PER_FRAME for each frame of a stream that was sent: some peers send one for
 * each read, and one for each stream.
 */
export const WINDOW_UPDATE_BUDGET: Budget = { burst: 1_000, perSecond: 200 };
export const WINDOW_UPDATES_PER_FRAME = 10;
/** gRPC measures round trips with a PING for each flight of data: on a fast network that is thousands a second. */
export const PING_BUDGET: Budget = { burst: 10_000, perSecond: 5_000 };
/** DATA frames without data that do not end their stream. */
export const EMPTY_DATA_BUDGET: Budget = { burst: 200, perSecond: 20 };
/** Frames that mean nothing to us: unknown types, PRIORITY, acknowledgements, GOAWAY, frames for streams that are gone. */
export const IGNORED_BUDGET: Budget = { burst: 1_000, perSecond: 200 };

/** Bytes that a peer may leave unread in our memory. */
export const MAX_UNREAD_OUTPUT: number = 4 * 1024 * 1024;

/**
 * Bytes of requests' bodies that wait for slow backends in this process, of all clients over HTTP/2 together: above it no
 * connection may have more than MAX_FAIR_HELD of them. Windows let each send CONNECTION_WINDOW.
 */
export const MAX_HELD_BODIES: number = 128 * 1024 * 1024;
/** Bytes that one may have all the same: as many as a stream by default, so that whoever uploads one thing goes on. */
export const MAX_FAIR_HELD: number = 128 * 1024;

export class Allowance {
  readonly #budget: Budget;
  #left: number;
  #at = 0;

  constructor(budget: Budget) {
    this.#budget = budget;
    this.#left = budget.burst;
  }

  /** Takes one at time `now`, in milliseconds. False: there is none left. */
  take(now: number): boolean {
    const { burst, perSecond } = this.#budget;
    this.#left = Math.min(burst, this.#left + ((now - this.#at) * perSecond) / 1000);
    this.#at = now;
    if (this.#left < 1) return false;
    this.#left--;
    return true;
  }
}
