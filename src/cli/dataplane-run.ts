/** The data plane of one Gateway: its config comes from a controller, or from the last one's snapshot. */
import { type Admin, type AdminParts, startAdmin } from '../admin/index.ts';
import { type Ack, type Delta, Snapshot, type Trouble } from '../config/index.ts';
import {
  type HealthFacts,
  healthChecks,
  healthOf,
  ListenerChanges,
  type ListenerView,
  listenerViews,
  merged,
  type OwnFleet,
  type Phase,
  Replica,
  SnapshotFile,
  SnapshotKeeper,
  type SnapshotPlace,
  servingMetrics,
} from '../delivery/index.ts';
import { DaemunError, type Log, type MetricsSnapshot, mergeMetrics } from '../observe/index.ts';
import { formatHostPort } from './address.ts';
import type { AdminSetup } from './admin-option.ts';
import { type FleetSetup, openFleet } from './fleet.ts';
import { MemoryReturn } from './memory-return.ts';
import { RunMetrics } from './run-metrics.ts';
import type { ServingAnnouncer } from './serving-announce.ts';
import type { Served } from './until-signal.ts';
import { packageVersion } from './version.ts';

/** What brings the config, and takes the answers. */
export interface ConfigStream {
  acknowledge(ack: Ack): void;
  trouble(worker: string, troubles: Trouble[]): void;
  /** This data plane ends soon. */
  leave(): void;
  close(): void;
}

export interface StreamParts {
  /** What is there already, and where versions go on. */
  held: Delta | undefined;
  onDelta(delta: Delta): void;
  onState(state: { connected: boolean; why: string }): void;
}

export interface DataPlaneOptions {
  /** In acknowledgements: the pod's. */
  name: string;
  /** As people know it. */
  controller: string;
  openStream(parts: StreamParts): ConfigStream;
  setup: FleetSetup;
  workers: number;
  /** Where the last config is kept; absent: nowhere. */
  snapshot?: SnapshotPlace;
  /** Where the place cannot be used, nothing is kept; else that is the end. */
  snapshotOptional?: boolean;
  /** Absent: no admin API. */
  admin?: AdminSetup;
  /** Milliseconds between leaving and draining. */
  drainDelay: number;
  /** Milliseconds. */
  drainTimeout: number;
}

/** Milliseconds after which the port of the admin API is tried again. */
const ADMIN_RETRY = 500;
/**
 * Milliseconds before the drain at which it is no longer ready: probes of its pod need 6 s to notice. Not earlier, since a
 * node passes what comes to it on to a pod that ends only while that pod is ready.
 */
const UNREADY_LEAD = 8_000;
/** Milliseconds that a snapshot is held back for a controller that may know better, once it is asked and once it answers. */
const PATIENCE = { asked: 2_000, answers: 500 } as const;

export class DataPlaneRun implements Served {
  readonly #options: DataPlaneOptions;
  readonly #log: Log;
  readonly #announcer: ServingAnnouncer;
  readonly #metrics = new RunMetrics();
  readonly #memory = new MemoryReturn();
  readonly #changes = new ListenerChanges();
  readonly #synced = Promise.withResolvers<void>();
  /** When each version came that is not applied yet. */
  readonly #since = new Map<number, number>();
  readonly #acks = new Map<string, Ack>();
  #replica: Replica | undefined;
  #fleet: OwnFleet | undefined;
  #stream: ConfigStream | undefined;
  #keeper: SnapshotKeeper | undefined;
  #admin: Admin | undefined;
  #adminTimer: NodeJS.Timeout | undefined;
  #isEnding = false;
  /** Read from the snapshot, and not served yet. */
  #held: Delta | undefined;
  #patience: NodeJS.Timeout | undefined;
  #unready: NodeJS.Timeout | undefined;
  #phase: Phase = 'reading';
  #state = { connected: false, why: 'not asked yet' };

  constructor(options: DataPlaneOptions, voices: { log: Log; announcer: ServingAnnouncer }) {
    this.#options = options;
    this.#log = voices.log;
    this.#announcer = voices.announcer;
  }

