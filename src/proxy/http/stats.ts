/** Counters of HTTP traffic: cells held by route and backend, so that counting a request is a few additions. */
import type { Counter, Histogram, Metrics } from '../../observe/index.ts';

/** Seconds. */
const DURATION_BOUNDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

/** The cells of one route rule and backend. */
export class RouteCells {
  readonly duration: Histogram;
  readonly bytesIn: Counter;
  readonly bytesOut: Counter;
  readonly retries: Counter;
  readonly #byStatus: Array<Counter | undefined> = [];
  readonly #metrics: Metrics;
  readonly #labels: { route: string; backend: string };

  constructor(metrics: Metrics, labels: { route: string; backend: string }) {
    this.#metrics = metrics;
    this.#labels = labels;
    this.duration = metrics.histogram(
      'daemun_http_request_duration_seconds',
      'Time from request head to the end of the response',
      {
        labels: { route: labels.route },
        bounds: DURATION_BOUNDS,
      },
    );
    this.bytesIn = metrics.counter('daemun_http_request_body_bytes_total', 'Bytes of request bodies', labels);
    this.bytesOut = metrics.counter('daemun_http_response_body_bytes_total', 'Bytes of response bodies', labels);
    this.retries = metrics.counter('daemun_http_retries_total', 'Requests sent again to a backend', labels);
  }

  /** `status` 0: the client was gone before an answer. */
  answered(status: number): void {
    let cell = this.#byStatus[status];
    if (cell === undefined) {
      cell = this.#metrics.counter('daemun_http_requests_total', 'Requests by route, backend and status code', {
        ...this.#labels,
        code: String(status),
      });
      this.#byStatus[status] = cell;
    }
    cell.value++;
  }
}

export class Stats {
  readonly metrics: Metrics;
  readonly connections: Counter;
  readonly connectionsOpen: { value: number };
  readonly refused: Counter;
  readonly handshakesFailed: Counter;
  readonly #cells = new Map<string, Map<string, RouteCells>>();

  constructor(metrics: Metrics) {
    this.metrics = metrics;
    this.connections = metrics.counter('daemun_connections_total', 'Client connections accepted');
    this.connectionsOpen = metrics.gauge('daemun_connections_open', 'Client connections open now');
    this.handshakesFailed = metrics.counter(
      'daemun_tls_handshakes_failed_total',
      'TLS handshakes of clients that failed',
    );
    this.refused = metrics.counter(
      'daemun_http_malformed_requests_total',
      'Requests refused because they break the protocol',
    );
  }

  /** `route`: a RouteRule key, or ''; `backend`: a Backend key, or ''. */
  cells(route: string, backend: string): RouteCells {
    let byBackend = this.#cells.get(route);
    if (byBackend === undefined) this.#cells.set(route, (byBackend = new Map()));
    let cells = byBackend.get(backend);
    if (cells === undefined) byBackend.set(backend, (cells = new RouteCells(this.metrics, { route, backend })));
    return cells;
  }

  /** Drops the cells of rules that are gone. */
  forget(isServed: (route: string) => boolean): void {
    for (const route of this.#cells.keys()) if (route !== '' && !isServed(route)) this.#cells.delete(route);
    this.metrics.forget((_name, { route }) => route !== undefined && route !== '' && !isServed(route));
  }
}
