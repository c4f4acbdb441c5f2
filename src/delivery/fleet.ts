/** The data planes that one config goes to: a proxy in this process, or one a worker. Those who feed it do not see which. */
import type { Ack, CachePurge, CachePurged, Delta, Trouble } from '../config/index.ts';
import type { Log, MetricsSnapshot } from '../observe/index.ts';
import type { HashBook } from '../value/hash-book.ts';

export interface Fleet {
  /** Which proxies' acknowledgements count; another list where it is not the one before. */
  readonly names: ReadonlyArray<string>;
  /** Of those, who should answer and does not; absent: it is not watched. */
  readonly silent?: ReadonlyArray<string>;
  /** Takes the next step; the answers come by `onAck`. Deltas are applied one after the other. */
  send(delta: Delta): void;
  /** The snapshots of every proxy; of a worker that does not answer in time there are none. */
  metrics(): Promise<MetricsSnapshot[]>;
  /** No new connections; resolves when requests under way are finished, or after `timeout` milliseconds. */
  drain(timeout: number): Promise<void>;
  /** Ends at once, whatever is under way. */
  end(): Promise<void>;
}

/** One that this process has itself. */
export interface OwnFleet extends Fleet {
  /** Every proxy forgets of what it keeps what is asked for. */
  purge(purge: CachePurge): Promise<FleetPurged>;
}

/** What each proxy forgot; of one that did not answer in time nothing is known. */
export interface FleetPurged {
  proxies: Array<{ name: string } & CachePurged>;
  unanswered: string[];
}

export interface FleetEvents {
  onAck(ack: Ack): void;
  /** What a proxy meets while it serves. */
  onTroubles?(proxy: string, troubles: Trouble[]): void;
  /** Others count than before (`names`). */
  onNames?(): void;
  /** The whole config, for a proxy that starts anew. */
  full(): Delta;
  /** What `full` would give, in short. */
  published(): Published;
  log: Log;
}

/** What workers on this machine need of those. */
export type WorkerEvents = Pick<FleetEvents, 'onAck' | 'onTroubles' | 'full' | 'log'>;

/** A version that every proxy has tried. */
export interface Applied {
  version: number;
  upserts: number;
  removals: number;
  /** Milliseconds from the change of the config to the last answer. */
  took: number;
}

export interface Published {
  /** 0 before there is a config. */
  version: number;
  /** The canonical hash of each object, by `kind/key`. */
  hashes: HashBook;
}

/** A proxy as delivery sees it. */
export interface Receiver {
  /** Never throws for what a config object holds. */
  apply(delta: Delta): Promise<Ack>;
  metrics(): MetricsSnapshot[];
  /** Forgets of the answers that it keeps what is asked for; absent: it keeps none. */
  purge?(purge: CachePurge): Promise<CachePurged>;
  drain(timeout: number): Promise<void>;
}

export interface ReceiverEvents {
  /** Acknowledgements that answer no delta. */
  onAck(ack: Ack): void;
  /** What it meets while it serves. */
  onTroubles(troubles: Trouble[]): void;
  /** Answers that others keep are not true any more. */
  onInvalidate(purge: CachePurge): void;
}

export type OpenReceiver = (name: string, events: ReceiverEvents) => Receiver;
