/** What is counted and logged of TCP and TLS connections and UDP sessions. */
import { type AccessEntry, type Counter, type Gauge, Grace, Metrics } from '../../observe/index.ts';

/**
 * Why a connection or session ended otherwise than it should have; '' where both sides ended it.
 * `no_route`: no rule takes it. `no_backend`: the chosen reference does not resolve. `no_endpoint`: the Backend has
 * none. `untrusted_source`: a PROXY header is required and the peer may not send one. `access_denied`, `rate_limited`, `policy_invalid`
 * and `filter_failed`: a policy did not let it pass. `limit`: a cap was reached. `evicted`: a full session table gave its place away. `drained`: the listener ended.
 */
export type StreamReason =
  | ''
  | 'no_route'
  | 'no_backend'
  | 'no_endpoint'
  | 'connect_refused'
  | 'connect_timeout'
  | 'connect_failed'
  | 'client_reset'
  | 'backend_reset'
  | 'idle_timeout'
  | 'hello_timeout'
  | 'bad_hello'
  | 'plain_http'
  | 'bad_proxy_header'
  | 'untrusted_source'
  | 'access_denied'
  | 'rate_limited'
  | 'policy_invalid'
  | 'filter_failed'
  | 'limit'
  | 'evicted'
  | 'drained';

export type StreamProtocol = 'tcp' | 'tls' | 'udp';

/** What one connection or session was. Times in milliseconds; `started` on the clock of `performance.now()`. */
export interface StreamRecord {
  protocol: StreamProtocol;
  listener: string;
  client: string;
  clientPort: number;
  /** Where TLS ends here, or ''. */
  tlsVersion: string;
  tlsCipher: string;
  /** SNI, or ''. */
  host: string;
  route: string;
  backend: string;
  endpoint: string;
  started: number;
  /** Until the backend's connection was open, or -1. */
  connected: number;
  bytesIn: number;
  bytesOut: number;
  attempts: number;
  reason: StreamReason;
  /** The policy that decided something about it, and what; or ''. */
  policy: string;
  decision: string;
}

/** The record of one that begins now. */
type Known = Pick<StreamRecord, 'protocol' | 'listener' | 'client' | 'host'>;

export function newRecord(
  of: Known & Partial<Pick<StreamRecord, 'clientPort' | 'tlsVersion' | 'tlsCipher'>>,
): StreamRecord {
  return {
    clientPort: 0,
    tlsVersion: '',
    tlsCipher: '',
    ...of,
    route: '',
    backend: '',
    endpoint: '',
    started: performance.now(),
    connected: -1,
    bytesIn: 0,
    bytesOut: 0,
    attempts: 0,
    reason: '',
    policy: '',
    decision: '',
  };
}

/** Listeners noted between two looks for such as are to be forgotten, where nobody asks for metrics. */
const NOTED_BETWEEN_LOOKS = 1_000;

interface Cells {
  readonly total: Counter;
  readonly active: Gauge;
  readonly bytesIn: Counter;
  readonly bytesOut: Counter;
}

export class StreamMeter {
  readonly #metrics: Metrics;
  readonly #onAccess: ((entry: AccessEntry) => void) | undefined;
  /** Whether the config has this Listener. */
  isServed: (listener: string) => boolean = () => true;
  readonly #cells = new Map<string, Cells>();
  readonly #listeners = new Set<string>();
  readonly #grace = new Grace();

  constructor(metrics: Metrics = new Metrics(), onAccess?: (entry: AccessEntry) => void) {
    this.#metrics = metrics;
    this.#onAccess = onAccess;
    metrics.collect(() => this.#forget());
  }

  opened(protocol: StreamProtocol, listener: string): void {
    const cells = this.#cellsOf(protocol, listener);
    cells.total.value++;
    cells.active.value++;
  }

  /** Of one that was `opened`. */
  closed(record: StreamRecord): void {
    const cells = this.#cellsOf(record.protocol, record.listener);
    cells.active.value--;
    cells.bytesIn.value += record.bytesIn;
    cells.bytesOut.value += record.bytesOut;
    this.#ended(record);
  }

  /** Of one that never came so far. */
  refused(record: StreamRecord): void {
    this.#ended(record);
  }

  /** Datagrams or connections thrown away without a record of their own. */
  dropped(protocol: StreamProtocol, listener: string, reason: StreamReason): void {
    this.#endedCell(protocol, listener, reason).value++;
  }

  /** Drops the rows of listeners that have been gone for a while, and of which nothing is under way. */
  #forget(): [] {
    const forgotten = new Set<string>();
    for (const listener of this.#listeners) {
      const live = this.isServed(listener) || this.#isActive(listener);
      if (!this.#grace.keeps(listener, live)) forgotten.add(listener);
    }
    if (forgotten.size === 0) return [];
    this.#metrics.forget((name, labels) => name.startsWith('daemun_stream_') && forgotten.has(labels.listener ?? ''));
    for (const listener of forgotten) this.#listeners.delete(listener);
    for (const key of this.#cells.keys()) if (forgotten.has(key.slice(key.indexOf(' ') + 1))) this.#cells.delete(key);
    return [];
  }

  #isActive(listener: string): boolean {
    return (['tcp', 'tls', 'udp'] as const).some((protocol) => {
      const cells = this.#cells.get(`${protocol} ${listener}`);
      return cells !== undefined && cells.active.value > 0;
    });
  }

  /** Listeners are looked at when they are shown, and now and then as they come. */
  #note(listener: string): void {
    if (this.#listeners.has(listener)) return;
    this.#listeners.add(listener);
    if (this.#listeners.size % NOTED_BETWEEN_LOOKS === 0) this.#forget();
  }

  #ended(record: StreamRecord): void {
    this.#endedCell(record.protocol, record.listener, record.reason).value++;
    if (this.#onAccess === undefined) return;
    const { started, connected, ...rest } = record;
    const duration = performance.now() - started;
    this.#onAccess({
      ...rest,
      time: Date.now() - duration,
      requestId: '',
      user: '',
      method: '',
      path: '',
      query: '',
      status: 0,
      duration,
      upstreamDuration: connected,
      referer: '',
      userAgent: '',
    });
  }

  #endedCell(protocol: StreamProtocol, listener: string, reason: StreamReason): Counter {
    this.#note(listener);
    const labels = { protocol, listener, reason: reason === '' ? 'complete' : reason };
    return this.#metrics.counter(
      'daemun_stream_ended_total',
      'TCP and TLS connections and UDP sessions ended.',
      labels,
    );
  }

  #cellsOf(protocol: StreamProtocol, listener: string): Cells {
    const key = `${protocol} ${listener}`;
    let cells = this.#cells.get(key);
    if (cells === undefined) {
      this.#note(listener);
      const labels = { protocol, listener };
      const m = this.#metrics;
      cells = {
        total: m.counter('daemun_stream_opened_total', 'TCP and TLS connections and UDP sessions begun.', labels),
        active: m.gauge('daemun_stream_active', 'TCP and TLS connections and UDP sessions under way.', labels),
        bytesIn: m.counter('daemun_stream_received_bytes_total', 'Bytes from clients, of ended streams.', labels),
        bytesOut: m.counter('daemun_stream_sent_bytes_total', 'Bytes to clients, of ended streams.', labels),
      };
      this.#cells.set(key, cells);
    }
    return cells;
  }
}
