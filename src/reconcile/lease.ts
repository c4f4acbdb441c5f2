/** Who leads, by a Lease (coordination.k8s.io/v1): whoever renews it in time. */
import { type ApiClient, ApiError } from '../sources/cluster/index.ts';
import type { LeaseMarks } from './rival-watch.ts';

export interface LeaseOptions {
  client: ApiClient;
  namespace: string;
  name: string;
  /** Unique among those who want it, such as the pod's name. */
  identity: string;
  /** An object of the namespace that ends with this process, such as its pod: a lease that was not given back goes with it. */
  owner?: LeaseOwner | undefined;
  /** Labels and annotations, which say of what it is. */
  marks?: LeaseMarks | undefined;
  /** Told when it is won and lost. */
  onChange(leading: boolean): void;
  times?: Partial<LeaseTimes>;
}

export interface LeaseOwner {
  apiVersion: string;
  kind: string;
  name: string;
  uid: string;
}

export interface LeaseTimes {
  /** Milliseconds after which others may take a lease that was not renewed. */
  duration: number;
  /** Milliseconds between renewals, and the most between looks of those who wait. */
  renew: number;
}

/** As the control plane of Kubernetes has them. */
export const LEASE_TIMES: LeaseTimes = { duration: 15_000, renew: 2_000 };
/** Milliseconds at most between looks of those who wait: one that was given back is taken within a second. */
const LEASE_LOOK = 1_000;
/** The part of the duration after which a leader that could not renew stops by itself, before anybody may follow. */
const SAFE = 2 / 3;

interface LeaseObject {
  apiVersion: 'coordination.k8s.io/v1';
  kind: 'Lease';
  metadata: Partial<LeaseMarks> & {
    namespace: string;
    name: string;
    resourceVersion?: string;
    ownerReferences?: LeaseOwner[];
  };
  spec?: {
    holderIdentity?: string;
    leaseDurationSeconds?: number;
    acquireTime?: string;
    renewTime?: string;
    leaseTransitions?: number;
  };
}

export class Lease {
  readonly #options: LeaseOptions;
  readonly #times: LeaseTimes;
  readonly #path: string;
  readonly #abort = new AbortController();
  #leading = false;
  #timer: NodeJS.Timeout | undefined;
  #guard: NodeJS.Timeout | undefined;
  /** The holder's last sign of life as this process saw it: clocks of other machines are not trusted. */
  #seen = { mark: '', at: 0 };
  #turn: Promise<void> = Promise.resolve();

  constructor(options: LeaseOptions) {
    this.#options = options;
    this.#times = { ...LEASE_TIMES, ...options.times };
    this.#path = `/apis/coordination.k8s.io/v1/namespaces/${options.namespace}/leases`;
    this.#again(0);
  }

  get leading(): boolean {
    return this.#leading;
  }

  /** Gives the lease back, so that another need not wait for its end. */
  async close(): Promise<void> {
    clearTimeout(this.#timer);
    const held = this.#leading;
    this.#set(false);
    this.#abort.abort();
    await this.#turn;
    if (held) await this.#release().catch(() => {});
  }

  get #pause(): number {
    return this.#leading ? this.#times.renew : Math.min(this.#times.renew, LEASE_LOOK);
  }

  #again(after: number): void {
    if (this.#abort.signal.aborted) return;
    this.#timer = setTimeout(() => {
      this.#turn = this.#look().then(
        () => this.#again(this.#pause),
        // Whoever leads goes on until its time is over; whoever waits, waits.
        () => this.#again(this.#pause * (0.5 + Math.random() / 2)),
      );
    }, after).unref();
  }

  async #look(): Promise<void> {
    const lease = await this.#read();
    const began = performance.now();
    if (lease === undefined) {
      await this.#send('POST', this.#path, this.#held(undefined));
      return this.#won(began);
    }
    const { holderIdentity = '', renewTime = '' } = lease.spec ?? {};
    const mark = `${holderIdentity} ${renewTime}`;
    if (mark !== this.#seen.mark) this.#seen = { mark, at: began };
    const own = holderIdentity === this.#options.identity;
    const over = holderIdentity === '' || began - this.#seen.at > this.#times.duration;
    if (!own) this.#set(false);
    if (!own && !over) return;
    // A conflict is somebody who was faster.
    await this.#send('PUT', `${this.#path}/${this.#options.name}`, this.#held(lease));
    this.#won(began);
  }

  #won(began: number): void {
    if (this.#abort.signal.aborted) return;
    clearTimeout(this.#guard);
    const left = this.#times.duration * SAFE - (performance.now() - began);
    this.#guard = setTimeout(() => this.#set(false), Math.max(0, left)).unref();
    this.#set(true);
  }

  #set(leading: boolean): void {
    if (!leading) clearTimeout(this.#guard);
    if (leading === this.#leading) return;
    this.#leading = leading;
    this.#options.onChange(leading);
  }

  async #read(): Promise<LeaseObject | undefined> {
    try {
      const path = `${this.#path}/${this.#options.name}`;
      return await this.#options.client.call<LeaseObject>({ path, signal: this.#signal() });
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) return undefined;
      throw error;
    }
  }

  async #send(method: 'POST' | 'PUT', path: string, body: LeaseObject): Promise<void> {
    await this.#options.client.call({ method, path, body, signal: this.#signal() });
  }

  /** One call that hangs is not to cost the lead: there is time for another. */
  #signal(): AbortSignal {
    return AbortSignal.any([this.#abort.signal, AbortSignal.timeout(Math.round((this.#times.duration * SAFE) / 2))]);
  }

  #held(before: LeaseObject | undefined): LeaseObject {
    const { namespace, name, identity, owner, marks } = this.#options;
    const now = new Date().toISOString().replace('Z', '000Z');
    const own = before?.spec?.holderIdentity === identity;
    return {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: {
        namespace,
        name,
        ...marks,
        ...(owner ? { ownerReferences: [owner] } : {}),
        ...(before ? { resourceVersion: before.metadata.resourceVersion } : {}),
      },
      spec: {
        holderIdentity: identity,
        leaseDurationSeconds: Math.max(1, Math.ceil(this.#times.duration / 1000)),
        acquireTime: own ? before?.spec?.acquireTime : now,
        renewTime: now,
        leaseTransitions: (before?.spec?.leaseTransitions ?? 0) + (own || before === undefined ? 0 : 1),
      },
    };
  }

  async #release(): Promise<void> {
    const path = `${this.#path}/${this.#options.name}`;
    const lease = await this.#options.client.call<LeaseObject>({ path });
    if (lease.spec?.holderIdentity !== this.#options.identity) return;
    // Whoever takes it next is not to lose it with this process.
    const { ownerReferences: _, ...metadata } = lease.metadata;
    const body = { ...lease, metadata, spec: { ...lease.spec, holderIdentity: '' } };
    await this.#options.client.call({ method: 'PUT', path, body });
  }
}
