/** Who brings the config to data planes: one fleet for all Gateways, or one a Gateway. */
import type { Ack, Snapshot, Trouble } from '../config/index.ts';
import { type Applied, type Fleet, type FleetEvents, type ListenerView, listenerViews } from '../delivery/index.ts';
import type { Log, MetricsSnapshot } from '../observe/index.ts';
import type { Overlay } from './config-pump.ts';
import { Feed } from './feed.ts';
import type { Pipeline } from './pipeline.ts';
import { type Subject, subjectIn } from './trouble-book.ts';

/** Opens the data planes of a Gateway (`namespace/name`), or ('') of all. */
export type OpenFleet = (events: FleetEvents, gateway: string) => Fleet;

export interface FeedingParts {
  pipeline: Pipeline;
  overlay?: Overlay | undefined;
  open: OpenFleet;
  onAck(ack: Ack): void;
  /** `subjectOf`: of the Gateway's own. */
  onTroubles(told: ToldTroubles): void;
  /** What one fleet for all says of its listeners may be another than before. */
  onReviewed(): void;
  onApplied(applied: Applied): void;
  /** The first config has gone out to the data planes of each Gateway, whether or not there are any. */
  onDelivered(): void;
  log: Log;
}

/** What a data plane meets at endpoints, and at the stores of policies. */
export interface ToldTroubles {
  proxy: string;
  troubles: Trouble[];
  subjectOf(key: string): Subject | undefined;
}

export interface Feeding {
  /** What data planes were told to serve. */
  readonly snapshot: Snapshot;
  /** Sends all there is, and from then on every change. */
  start(): void;
  /** Sends nothing more. */
  stop(): void;
  listeners(): ListenerView[];
  /** Of this process. */
  readonly workers?: Pick<Fleet, 'names' | 'silent'>;
  metrics(): Promise<MetricsSnapshot[]>;
  drain(timeout: number): Promise<void>;
  end(): Promise<void>;
}

export class SharedFeeding implements Feeding {
  readonly #pipeline: Pipeline;
  readonly #feed: Feed;
  readonly #fleet: Fleet;
  /** Data planes start; nothing is sent. */
  constructor({ pipeline, overlay, open, log, onAck, onTroubles, onApplied, onReviewed }: FeedingParts) {
    this.#pipeline = pipeline;
    const { config, acks, deliveries } = pipeline;
    const feed = new Feed({ config, acks, deliveries, overlay, onApplied });
    this.#feed = feed;
    const events: FleetEvents = {
      onAck: (ack) => {
        onAck(ack);
        feed.acknowledge(ack);
        onReviewed();
      },
      onTroubles: (proxy, troubles) =>
        onTroubles({ proxy, troubles, subjectOf: (key) => subjectIn(feed.snapshot, key) }),
      full: () => feed.snapshot.full(),
      published: () => feed.published(),
      log,
    };
    this.#fleet = open(events, '');
  }

  get snapshot(): Snapshot {
    return this.#feed.snapshot;
  }

  start(): void {
    this.#feed.start(this.#fleet);
  }

  stop(): void {
    this.#feed.stop();
  }

  listeners(): ListenerView[] {
    const { acks, unserved } = this.#pipeline;
    return listenerViews(this.snapshot, { acks, unserved: unserved.values(), proxies: this.#fleet.names });
  }

  get workers(): Pick<Fleet, 'names' | 'silent'> {
    return this.#fleet;
  }

  metrics(): Promise<MetricsSnapshot[]> {
    return this.#fleet.metrics();
  }

  drain(timeout: number): Promise<void> {
    return this.#fleet.drain(timeout);
  }

  end(): Promise<void> {
    return this.#fleet.end();
  }
}
