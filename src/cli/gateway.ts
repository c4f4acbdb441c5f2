/** One run: control, its data planes, the admin API, and what people are told. */
import { type Acme, type AcmeSettings, openAcme } from '../acme/index.ts';
import { type Admin, startAdmin } from '../admin/index.ts';
import { Control, type ReportedDiagnostic } from '../control/index.ts';
import type { Applied, ListenerView, OwnFleet } from '../delivery/index.ts';
import { DaemunError, type Log, type MetricsSnapshot, mergeMetrics } from '../observe/index.ts';
import { CertificateFiles, type CertificateOption, type EndpointOption } from '../sources/index.ts';
import { socketName } from '../value/socket-name.ts';
import type { AdminSetup } from './admin-option.ts';
import type { Announcer } from './announce.ts';
import type { ClusterRun } from './cluster-run.ts';
import { Echoes } from './echo/index.ts';
import { EchoOverlay } from './echo-overlay.ts';
import { machineAddresses } from './every-address.ts';
import { type FleetSetup, openFleet } from './fleet.ts';
import { givenName, givenSockets } from './given-sockets.ts';
import { manifestSource } from './manifest-source.ts';
import { MemoryReturn } from './memory-return.ts';
import { RunMetrics } from './run-metrics.ts';
import type { Served } from './until-signal.ts';
import { packageVersion } from './version.ts';

export interface GatewayOptions {
  /** In the place of manifests. */
  cluster?: ClusterRun;
  /** Of a cluster: where clients reach the gateway. */
  publishedAddresses?: string[];
  paths: string[];
  /** Beside what the paths hold. */
  manifests?: string;
  /** Waits for paths that cannot be read yet. */
  wait?: boolean;
  setup: FleetSetup;
  workers: number;
  controllerNames?: string[];
  endpoints: EndpointOption[];
  /** Certificates from files. */
  certificates?: CertificateOption[];
  /** Obtain the certificates that Gateways lack; `everywhere`: also of those that do not ask for it. */
  acme?: AcmeSettings & { everywhere: boolean };
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

export class Gateway implements Served {
  readonly #options: GatewayOptions;
  readonly #voices: GatewayVoices;
  readonly #control: Control;
  readonly #echoes: Echoes | undefined;
  readonly #files: CertificateFiles;
  readonly #acme: Acme | undefined;
  readonly #metrics = new RunMetrics();
  readonly #memory = new MemoryReturn();
  readonly #told = new Map<string, ReportedDiagnostic>();
  #fleet: OwnFleet | undefined;
  #admin: Admin | undefined;
  #started = false;
  #ending = false;

