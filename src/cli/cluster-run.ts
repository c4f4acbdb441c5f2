/** A run whose resources are those of a cluster: where they come from, where statuses go, and who writes them. */
import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import type { PipelineOptions, StatusWriter } from '../control/index.ts';
import { type Log, Metrics, type MetricsSnapshot } from '../observe/index.ts';
import {
  type Installation,
  Lease,
  leaseMarks,
  RivalWatch,
  rivalMessage,
  StatusReconciler,
} from '../reconcile/index.ts';
import { type ApiClient, ClusterSource, NameBook } from '../sources/cluster/index.ts';
import { clusterClient } from './cluster-client.ts';
import { ClusterEvents, type EventTimes } from './cluster-events.ts';

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
  /** Milliseconds that words about a status wait; absent: as long as they should. */
  times?: (EventTimes & { secondLook?: number }) | undefined;
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
  readonly #events: ClusterEvents;
  readonly #metrics = new Metrics();
  #source: ClusterSource | undefined;
  #lease: Lease | undefined;
  #timer: NodeJS.Timeout | undefined;
  readonly #followers: LeadFollower[] = [];
  /** Other installations of its controller name, by Lease, and the names. */
  #rivals: ReadonlyMap<string, string[]> = new Map();

  /** Throws a DaemunError where no cluster can be told. */
  static async open(setup: ClusterSetup, log: Log): Promise<ClusterRun> {
    return new ClusterRun(setup, await clusterClient(setup), log);
  }

  private constructor(setup: ClusterSetup, client: ApiClient, log: Log) {
    this.#setup = setup;
    this.client = client;
    this.#log = log;
    const { controllerNames, namespaces } = setup;
    this.#identity = `${hostname()}_${randomBytes(4).toString('hex')}`;
    const book = new NameBook({
      namesOf: (kind, namespace) => this.#source?.namesOf(kind, namespace) ?? [],
      grants: () => this.#source?.collections.ReferenceGrant.values() ?? [],
    });
    const instance = this.#identity;
    const source = (): ClusterSource | undefined => this.#source;
    const { times } = setup;
    this.#events = new ClusterEvents({ client, source, controllerNames, namespaces, book, instance, log, times });
    this.#reconciler = new StatusReconciler({
      client,
      controllerNames,
      live: (key) => this.#source?.live.get(key),
      place: (kind, metadata) => this.#source?.pathTo(kind, metadata),
      log,
      names: { book, secondLook: times?.secondLook },
      onWrite: (key, change) => {
        this.#written(key).value++;
        this.#events.wrote(key, change);
      },
    });
    this.writer = this.#reconciler;
    this.follow(this.#reconciler);
    this.follow(this.#events);
    this.source = (lastGood) => {
      const source = new ClusterSource({ client, lastGood, ...(namespaces ? { namespaces } : {}) });
      source.live.subscribe((changes) => {
        for (const { key } of changes) this.#reconciler.seen(key);
      });
      source.untold.subscribe((changes) => {
        for (const { after } of changes) if (after !== undefined && this.leading) this.#events.untold(after);
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
    const { controllerNames, namespaces } = this.#setup;
    const covers = { controllerNames, ...(namespaces ? { namespaces } : {}) };
    this.#followRivals({ lease: `${namespace}/${this.#setup.lease}`, ...covers });
    this.#lease = new Lease({
      client: this.client,
      namespace,
      name: this.#setup.lease,
      identity: this.#identity,
      marks: leaseMarks(covers),
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

  #followRivals(own: Installation): void {
    let isDenied = false;
    const rivals = new RivalWatch({
      client: this.client,
      own,
      onChange: (found) => this.#tellRivals(found),
      onFault: ({ message }) => {
        if (!isDenied) this.#log.info({}, `whether others have its controller name cannot be told: ${message}`);
        isDenied = true;
      },
    });
    this.follow({ lead: (leading) => rivals.lead(leading), resync() {} });
  }

  /** On each class that both take for theirs. */
  #tellRivals(found: ReadonlyMap<string, string[]>): void {
    const code = 'DMN_CONTROLLER_SHARED';
    this.#rivals = found;
    if (found.size === 0) this.#log.info({ code }, 'no other installation has its controller name any more');
    for (const [lease, names] of found) {
      const message = rivalMessage({ lease, controllerNames: names }, names);
      this.#log.warn({ code }, message);
      this.#events.shared(names, message);
    }
  }

  metrics(): MetricsSnapshot {
    const { leading = false } = this.#lease ?? {};
    this.#metrics.gauge('daemun_leader', 'Whether this run writes the statuses of the cluster.').value =
      Number(leading);
    this.#metrics.gauge(
      'daemun_status_staleness_seconds',
      'How long the oldest status that is not yet written has been due; 0 where none is.',
    ).value = this.#reconciler.staleness;
    this.#metrics.gauge(
      'daemun_rival_installations',
      'Other installations in the cluster that take the same classes for theirs, as the leader sees it.',
    ).value = this.#rivals.size;
    return this.#metrics.snapshot();
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
    await this.#events.close();
    this.client.close();
  }
}
