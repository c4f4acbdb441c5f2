/** One run: control, its data planes, the admin API, and what people are told. */
import { type Admin, startAdmin } from '../admin/index.ts';
import { type Applied, Control, type Health, type ListenerView, type ReportedDiagnostic } from '../control/index.ts';
import { DaemunError, type Log, mergeMetrics } from '../observe/index.ts';
import type { EndpointOption } from '../sources/index.ts';
import type { AdminSetup } from './admin-option.ts';
import type { Announcer } from './announce.ts';
import { Echoes } from './echo/index.ts';
import { EchoOverlay } from './echo-overlay.ts';
import { type FleetSetup, openFleet } from './fleet.ts';
import { packageVersion } from './version.ts';

export interface GatewayOptions {
  paths: string[];
  setup: FleetSetup;
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
  readonly #control: Control;
  readonly #echoes: Echoes | undefined;
  readonly #told = new Set<string>();
  #admin: Admin | undefined;
  #started = false;

  private constructor(options: GatewayOptions, voices: GatewayVoices) {
    this.#options = options;
    this.#voices = voices;
    const { paths, controllerNames, endpoints, echoBackends } = options;
    this.#echoes = echoBackends ? new Echoes() : undefined;
    this.#control = new Control(
      { paths, controllerNames, endpoints, log: voices.log, overlay: new EchoOverlay(this.#echoes) },
      {
        onAck: (ack) => voices.announcer.rejected(ack),
        onApplied: (applied) => this.#applied(applied),
        onHealth: (health) => this.#tellHealth(health),
      },
    );
  }

  /** Resolves when the first config is served, as far as it can be. Throws for an admin address that was asked for. */
  static async start(options: GatewayOptions, voices: GatewayVoices): Promise<Gateway> {
    const gateway = new Gateway(options, voices);
    await gateway.#startAdmin();
    await gateway.#control.start((events) => openFleet(options.workers, options.setup, events));
    gateway.#control.pipeline.source.onReload(({ error }) => {
      if (error) voices.log.error({ error: error.message }, 'reload failed; what was there stays in use');
      voices.announcer.problems(gateway.#newProblems());
    });
    return gateway;
  }

  listeners(): ListenerView[] {
    return this.#control.listeners();
  }

  /** Requests under way finish; then everything is closed. */
  async drain(): Promise<void> {
    await this.#control.drain(this.#options.drainTimeout);
    await this.#echoes?.close();
    await this.#admin?.close();
  }

  async #startAdmin(): Promise<void> {
    const { admin } = this.#options;
    if (!admin) return;
    const control = this.#control;
    try {
      this.#admin = await startAdmin(
        { ...admin.address, token: admin.token },
        {
          readiness: () => control.health(),
          metrics: async () => mergeMetrics(await control.metrics()),
          status: () => control.report(),
          config: () => control.snapshot,
          listeners: () => control.listeners(),
        },
      );
    } catch (error) {
      if (admin.asked || !(error instanceof DaemunError)) throw error;
      this.#voices.log.warn({ code: error.code }, `no admin API: ${error.message}; choose another with --admin`);
    }
  }

  #applied(applied: Applied): void {
    if (this.#started) this.#voices.announcer.applied(applied);
    else this.#tellStart();
    this.#started = true;
  }

  #tellStart(): void {
    const { snapshot } = this.#control;
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

  #tellHealth({ ready, reason }: Health): void {
    if (ready) this.#voices.announcer.ready(reason);
    else this.#voices.announcer.notReady(reason);
  }

  /** Diagnostics that were not there at the last look. */
  #newProblems(): ReportedDiagnostic[] {
    const diagnostics = this.#control.problems();
    const known = new Set(this.#told);
    this.#told.clear();
    const idOf = ({ file, object, field, message }: ReportedDiagnostic) => [file, object, field, message].join('\n');
    for (const one of diagnostics) this.#told.add(idOf(one));
    return diagnostics.filter((one) => !known.has(idOf(one)));
  }
}
