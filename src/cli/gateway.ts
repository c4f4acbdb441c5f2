/** One run: manifests to traffic, with its admin API. The composition of all the other parts. */
import { type Admin, type Readiness, startAdmin } from '../admin/index.ts';
import type { Ack } from '../config/index.ts';
import { DaemunError, type Log, Metrics, type MetricsSnapshot, mergeMetrics } from '../observe/index.ts';
import type { EndpointOption } from '../sources/index.ts';
import type { AdminSetup } from './admin-option.ts';
import type { Announcer } from './announce.ts';
import { Echoes } from './echo/index.ts';
import { EchoOverlay } from './echo-overlay.ts';
import { type Applied, Feed } from './feed.ts';
import { type ListenerView, listenerViews } from './listener-view.ts';
import { openPipeline, type Pipeline } from './pipeline.ts';
import { type DataPlane, openPlane, type PlaneSetup } from './plane/index.ts';
import { readinessOf } from './readiness.ts';
import type { ReportedDiagnostic } from './report/index.ts';
import { packageVersion } from './version.ts';

export interface GatewayOptions {
  paths: string[];
  setup: PlaneSetup;
  workers: number;
  controllerNames?: string[];
  endpoints: EndpointOption[];
  echoBackends: boolean;
  /** Absent: no admin API. */
  admin?: AdminSetup;
  /** Milliseconds. */
  drainTimeout: number;
}

export interface GatewayVoices {
  log: Log;
  announcer: Announcer;
}

export class Gateway {
  readonly #options: GatewayOptions;
  readonly #voices: GatewayVoices;
  readonly #pipeline: Pipeline;
  readonly #feed: Feed;
  readonly #echoes: Echoes | undefined;
  readonly #metrics = new Metrics();
  readonly #synced = Promise.withResolvers<void>();
  readonly #told = new Set<string>();
  #plane: DataPlane | undefined;
  #admin: Admin | undefined;
  #isSynced = false;
  #draining = false;
  #readiness: Readiness = { ready: false, reason: '' };

  private constructor(options: GatewayOptions, voices: GatewayVoices) {
    this.#options = options;
    this.#voices = voices;
    const { paths, controllerNames, endpoints, echoBackends } = options;
    this.#pipeline = openPipeline({ paths, watch: true, controllerNames, endpoints });
    this.#echoes = echoBackends ? new Echoes() : undefined;
    this.#feed = new Feed({
      config: this.#pipeline.config,
      overlay: new EchoOverlay(this.#echoes),
      acks: this.#pipeline.acks,
      deliveries: this.#pipeline.deliveries,
      onApplied: (applied) => this.#applied(applied),
    });
  }

  /** Resolves when the first config is served, as far as it can be. Throws for an admin address that was asked for. */
  static async start(options: GatewayOptions, voices: GatewayVoices): Promise<Gateway> {
    const gateway = new Gateway(options, voices);
    await gateway.#startAdmin();
    await gateway.#pipeline.source.ready;
    gateway.#plane = await openPlane(options.workers, options.setup, {
      onAck: (ack) => gateway.#acknowledged(ack),
      full: () => gateway.#feed.snapshot.full(),
      log: voices.log,
    });
    gateway.#feed.start(gateway.#plane);
    await gateway.#synced.promise;
    gateway.#pipeline.source.onReload(({ error }) => {
      if (error) voices.log.error({ error: error.message }, 'reload failed; what was there stays in use');
      voices.announcer.problems(gateway.#newProblems());
    });
    return gateway;
  }

  listeners(): ListenerView[] {
    return this.#plane ? listenerViews(this.#feed.snapshot, this.#pipeline.acks, this.#plane.names) : [];
  }

  readiness(): Readiness {
    return readinessOf({ synced: this.#isSynced, draining: this.#draining, listeners: this.listeners() });
  }

  /** Requests under way finish; then everything is closed. */
  async drain(): Promise<void> {
    this.#draining = true;
    this.#feed.stop();
    await this.#pipeline.source.close();
    await this.#plane?.drain(this.#options.drainTimeout);
    await this.#echoes?.close();
    await this.#admin?.close();
  }

  async #startAdmin(): Promise<void> {
    const { admin } = this.#options;
    if (!admin) return;
    try {
      this.#admin = await startAdmin(
        { ...admin.address, token: admin.token },
        {
          readiness: () => this.readiness(),
          metrics: () => this.#snapshotMetrics(),
          status: () => this.#pipeline.report(),
          config: () => this.#feed.snapshot,
          listeners: () => this.listeners(),
        },
      );
    } catch (error) {
      if (admin.asked || !(error instanceof DaemunError)) throw error;
      this.#voices.log.warn({ code: error.code }, `no admin API: ${error.message}; choose another with --admin`);
    }
  }

  #acknowledged(ack: Ack): void {
    this.#voices.announcer.rejected(ack);
    this.#feed.acknowledge(ack);
    if (this.#isSynced) this.#tellReadiness();
  }

  #applied(applied: Applied): void {
    if (this.#isSynced) {
      this.#voices.announcer.applied(applied);
      return;
    }
    this.#isSynced = true;
    this.#tellStart();
    this.#tellReadiness();
    this.#synced.resolve();
  }

  #tellStart(): void {
    const { snapshot } = this.#feed;
    this.#voices.announcer.started({
      version: packageVersion(),
      problems: this.#newProblems(),
      listeners: this.listeners(),
      rules: snapshot.of('RouteRule').size,
      backends: snapshot.of('Backend').size,
      echoes: this.#echoes?.keys().length ?? 0,
      workers: this.#options.workers,
      admin: this.#admin?.address,
    });
  }

  #tellReadiness(): void {
    const { ready, reason } = this.readiness();
    if (ready === this.#readiness.ready && reason === this.#readiness.reason) return;
    const changed = ready !== this.#readiness.ready || !ready;
    this.#readiness = { ready, reason };
    if (!changed) return;
    if (ready) this.#voices.announcer.ready(reason);
    else this.#voices.announcer.notReady(reason);
  }

  /** Diagnostics that were not there at the last look. */
  #newProblems(): ReportedDiagnostic[] {
    const diagnostics = this.#pipeline.problems();
    const known = new Set(this.#told);
    this.#told.clear();
    const idOf = ({ file, object, field, message }: ReportedDiagnostic) => [file, object, field, message].join('\n');
    for (const one of diagnostics) this.#told.add(idOf(one));
    return diagnostics.filter((one) => !known.has(idOf(one)));
  }

  async #snapshotMetrics(): Promise<MetricsSnapshot> {
    const metrics = this.#metrics;
    metrics.gauge('daemun_ready', 'Whether every listener serves.').value = this.readiness().ready ? 1 : 0;
    for (const kind of ['Listener', 'RouteRule', 'Backend', 'Endpoints', 'Certificate'] as const) {
      const cell = metrics.gauge('daemun_config_objects', 'Objects that the data planes were told to serve.', { kind });
      cell.value = this.#feed.snapshot.of(kind).size;
    }
    const diagnostics = this.#pipeline.problems();
    for (const severity of ['error', 'warning'] as const) {
      const cell = metrics.gauge('daemun_diagnostics', 'Problems found in the manifests.', { severity });
      cell.value = diagnostics.filter((one) => one.severity === severity).length;
    }
    return mergeMetrics([...((await this.#plane?.metrics()) ?? []), metrics.snapshot()]);
  }
}
