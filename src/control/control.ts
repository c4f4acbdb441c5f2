/** From sources to what the data planes were told and what they said: one composition for `run`, a controller and tests. */
import { type Ack, Snapshot } from '../config/index.ts';
import {
  type Applied,
  type Health,
  type HealthCheck,
  type HealthFacts,
  healthChecks,
  healthOf,
  ListenerChanges,
  type ListenerView,
  type Phase,
  servingMetrics,
} from '../delivery/index.ts';
import type { CollectionView } from '../graph/index.ts';
import { DaemunError, type Log, Metrics, type MetricsSnapshot } from '../observe/index.ts';
import type { Overlay } from './config-pump.ts';
import { type Feeding, type FeedingParts, type OpenFleet, SharedFeeding } from './feeding.ts';
import { GatewayFeeding } from './gateway-feeding.ts';
import { openPipeline, type Pipeline, type PipelineOptions } from './pipeline.ts';
import type { Report, ReportedDiagnostic } from './report.ts';
import { TroubleBook } from './trouble-book.ts';

export interface ControlOptions extends PipelineOptions {
  /** Passes every change on its way to the data planes. */
  overlay?: Overlay;
  /** Awaited when the source is read, before anything is sent: what would else come a moment later. */
  prepared?(): Promise<void>;
  /** Waits for paths that cannot be read at the start; without it, the start fails. */
  wait?: boolean;
  log: Log;
}

/** What happens, for whoever tells of it. */
export interface ControlEvents {
  onAck?(ack: Ack): void;
  /** Every data plane has answered to a version; the first one makes the run synced. */
  onApplied?(applied: Applied): void;
  onHealth?(health: Health): void;
  /** It serves since now, or does so no longer, or fails from the start. */
  onListener?(listener: ListenerView): void;
}

export interface GraphView {
  /** `synced`: when the source last knew all of the outside; absent before the first time. */
  sources: Array<{ name: string; synced?: string | undefined; objects: number }>;
  /** In the order in which they settle. */
  collections: CollectionView[];
}

export class Control {
  readonly pipeline: Pipeline;
  readonly #options: ControlOptions;
  readonly #events: ControlEvents;
  readonly #metrics = new Metrics();
  readonly #synced = Promise.withResolvers<void>();
  readonly #troubles: TroubleBook;
  #feeding: Feeding | undefined;
  #phase: Phase = 'reading';
  #missing = '';
  #told: Health = { ready: false, reason: '' };
  readonly #changes = new ListenerChanges();

  /** Begins to read its sources; nothing is sent before `start`. */
  constructor(options: ControlOptions, events: ControlEvents = {}) {
    this.#options = options;
    this.#events = events;
    this.#troubles = new TroubleBook(options.log);
    this.pipeline = openPipeline(options);
  }

