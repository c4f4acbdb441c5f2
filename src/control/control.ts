/** From sources to what the data planes were told and what they said: one composition for `run`, a controller and tests. */
import type { Ack, Snapshot } from '../config/index.ts';
import type { Fleet, FleetEvents } from '../delivery/index.ts';
import { type Log, Metrics, type MetricsSnapshot } from '../observe/index.ts';
import { type Applied, Feed, type Overlay } from './feed.ts';
import { type Health, healthOf } from './health.ts';
import { type ListenerView, listenerViews } from './listener-view.ts';
import { openPipeline, type Pipeline, type PipelineOptions } from './pipeline.ts';
import type { Report, ReportedDiagnostic } from './report.ts';

export interface ControlOptions extends Omit<PipelineOptions, 'watch'> {
  /** Passes every change on its way to the data planes. */
  overlay?: Overlay;
  log: Log;
}

/** What happens, for whoever tells of it. */
export interface ControlEvents {
  onAck?(ack: Ack): void;
  /** Every data plane has answered to a version; the first one makes the run synced. */
  onApplied?(applied: Applied): void;
  onHealth?(health: Health): void;
}

export class Control {
  readonly pipeline: Pipeline;
  readonly #options: ControlOptions;
  readonly #events: ControlEvents;
  readonly #feed: Feed;
  readonly #metrics = new Metrics();
  readonly #synced = Promise.withResolvers<void>();
  #fleet: Fleet | undefined;
  #isSynced = false;
  #draining = false;
  #told: Health = { ready: false, reason: '' };

  /** Begins to read its sources; nothing is sent before `start`. */
  constructor(options: ControlOptions, events: ControlEvents = {}) {
    this.#options = options;
    this.#events = events;
    this.pipeline = openPipeline({ ...options, watch: true });
    const { config, acks, deliveries } = this.pipeline;
    const { overlay } = options;
    this.#feed = new Feed({
      config,
      acks,
      deliveries,
      onApplied: (applied) => this.#applied(applied),
      ...(overlay ? { overlay } : {}),
    });
  }

  /** Resolves when every data plane has answered to the first config. */
  async start(open: (events: FleetEvents) => Fleet): Promise<void> {
    // Data planes start while the sources are read.
    this.#fleet = open({
      onAck: (ack) => this.#acknowledged(ack),
      full: () => this.#feed.snapshot.full(),
      log: this.#options.log,
    });
    await this.pipeline.source.ready;
    this.#feed.start(this.#fleet);
    await this.#synced.promise;
  }

  /** What the data planes were told to serve. */
  get snapshot(): Snapshot {
    return this.#feed.snapshot;
  }

  listeners(): ListenerView[] {
    return this.#fleet ? listenerViews(this.snapshot, this.pipeline.acks, this.#fleet.names) : [];
  }

  health(): Health {
    return healthOf({ synced: this.#isSynced, draining: this.#draining, listeners: this.listeners() });
  }

  report(): Report {
    return this.pipeline.report();
  }

  problems(): ReportedDiagnostic[] {
    return this.pipeline.problems();
  }

  /** Of control and of all data planes: one snapshot each. */
  async metrics(): Promise<MetricsSnapshot[]> {
    const metrics = this.#metrics;
    metrics.gauge('daemun_ready', 'Whether every listener serves.').value = this.health().ready ? 1 : 0;
    for (const kind of ['Listener', 'RouteRule', 'Backend', 'Endpoints', 'Certificate'] as const) {
      const cell = metrics.gauge('daemun_config_objects', 'Objects that the data planes were told to serve.', { kind });
      cell.value = this.snapshot.of(kind).size;
    }
    const diagnostics = this.problems();
    for (const severity of ['error', 'warning'] as const) {
      const cell = metrics.gauge('daemun_diagnostics', 'Problems found in the manifests.', { severity });
      cell.value = diagnostics.filter((one) => one.severity === severity).length;
    }
    return [...((await this.#fleet?.metrics()) ?? []), metrics.snapshot()];
  }

  /** No further changes; the data planes drain. */
  async drain(timeout: number): Promise<void> {
    this.#draining = true;
    this.#feed.stop();
    await this.pipeline.source.close();
    await this.#fleet?.drain(timeout);
  }

  #acknowledged(ack: Ack): void {
    this.#events.onAck?.(ack);
    this.#feed.acknowledge(ack);
    if (this.#isSynced) this.#tellHealth();
  }

  #applied(applied: Applied): void {
    const first = !this.#isSynced;
    this.#isSynced = true;
    this.#events.onApplied?.(applied);
    if (!first) return;
    this.#tellHealth();
    this.#synced.resolve();
  }

  #tellHealth(): void {
    const { ready, reason } = this.health();
    const before = this.#told;
    if (ready === before.ready && reason === before.reason) return;
    this.#told = { ready, reason };
    if (ready !== before.ready || !ready) this.#events.onHealth?.({ ready, reason });
  }
}