  /** Begins to read; nothing is served before `start`. */
  constructor(options: GatewayOptions, voices: GatewayVoices) {
    this.#options = options;
    this.#voices = voices;
    const { cluster, paths, manifests, wait, controllerNames, endpoints, echoBackends, setup, publishedAddresses } =
      options;
    const { loopbackNames } = setup;
    this.#echoes = echoBackends ? new Echoes() : undefined;
    this.#files = new CertificateFiles(options.certificates ?? []);
    this.#acme = options.acme && openAcme(options.acme, voices.log);
    this.#control = new Control(
      {
        source: cluster?.source ?? manifestSource({ paths, endpoints, watch: true, manifests }),
        writer: cluster?.writer,
        publishedAddresses,
        machineAddresses: machineAddresses(),
        countries: setup.countryDatabase === undefined ? 'unknown' : 'known',
        wait,
        controllerNames,
        loopbackNames,
        provided: [this.#files.collection, ...(this.#acme ? [this.#acme.obtainer.collection] : [])],
        acme: options.acme?.everywhere,
        beside: this.#acme?.board.collection,
        prepared: async () => this.#acme?.obtainer.loaded(),
        ...(cluster || echoBackends ? {} : { unmeant: true, bareServices: 'warning' as const }),
        ...(cluster ? {} : { nothing: 'warning' as const }),
        log: voices.log,
        overlay: new EchoOverlay(this.#echoes),
      },
      {
        onAck: (ack) => voices.announcer.rejected(ack),
        onApplied: (applied) => this.#applied(applied),
        onHealth: ({ ready, reason }) => ready && voices.announcer.ready(reason),
        onListener: (listener) => voices.announcer.listener(listener),
      },
    );
  }

  /**
   * Resolves when the first config is served, as far as it can be. Throws for an admin address that was asked for, and for
   * manifests that cannot be read.
   */
  async start(): Promise<void> {
    const { announcer, log } = this.#voices;
    await this.#files.start();
    await this.#startAdmin();
    if (this.#ending) return;
    const { workers } = this.#options;
    const { address } = this.#admin ?? {};
    const setup = { ...this.#options.setup, ownAddresses: address === undefined ? [] : [address] };
    this.#obtain();
    await this.#control.start((events) => {
      this.#fleet = openFleet(workers, setup, events);
      return this.#fleet;
    });
    if (!this.#ending) this.#options.cluster?.begin();
    this.#control.pipeline.source.onReload?.(({ error }) => {
      if (error) log.error({ error: error.message }, 'reload failed; what was there stays in use');
      announcer.problems(this.#newProblems());
    });
    for (const { collection } of [this.#files, ...(this.#acme ? [this.#acme.obtainer] : [])]) {
      collection.subscribe(() => announcer.problems(this.#newProblems()));
    }
  }

  #obtain(): void {
    const { config, deliveries, wanted } = this.#control.pipeline;
    this.#acme?.board.watch({ config, deliveries });
    this.#acme?.obtainer.follow(wanted);
  }

  /** Looks at the manifests now. */
  reload(): void {
    this.#voices.log.info({}, 'reading the manifests again, as asked');
    this.#control.reload();
    void this.#files.look();
  }

  listeners(): ListenerView[] {
    return this.#control.listeners();
  }

  /** Load balancers are told to send no more. */
  leave(): void {
    this.#control.leave();
  }

  /** Requests under way finish; then everything is closed. */
  async drain(): Promise<void> {
    this.#ending = true;
    this.#files.stop();
    // Another may write as soon as this one goes.
    await this.#options.cluster?.close();
    this.#acme?.obtainer.stop();
    await this.#control.drain(this.#options.drainTimeout);
    await this.#echoes?.close();
    await this.#admin?.close();
  }

  /** Ends at once, whatever is under way. */
  async end(): Promise<void> {
    this.#ending = true;
    this.#files.stop();
    this.#acme?.obtainer.stop();
    await this.#control.end();
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
          readiness: () => ({ ...control.health(), checks: control.checks() }),
          metrics: async () =>
            mergeMetrics([
              ...(await control.metrics()),
              ...this.#ofCluster(),
              ...(this.#acme ? [this.#acme.obtainer.metrics()] : []),
              this.#metrics.families(control.snapshot),
            ]),
          status: () => control.report(),
          config: () => control.snapshot,
          listeners: () => control.listeners(),
          graph: () => control.graph(),
          purge: async (purge) => (await this.#fleet?.purge(purge)) ?? { proxies: [], unanswered: [] },
        },
      );
    } catch (error) {
      if (!(error instanceof DaemunError)) throw error;
      if (admin.asked) {
        const { code, message } = error;
        throw new DaemunError(code, `--admin ${message}; choose another address, or off`, { cause: error });
      }
      this.#voices.log.warn({ code: error.code }, `no admin API: ${error.message}; choose another with --admin`);
    }
  }

  #ofCluster(): MetricsSnapshot[] {
    const { cluster } = this.#options;
    return cluster === undefined ? [] : [cluster.metrics()];
  }

  #applied(applied: Applied): void {
    this.#memory.changed(applied.upserts + applied.removals);
    if (this.#started) this.#voices.announcer.applied(applied);
    else this.#tellStart();
    this.#started = true;
  }

  #tellStart(): void {
    const { snapshot } = this.#control;
    const listeners = this.listeners();
    this.#voices.announcer.started({
      version: packageVersion(),
      problems: this.#newProblems(),
      listeners,
      rules: snapshot.of('RouteRule').size,
      backends: snapshot.of('Backend').size,
      echoes: this.#echoes?.keys().length ?? 0,
      workers: this.#options.workers,
      admin: this.#admin?.address,
    });
    this.#tellUnused(listeners);
  }

  /** What no listener has at the start may be for one that comes later. */
  #tellUnused(listeners: readonly ListenerView[]): void {
    for (const [from, to] of this.#options.setup.portMap) {
      if (listeners.some(({ port }) => port === from)) continue;
      this.#voices.log.warn({}, `--port-map ${from}=${to} is not used: no listener has port ${from}`);
    }
    const bound = new Set(listeners.flatMap((listener) => listener.bound));
    for (const one of givenSockets().sockets) {
      if (bound.has(socketName(one.address, one.port))) continue;
      this.#voices.log.warn({}, `${givenName(one)} is not used: no listener has it`);
    }
  }

  /** Diagnostics that were not there at the last look. */
  #newProblems(): ReportedDiagnostic[] {
    const diagnostics = this.#control.problems();
    const known = new Map(this.#told);
    this.#told.clear();
    const idOf = ({ file, object, field, message }: ReportedDiagnostic) => [file, object, field, message].join('\n');
    for (const one of diagnostics) this.#told.set(idOf(one), one);
    this.#tellFixed(known);
    return diagnostics.filter((one) => !known.has(idOf(one)));
  }

  /** Files that had errors, and have none. */
  #tellFixed(before: ReadonlyMap<string, ReportedDiagnostic>): void {
    const broken = (all: ReadonlyMap<string, ReportedDiagnostic>) =>
      new Set([...all.values()].flatMap(({ severity, file }) => (severity === 'error' && file !== '' ? [file] : [])));
    const now = broken(this.#told);
    for (const file of broken(before)) if (!now.has(file)) this.#voices.log.info({ file }, 'fixed: no error is left');
  }
}