  /**
   * Resolves when every data plane has answered to the first config; where each Gateway has its own, when it has gone
   * out. Throws a DaemunError for paths that cannot be read.
   */
  async start(open: OpenFleet): Promise<void> {
    const { overlay, perGateway, log } = this.#options;
    const parts: FeedingParts = {
      pipeline: this.pipeline,
      overlay,
      open,
      onAck: (ack) => this.#events.onAck?.(ack),
      onTroubles: ({ proxy, troubles, subjectOf }) => this.#troubles.take(proxy, troubles, subjectOf),
      onReviewed: () => this.#reviewed(),
      onApplied: (applied) => this.#applied(applied),
      onDelivered: () => this.#delivered(),
      log,
    };
    // Data planes start while the sources are read.
    this.#feeding = perGateway ? new GatewayFeeding(parts) : new SharedFeeding(parts);
    await this.pipeline.source.ready;
    await this.#readable();
    await this.#options.prepared?.();
    if (this.#phase !== 'reading') return;
    this.#phase = 'delivering';
    this.#feeding.start();
    await this.#synced.promise;
  }

  /** What the data planes were told to serve. */
  get snapshot(): Snapshot {
    return this.#feeding?.snapshot ?? Snapshot.EMPTY;
  }

  listeners(): ListenerView[] {
    return this.#feeding?.listeners() ?? [];
  }

  health(): Health {
    return healthOf(this.#facts());
  }

  /** What the answer of `health` is made of, and each listener. */
  checks(): HealthCheck[] {
    return healthChecks(this.#facts());
  }

  /** Looks at the sources now, whether or not anybody reported a change. */
  reload(): void {
    this.pipeline.source.reload?.();
  }

  /** With what the data planes meet at endpoints, which is no fault of the manifests. */
  report(): Report {
    return this.pipeline.report(this.#troubles.findings());
  }

  problems(): ReportedDiagnostic[] {
    return this.pipeline.problems();
  }

  /** What is computed of what, and how often it was: for whoever looks for the cause of a result or of a cost. */
  graph(): GraphView {
    const { source } = this.pipeline;
    const objects = Object.values(source.collections).reduce((sum, { size }) => sum + size, 0);
    const sources = [{ name: source.name, synced: source.synced?.toISOString(), objects }];
    return { sources, collections: this.pipeline.graph() };
  }

  /** Of control and of all data planes: one snapshot each. */
  async metrics(): Promise<MetricsSnapshot[]> {
    const metrics = this.#metrics;
    const { name: source, synced } = this.pipeline.source;
    const at = metrics.gauge('daemun_source_synced_timestamp_seconds', 'When the source was last read whole.', {
      source,
    });
    at.value = (synced?.getTime() ?? 0) / 1000;
    const diagnostics = this.problems();
    for (const severity of ['error', 'warning'] as const) {
      const cell = metrics.gauge('daemun_diagnostics', 'Problems found in the manifests.', { severity });
      cell.value = diagnostics.filter((one) => one.severity === severity).length;
    }
    return [...((await this.#feeding?.metrics()) ?? []), metrics.snapshot(), this.#serving()];
  }

  /** No longer ready; all else goes on. */
  leave(): void {
    this.#phase = 'draining';
  }

  /** No further changes; the data planes drain. At any time, also before the start is complete. */
  async drain(timeout: number): Promise<void> {
    this.#phase = 'draining';
    this.#feeding?.stop();
    await this.pipeline.source.close();
    await this.#feeding?.drain(timeout);
  }

  /** Ends the data planes, whatever is under way. */
  async end(): Promise<void> {
    this.#phase = 'draining';
    this.#feeding?.stop();
    // What is being read is not waited for.
    void this.pipeline.source.close();
    await this.#feeding?.end();
  }

  #serving(): MetricsSnapshot {
    const { ready } = this.health();
    return servingMetrics({ ready, count: (kind) => this.snapshot.of(kind).size, listeners: this.listeners() });
  }

  #facts(): HealthFacts {
    const workers = this.#feeding?.workers;
    return { phase: this.#phase, missing: this.#missing, listeners: this.listeners(), workers };
  }

  async #readable(): Promise<void> {
    const { source } = this.pipeline;
    const missing = () => (source.unreadable ?? []).map(({ path, error }) => `${path}: ${error}`).join('; ');
    this.#missing = missing();
    if (this.#missing === '') return;
    if (!this.#options.wait) throw new DaemunError('DMN_MANIFESTS_UNREADABLE', this.#missing);
    this.#options.log.warn({}, `waiting for ${this.#missing}`);
    await new Promise<void>((resolve) => {
      const stop = source.onReload?.(() => {
        this.#missing = missing();
        if (this.#missing !== '') return;
        stop?.();
        resolve();
      });
    });
  }

  #reviewed(): void {
    if (this.#phase === 'synced') this.#tell();
  }

  #applied(applied: Applied): void {
    const first = this.#phase === 'delivering';
    if (first) this.#phase = 'synced';
    this.#events.onApplied?.(applied);
    if (first) this.#begun();
  }

  /** Of a Gateway's own data planes there may be none yet: they are not waited for. */
  #delivered(): void {
    if (this.#phase !== 'delivering') return;
    this.#phase = 'synced';
    this.#begun();
  }

  #begun(): void {
    this.#tell();
    this.#synced.resolve();
  }

  #tell(): void {
    const health = this.health();
    if (health.ready !== this.#told.ready) this.#events.onHealth?.(health);
    this.#told = health;
    for (const listener of this.#changes.of(this.listeners())) this.#events.onListener?.(listener);
  }
}
