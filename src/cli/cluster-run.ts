/** A run whose resources are those of a cluster: where they come from, where statuses go, and who writes them. */
import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import type { Kind } from '../api/index.ts';
import type { PipelineOptions, StatusWriter } from '../control/index.ts';
import { type Log, Metrics, type MetricsSnapshot } from '../observe/index.ts';
import {
  EventRecorder,
  Lease,
  mendedFaults,
  newFaults,
  StatusReconciler,
  type WrittenStatus,
} from '../reconcile/index.ts';
import { type ApiClient, ClusterSource } from '../sources/cluster/index.ts';
import { clusterClient } from './cluster-client.ts';

export interface ClusterSetup {
  kubeconfig?: string | undefined;
  context?: string | undefined;
  /** Only these namespaces; absent: all. */
  namespaces?: string[] | undefined;
  controllerNames: string[];
  /** Name of the Lease that decides who writes statuses, in the namespace of the context or pod. */
  lease: string;
  /** The pod that this runs in, where it is known. */
  pod?: { namespace: string; name: string; uid: string } | undefined;
}

/** Milliseconds after which every status is compared again with what is there. */
const RESYNC_INTERVAL = 5 * 60_000;

/** Whoever writes to the cluster. */
export interface LeadFollower {
  lead(leading: boolean): void;
  resync(): void;
}

export class ClusterRun {
  readonly source: PipelineOptions['source'];
  readonly writer: StatusWriter;
  readonly client: ApiClient;
  readonly #setup: ClusterSetup;
  readonly #log: Log;
  readonly #reconciler: StatusReconciler;
  /** Of this run, among those that may lead. */
  readonly #identity: string;
  readonly #events: EventRecorder;
  readonly #metrics = new Metrics();
  #source: ClusterSource | undefined;
  #lease: Lease | undefined;
  #timer: NodeJS.Timeout | undefined;
  readonly #followers: LeadFollower[] = [];

  /** Throws a DaemunError where no cluster can be told. */
  static async open(setup: ClusterSetup, log: Log): Promise<ClusterRun> {
    return new ClusterRun(setup, await clusterClient(setup), log);
  }

  private constructor(setup: ClusterSetup, client: ApiClient, log: Log) {
    this.#setup = setup;
    this.client = client;
    this.#log = log;
    const { controllerNames, namespaces } = setup;
    const [controllerName = 'daemun'] = controllerNames;
    this.#identity = `${hostname()}_${randomBytes(4).toString('hex')}`;
    this.#events = new EventRecorder({ client, controllerName, instance: this.#identity, log });
    this.#reconciler = new StatusReconciler({
      client,
      controllerNames,
      live: (key) => this.#source?.live.get(key),
      place: (kind, metadata) => this.#source?.pathTo(kind, metadata),
      log,
      onWrite: (key, change) => this.#wrote(key, change),
    });
    this.writer = this.#reconciler;
    this.follow(this.#reconciler);
    this.source = (lastGood) => {
      const source = new ClusterSource({ client, lastGood, ...(namespaces ? { namespaces } : {}) });
      source.live.subscribe((changes) => {
        for (const { key } of changes) this.#reconciler.seen(key);
      });
      this.#source = source;
      return source;
    };
  }

  /** It is told who leads from now on, and to look at everything again every few minutes. */
  follow(follower: LeadFollower): void {
    this.#followers.push(follower);
  }

  get leading(): boolean {
    return this.#lease?.leading ?? false;
  }

  /** Takes part in who writes. Called once everything is read and served: before that, statuses would be untrue. */
  begin(): void {
    const { namespace, name } = this.client.access;
    const { pod } = this.#setup;
    this.#log.info({ cluster: name, lease: `${namespace}/${this.#setup.lease}` }, 'statuses go to the cluster');
    this.#lease = new Lease({
      client: this.client,
      namespace,
      name: this.#setup.lease,
      identity: this.#identity,
      // Nothing can be owned from another namespace.
      owner: pod?.namespace === namespace ? { apiVersion: 'v1', kind: 'Pod', name: pod.name, uid: pod.uid } : undefined,
      onChange: (leading) => {
        this.#log.info({}, leading ? 'leads: writes statuses' : 'no longer leads: writes nothing');
        for (const one of this.#followers) one.lead(leading);
      },
    });
    this.#timer = setInterval(() => {
      for (const one of this.#followers) one.resync();
    }, RESYNC_INTERVAL).unref();
  }

  metrics(): MetricsSnapshot {
    const { leading = false } = this.#lease ?? {};
    this.#metrics.gauge('daemun_leader', 'Whether this run writes the statuses of the cluster.').value =
      Number(leading);
    this.#metrics.gauge(
      'daemun_status_staleness_seconds',
      'How long the oldest status that is not yet written has been due; 0 where none is.',
    ).value = this.#reconciler.staleness;
    return this.#metrics.snapshot();
  }

  #wrote(key: string, change: WrittenStatus): void {
    this.#written(key).value++;
    const [kind, namespace = '', name = ''] = key.split('/') as [Kind, string, string];
    const object = this.#source?.collections[kind].get(key);
    const place = this.#source?.pathTo(kind, { namespace, name });
    if (object === undefined || place === undefined) return;
    const { uid = '' } = object.metadata;
    const regarded = { apiVersion: place.apiVersion, kind, name, uid, ...(namespace === '' ? {} : { namespace }) };
    const { before, after } = change;
    const ours = new Set(this.#setup.controllerNames);
    this.#events.mended(regarded, mendedFaults(before, after, ours));
    for (const fault of newFaults(before, after, ours)) this.#events.warn(regarded, fault);
  }

  #written(key: string): { value: number } {
    const kind = key.slice(0, key.indexOf('/'));
    return this.#metrics.counter('daemun_status_writes_total', 'Statuses written to the cluster.', { kind });
  }

  /** The source is closed by whoever reads it. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#lease?.close();
    this.#reconciler.close();
    this.client.close();
  }
}
