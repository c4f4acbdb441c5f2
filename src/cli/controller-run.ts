/** `daemun controller` from its start to its end: what is read, what is sent to data planes, and what is made and written. */
import { type Admin, startAdmin } from '../admin/index.ts';
import { Authority, type ServiceAccount, STREAM_AUDIENCE, tokenReview } from '../authority/index.ts';
import { Control } from '../control/index.ts';
import { openStream, RemoteFleets, type StreamServer } from '../delivery/stream/index.ts';
import type { Change } from '../graph/index.ts';
import { createLog, type Log, type LogFormat, type LogLevel, Metrics, mergeMetrics } from '../observe/index.ts';
import { InfrastructureReconciler, type InfrastructureSettings } from '../reconcile/index.ts';
import type { Diagnostic } from '../sources/index.ts';
import { infrastructureName, nameLabelValue } from '../value/infrastructure-name.ts';
import type { AdminSetup } from './admin-option.ts';
import { ClusterRun, type ClusterSetup } from './cluster-run.ts';
import { EXIT } from './exit-code.ts';
import { RunMetrics } from './run-metrics.ts';
import type { Signals } from './signal.ts';
import { growSlowly } from './slow-growth.ts';
import { followUserServices, userServices } from './user-service.ts';
import { packageVersion } from './version.ts';

export interface ControllerSetup {
  cluster: ClusterSetup;
  /** Of data planes. */
  image: string;
  streamPort: number;
  streamAddress?: string | undefined;
  /** `namespace/name`. */
  publishService?: string | undefined;
  podNamespace?: string | undefined;
  admin?: AdminSetup | undefined;
  logLevel: LogLevel;
  logFormat: LogFormat;
  signals: Signals;
}

export async function runController(setup: ControllerSetup): Promise<void> {
  const { signals, logLevel, logFormat } = setup;
  growSlowly();
  const log = await createLog({ level: logLevel, format: logFormat });
  const run = new ControllerRun(setup, await ClusterRun.open(setup.cluster, log), log);
  void signals.end.then(() => process.exit(EXIT.refused));
  const started = run.start();
  try {
    // A signal during the start does not wait for it.
    await Promise.race([started, signals.drain]);
  } catch (error) {
    await run.close();
    throw error;
  }
  const signal = await signals.drain;
  log.info({ signal }, 'ends: data planes go on with what they have');
  await run.close();
  process.exit(EXIT.ok);
}

/** In the controller's own namespace. */
const AUTHORITY_SECRET = 'daemun-authority';

class ControllerRun {
  readonly #setup: ControllerSetup;
  readonly #cluster: ClusterRun;
  readonly #log: Log;
  readonly #control: Control;
  readonly #fleets: RemoteFleets;
  readonly #infrastructure: InfrastructureReconciler;
  readonly #metrics = new Metrics();
  readonly #runMetrics = new RunMetrics();
  #authority: Authority | undefined;
  #stream: StreamServer | undefined;
  #admin: Admin | undefined;

  constructor(setup: ControllerSetup, cluster: ClusterRun, log: Log) {
    this.#setup = setup;
    this.#cluster = cluster;
    this.#log = log;
    const { controllerNames, namespaces } = setup.cluster;
    const { source, writer, client } = cluster;
    this.#control = new Control({ source, writer, controllerNames, perGateway: true, log });
    const { collections, diagnostics } = this.#control.pipeline.source;
    diagnostics.subscribe((changes) => this.#tell(changes));
    this.#fleets = new RemoteFleets({ isEnding: (gateway, name) => this.#infrastructure.isEnding(gateway, name) });
    this.#infrastructure = new InfrastructureReconciler({
      client,
      namespaces,
      classOf: (gateway) => collections.Gateway.get(`Gateway/${gateway}`)?.spec.gatewayClassName,
      isForeign: (label) =>
        Array.from(collections.GatewayClass.values()).some(
          ({ metadata, spec }) =>
            nameLabelValue(metadata.name) === label && !controllerNames.includes(spec.controllerName),
        ),
      published: { fallback: setup.publishService, ...userServices(collections) },
      onState: (key, value) => this.#control.pipeline.addresses.apply([value === undefined ? { key } : { key, value }]),
      onWrite: (verb, kind) => this.#written(verb, kind).value++,
      onPodEnding: (gateway, name) => this.#fleets.at(gateway)?.ending(name),
      log,
    });
    followUserServices(collections, (names) => this.#infrastructure.published(names));
  }

