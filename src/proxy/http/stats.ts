/** Counters of HTTP traffic. */
import {
  type Counter,
  type FamilySnapshot,
  Grace,
  type Metrics,
  type MetricsSnapshot,
  type SeriesSnapshot,
} from '../../observe/index.ts';

/** Seconds. */
const DURATION_BOUNDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

// Where each number stands in a route's row.
const BYTES_IN = 0;
const BYTES_OUT = 1;
const RETRIES = 2;
const DURATION_SUM = 3;
const DURATION_FIRST = 4;
const STATUS_FIRST = DURATION_FIRST + DURATION_BOUNDS.length + 1;
/** Status codes counted for one route and backend; what comes beyond is counted as `other`. */
const STATUS_CODES = 12;

/** Rows made between two looks for such as are to be forgotten, where nobody asks for metrics. */
const MADE_BETWEEN_LOOKS = 1_000;

/** What one request adds. */
export interface Finished {
  /** 499: the client was gone before an answer. */
  status: number;
  /** Seconds. */
  duration: number;
  bytesIn: number;
  bytesOut: number;
  retries: number;
}

/**
 * The numbers of one route rule and backend, in one row: with thousands of routes it is the processor's cache that
 * counting costs, so a request touches two or three lines of it instead of a dozen objects.
 */
export class RouteRow {
  readonly route: string;
  readonly backend: string;
  /** What it counts was gone for so long that it is shown no more. */
  forgotten = false;
  readonly #row = new Float64Array(STATUS_FIRST + STATUS_CODES + 1);
  readonly #codes = new Uint16Array(STATUS_CODES);

  constructor(route: string, backend: string) {
    this.route = route;
    this.backend = backend;
  }

  add(finished: Finished): void {
    const row = this.#row;
    row[BYTES_IN]! += finished.bytesIn;
    row[BYTES_OUT]! += finished.bytesOut;
    row[RETRIES]! += finished.retries;
    row[DURATION_SUM]! += finished.duration;
    let bucket = 0;
    while (bucket < DURATION_BOUNDS.length && finished.duration > DURATION_BOUNDS[bucket]!) bucket++;
    row[DURATION_FIRST + bucket]!++;
    const codes = this.#codes;
    let slot = 0;
    while (slot < STATUS_CODES && codes[slot] !== finished.status && codes[slot] !== 0) slot++;
    if (slot < STATUS_CODES) codes[slot] = finished.status;
    row[STATUS_FIRST + slot]!++;
  }

  get bytesIn(): number {
    return this.#row[BYTES_IN]!;
  }
  get bytesOut(): number {
    return this.#row[BYTES_OUT]!;
  }
  get retries(): number {
    return this.#row[RETRIES]!;
  }
  get durationSum(): number {
    return this.#row[DURATION_SUM]!;
  }