  /** Throws a DaemunError for a folder or an address that cannot be used. */
  async start(): Promise<void> {
    const { name, workers, setup, snapshot, openStream } = this.#options;
    const file = snapshot && (await this.#place(snapshot));
    await this.#startAdmin();
    this.#held = file && (await this.#kept(file));
    if (this.#phase !== 'reading') return;
    // Also while another has it: no route leads there, now or later.
    const { admin } = this.#options;
    const own = this.#admin?.address ?? (admin && formatHostPort(admin.address));
    const fleet = openFleet(
      workers,
      { ...setup, ownAddresses: own === undefined ? [] : [own] },
      {
        onAck: (ack) => this.#acknowledged(ack),
        onTroubles: (worker, troubles) => this.#stream?.trouble(worker, troubles),
        full: () => this.#full(),
        log: this.#log,
      },
    );
    const replica = new Replica(name, fleet.names);
    this.#fleet = fleet;
    this.#replica = replica;
    this.#keeper = file && new SnapshotKeeper(file, replica.good, this.#log);
    this.#stream = openStream({
      held: this.#held,
      onDelta: (delta) => this.#take(delta),
      onState: (state) => this.#hear(state),
    });
    if (this.#held) this.#wait(PATIENCE.asked);
    await this.#synced.promise;
  }

  async #place(snapshot: SnapshotPlace): Promise<SnapshotFile | undefined> {
    try {
      return await SnapshotFile.open(snapshot);
    } catch (error) {
      if (!this.#options.snapshotOptional || !(error instanceof DaemunError)) throw error;
      this.#log.warn({ code: error.code }, `no config is kept for a start without the controller: ${error.message}`);
      return undefined;
    }
  }

  /** What comes is pushed: there is nothing to look at. */
  reload(): void {
    this.#log.info({}, 'the config comes from the controller: there is nothing to read again');
  }

  listeners(): ListenerView[] {
    const { names: proxies } = this.#fleet ?? { names: [] };
    return this.#replica ? listenerViews(this.#replica.told, { acks: this.#acks, proxies, unserved: [] }) : [];
  }

  leave(): void {
    this.#stream?.leave();
    const left = this.#options.drainDelay - UNREADY_LEAD;
    if (left > 0 && this.#phase === 'synced') this.#unready = setTimeout(() => this.#setDraining(), left);
    else this.#setDraining();
  }

  async drain(): Promise<void> {
    this.#setDraining();
    await this.#fleet?.drain(this.#options.drainTimeout);
    await this.#keeper?.close();
    this.#stream?.close();
    await this.#closeAdmin();
  }

  async end(): Promise<void> {
    this.#setDraining();
    this.#stream?.close();
    await this.#fleet?.end();
    await this.#closeAdmin();
  }

  #setDraining(): void {
    this.#phase = 'draining';
    clearTimeout(this.#unready);
    clearTimeout(this.#patience);
  }

  async #kept(file: SnapshotFile): Promise<Delta | undefined> {
    const found = await file.read();
    if (found === undefined) return undefined;
    if ('kept' in found) return found.kept.config;
    this.#log.warn({}, `snapshot ${found.refused}`);
    return undefined;
  }

  #wait(milliseconds: number): void {
    clearTimeout(this.#patience);
    this.#patience = setTimeout(() => this.#serveHeld(), milliseconds);
  }

  /** The controller is away, or has nothing to add. */
  #serveHeld(): void {
    clearTimeout(this.#patience);
    const held = this.#held;
    if (held === undefined || this.#phase !== 'reading') return;
    this.#held = undefined;
    const { connected, why } = this.#state;
    if (!connected) {
      this.#log.warn({ version: held.version, reason: why }, 'the controller is away: serving from the snapshot');
    }
    this.#send(held);
  }

  /** What the controller knows better is served at once in its newer form. */
  #take(delta: Delta): void {
    const held = this.#held;
    this.#held = undefined;
    this.#send(held ? merged(held, delta) : delta);
  }

  #send(delta: Delta): void {
    if (this.#phase === 'reading') this.#phase = 'delivering';
    this.#since.set(delta.version, performance.now());
    this.#replica!.take(delta);
    this.#fleet!.send(delta);
  }

  #hear(state: { connected: boolean; why: string }): void {
    this.#state = state;
    if (this.#held === undefined) return;
    if (state.connected) this.#wait(PATIENCE.answers);
    else this.#serveHeld();
  }

  #acknowledged(ack: Ack): void {
    this.#acks.set(ack.proxy, ack);
    this.#announcer.rejected(ack);
    const settled = this.#replica!.acknowledge(ack);
    if (settled === undefined) return;
    this.#stream?.acknowledge(settled.ack);
    for (const delta of settled.reached) this.#reached(delta);
    if (this.#phase !== 'delivering')
      for (const one of this.#changes.of(this.listeners())) this.#announcer.listener(one);
  }

  #reached({ version, upserts, removals }: Delta): void {
    const took = Math.round(performance.now() - (this.#since.get(version) ?? performance.now()));
    this.#since.delete(version);
    this.#keeper?.changed();
    this.#memory.changed(upserts.length + removals.length);
    if (this.#phase !== 'delivering') {
      this.#announcer.applied({ version, upserts: upserts.length, removals: removals.length, took });
      return;
    }
    this.#phase = 'synced';
    this.#tellStart();
    this.#synced.resolve();
  }

  #tellStart(): void {
    const { good } = this.#replica!;
    this.#announcer.started({
      version: packageVersion(),
      listeners: this.listeners(),
      rules: good.count('RouteRule'),
      backends: good.count('Backend'),
      echoes: 0,
      workers: this.#options.workers,
      admin: this.#admin?.address,
    });
    this.#announcer.ready(healthOf(this.#facts()).reason);
  }

  #facts(): HealthFacts {
    const { controller } = this.#options;
    const { connected, why } = this.#state;
    const missing = `the first config from ${controller}${connected ? '' : ` (${why})`}`;
    return { phase: this.#phase, missing, listeners: this.listeners(), workers: this.#fleet };
  }

  /**
   * Where its port is taken it is tried again: on a node's network the generation before this one has it until it ends, and
   * requests are served meanwhile.
   */
  async #startAdmin(): Promise<void> {
    const { admin } = this.#options;
    if (!admin) return;
    try {
      const started = await startAdmin(
        { ...admin.address, token: admin.token, beyondLoopback: 'probes' },
        this.#parts(),
      );
      if (this.#isEnding) await started.close();
      else this.#admin = started;
    } catch (error) {
      const isFirst = this.#adminTimer === undefined;
      if (!(error instanceof DaemunError) || (isFirst && error.code !== 'DMN_PORT_IN_USE')) throw error;
      if (isFirst) this.#log.warn({ code: error.code }, `no admin API yet: ${error.message}`);
      if (!this.#isEnding) this.#adminTimer = setTimeout(() => void this.#startAdmin(), ADMIN_RETRY);
    }
  }

  #parts(): AdminParts {
    return {
      readiness: () => {
        const facts = this.#facts();
        const { connected, why } = this.#state;
        const controller = { name: 'controller', ok: connected, message: connected ? 'connected' : why };
        return { ...healthOf(facts), checks: [...healthChecks(facts), controller] };
      },
      metrics: async () => mergeMetrics([...((await this.#fleet?.metrics()) ?? []), this.#ownMetrics()]),
      config: () => Snapshot.EMPTY.apply(this.#full()),
      listeners: () => this.listeners(),
      purge: async (purge) => (await this.#fleet?.purge(purge)) ?? { proxies: [], unanswered: [] },
    };
  }

  async #closeAdmin(): Promise<void> {
    this.#isEnding = true;
    clearTimeout(this.#adminTimer);
    await this.#admin?.close();
  }

  #full(): Delta {
    return this.#replica?.full() ?? Snapshot.EMPTY.full();
  }

  #ownMetrics(): MetricsSnapshot {
    const { ready } = healthOf(this.#facts());
    const gauge = (name: string, help: string, value: number): MetricsSnapshot[number] => {
      return { name, help, type: 'gauge', series: [{ labels: {}, value }] };
    };
    const { connected } = this.#state;
    const written = this.#keeper?.writtenAt?.getTime() ?? 0;
    return [
      ...servingMetrics({ ready, count: (kind) => this.#replica?.good.count(kind) ?? 0, listeners: this.listeners() }),
      ...this.#metrics.families(this.#replica?.told ?? Snapshot.EMPTY),
      gauge('daemun_controller_connected', 'Whether the controller of this data plane answers', connected ? 1 : 0),
      gauge(
        'daemun_snapshot_written_timestamp_seconds',
        'When the snapshot on disk was last written; 0: not since the start',
        Math.floor(written / 1000),
      ),
    ];
  }
}