  /** What it met in reading the cluster, once until it changes. */
  #tell(changes: ReadonlyArray<Change<Diagnostic>>): void {
    for (const { before, after } of changes) {
      if (after === undefined || after.message === before?.message) continue;
      const say = after.severity === 'info' ? 'info' : 'warn';
      this.#log[say](after.object === '' ? {} : { object: after.object }, after.message);
    }
  }

  async start(): Promise<void> {
    await this.#startAdmin();
    await this.#control.start((events, gateway) => this.#fleets.open(gateway, events));
    await this.#openStream();
    const { infrastructure } = this.#control.pipeline;
    this.#infrastructure.write(Array.from(infrastructure.entries(), ([key, after]) => ({ key, after })));
    infrastructure.subscribe((changes) => this.#infrastructure.write(changes));
    this.#cluster.follow(this.#infrastructure);
    this.#cluster.begin();
  }

  async close(): Promise<void> {
    // Another may write as soon as this one goes.
    await this.#cluster.close();
    await this.#infrastructure.close();
    this.#authority?.close();
    await this.#stream?.close();
    await this.#control.end();
    await this.#admin?.close();
  }

  async #openStream(): Promise<void> {
    const { client } = this.#cluster;
    const { streamPort: port } = this.#setup;
    const log = this.#log;
    const { namespace, stream } = this.#settings('');
    const { hostname } = new URL(stream);
    const authority = await Authority.open({
      client,
      namespace,
      name: AUTHORITY_SECRET,
      serverNames: [hostname, `${hostname}.cluster.local`],
      log,
    });
    this.#authority = authority;
    const authenticate = tokenReview({ client, gatewayOf: (account) => this.#gatewayOf(account) });
    const version = packageVersion();
    const fleets = this.#fleets;
    const tls = authority.pair;
    this.#stream = await openStream({ port, tls, authenticate, fleets, version, leading: false, log });
    log.info({ port: this.#stream.port }, 'the config stream listens');
    this.#cluster.follow({ lead: (leading) => this.#stream?.lead(leading), resync() {} });
    this.#infrastructure.configure(this.#settings(authority.bundle));
    authority.onChange(() => {
      this.#stream?.renew(authority.pair);
      this.#infrastructure.configure(this.#settings(authority.bundle));
    });
  }

  /** Of all Gateways of an account's namespace at most one has infrastructure of its name. */
  #gatewayOf({ namespace, name }: ServiceAccount): string | undefined {
    for (const wanted of this.#control.pipeline.infrastructure.values()) {
      if (wanted.namespace !== namespace) continue;
      if (infrastructureName(wanted.name) === name) return `${namespace}/${wanted.name}`;
    }
    return undefined;
  }

  #settings(authority: string): InfrastructureSettings {
    const { image, streamAddress, streamPort, podNamespace } = this.#setup;
    const namespace = podNamespace ?? this.#cluster.client.access.namespace;
    const stream = streamAddress ?? `https://daemun-controller.${namespace}.svc:${streamPort}`;
    return { image, stream, authority, audience: STREAM_AUDIENCE, namespace };
  }

  async #startAdmin(): Promise<void> {
    const { admin } = this.#setup;
    if (admin === undefined) return;
    const control = this.#control;
    this.#admin = await startAdmin(
      { ...admin.address, token: admin.token, beyondLoopback: 'probes' },
      {
        readiness: () => ({ ...control.health(), checks: control.checks() }),
        metrics: async () =>
          mergeMetrics([
            ...(await control.metrics()),
            this.#cluster.metrics(),
            this.#metrics.snapshot(),
            ...(this.#stream ? [this.#stream.metrics()] : []),
            this.#runMetrics.families(control.snapshot),
          ]),
        status: () => control.report(),
        config: () => control.snapshot,
        listeners: () => control.listeners(),
        graph: () => control.graph(),
      },
    );
    this.#log.info({ admin: this.#admin.address }, 'the admin API listens');
  }

  #written(verb: string, kind: string) {
    return this.#metrics.counter(
      'daemun_infrastructure_writes_total',
      'Objects of infrastructure that were written or removed.',
      { verb, kind },
    );
  }
}