  durationCounts(): number[] {
    return [...this.#row.subarray(DURATION_FIRST, STATUS_FIRST)];
  }

  /** Requests by status code. */
  *statuses(): IterableIterator<[string, number]> {
    for (let slot = 0; slot <= STATUS_CODES; slot++) {
      const count = this.#row[STATUS_FIRST + slot]!;
      if (count > 0) yield [slot === STATUS_CODES ? 'other' : String(this.#codes[slot]), count];
    }
  }
}

export class Stats {
  readonly connections: Counter;
  readonly connectionsOpen: { value: number };
  readonly refused: Counter;
  readonly handshakesFailed: Counter;
  readonly retriesRefused: Counter;
  readonly overloaded: Counter;
  readonly matchBudget: Counter;
  /** Whether the config has this rule (''; none), with this backend (''; none). */
  isServed: (route: string, backend: string) => boolean = () => true;
  readonly #rows = new Map<string, Map<string, RouteRow>>();
  readonly #grace = new Grace();
  readonly #metrics: Metrics;
  #made = 0;

  constructor(metrics: Metrics) {
    this.connections = metrics.counter('daemun_connections_total', 'Client connections accepted');
    this.connectionsOpen = metrics.gauge('daemun_connections_open', 'Client connections open now');
    this.#metrics = metrics;
    this.refusedFor('limit');
    this.handshakesFailed = metrics.counter(
      'daemun_tls_handshakes_failed_total',
      'TLS handshakes of clients that failed',
    );
    this.overloaded = metrics.counter(
      'daemun_http_overloaded_total',
      'Requests refused because too many wait for a connection to an endpoint',
    );
    this.matchBudget = metrics.counter(
      'daemun_http_match_budget_total',
      'Requests refused because it takes too long to find out what rules and policies ask of them',
    );
    this.retriesRefused = metrics.counter(
      'daemun_http_retries_refused_total',
      'Retries not made because their backend had no budget left for them',
    );
    this.refused = metrics.counter(
      'daemun_http_malformed_requests_total',
      'Requests refused because they break the protocol',
    );
    metrics.collect(() => this.#families());
  }

  /** Client connections turned away: too many (`limit`), or what else a filter says. */
  refusedFor(reason: string): Counter {
    const help =
      'Client connections turned away, by why: limit where there were too many, in all, on their port or by a policy; descriptors where the process had none left for them';
    return this.#metrics.counter('daemun_connections_refused_total', help, { reason });
  }

  /** `route`: a RouteRule key, or ''; `backend`: a Backend key, or ''. */
  row(route: string, backend: string): RouteRow {
    let byBackend = this.#rows.get(route);
    if (byBackend === undefined) this.#rows.set(route, (byBackend = new Map()));
    let row = byBackend.get(backend);
    if (row !== undefined) return row;
    row = new RouteRow(route, backend);
    byBackend.set(backend, row);
    if (++this.#made % MADE_BETWEEN_LOOKS === 0) this.#forget();
    return row;
  }

  /** Drops the rows of what has been gone for a while. Rows are looked at when they are shown, and now and then as they come. */
  #forget(): void {
    for (const [route, byBackend] of this.#rows) {
      for (const [backend, row] of byBackend) {
        if (this.#grace.keeps(`${route} ${backend}`, this.isServed(route, backend))) continue;
        row.forgotten = true;
        byBackend.delete(backend);
      }
      if (byBackend.size === 0) this.#rows.delete(route);
    }
  }

  #families(): MetricsSnapshot {
    this.#forget();
    const rows = [...this.#rows.values()].flatMap((byBackend) => [...byBackend.values()]);
    const counter = (name: string, help: string, series: SeriesSnapshot[]): FamilySnapshot => ({
      name,
      help,
      type: 'counter',
      series,
    });
    const each = (valueOf: (row: RouteRow) => number): SeriesSnapshot[] =>
      rows.map((row) => ({ labels: { route: row.route, backend: row.backend }, value: valueOf(row) }));
    const answered = rows.flatMap((row) =>
      [...row.statuses()].map(([code, value]) => ({ labels: { route: row.route, backend: row.backend, code }, value })),
    );
    return [
      counter('daemun_http_requests_total', 'Requests by route, backend and status code', answered),
      {
        name: 'daemun_http_request_duration_seconds',
        help: 'Time from request head to the end of the response',
        type: 'histogram',
        bounds: [...DURATION_BOUNDS],
        series: rows.map((row) => ({
          labels: { route: row.route, backend: row.backend },
          counts: row.durationCounts(),
          sum: row.durationSum,
        })),
      },
      counter(
        'daemun_http_request_body_bytes_total',
        'Bytes of request bodies',
        each((row) => row.bytesIn),
      ),
      counter(
        'daemun_http_response_body_bytes_total',
        'Bytes of response bodies',
        each((row) => row.bytesOut),
      ),
      counter(
        'daemun_http_retries_total',
        'Requests sent again to a backend',
        each((row) => row.retries),
      ),
    ];
  }
}
