/**
 * From config objects to data planes: publishes what changed as deltas, and follows each delta until every proxy has
 * answered.
 */
import {
  type Ack,
  type ConfigChange,
  type ConfigObject,
  type Delivery,
  DeliveryLog,
  type Delta,
  Publisher,
  type Snapshot,
} from '../config/index.ts';
import type { Applied, Fleet } from '../delivery/index.ts';
import { batch, type Collection, type SourceCollection } from '../graph/index.ts';

/** Puts something else in the place of what was translated, such as an echo where a Service has no endpoints. */
export interface Overlay {
  /** What these changes come to, overlaid. Calls follow one another, each awaited. */
  apply(changes: ReadonlyArray<ConfigChange>): Promise<ConfigChange[]>;
}

export interface FeedParts {
  config: Collection<ConfigObject>;
  overlay?: Overlay;
  acks: SourceCollection<Ack>;
  deliveries: SourceCollection<Delivery>;
  onApplied(applied: Applied): void;
}

interface Sent {
  delta: Delta;
  since: number;
}

export class Feed {
  readonly #parts: FeedParts;
  readonly #publisher = new Publisher();
  readonly #open: Sent[] = [];
  #log: DeliveryLog | undefined;
  #fleet: Fleet | undefined;
  #pending: ConfigChange[] = [];
  #pendingSince = 0;
  #pumping = false;
  #unsubscribe: () => void = () => {};

  constructor(parts: FeedParts) {
    this.#parts = parts;
  }

  /** What the proxies were told to serve. */
  get snapshot(): Snapshot {
    return this.#publisher.snapshot;
  }

  /** Sends all there is, and from then on every change. */
  start(fleet: Fleet): void {
    this.#fleet = fleet;
    this.#log = new DeliveryLog('', fleet.names);
    const { config } = this.#parts;
    this.#unsubscribe = config.subscribe((changes) => this.#take(changes));
    this.#take(Array.from(config.values(), (after) => ({ after })));
  }

  stop(): void {
    this.#unsubscribe();
  }

  acknowledge(ack: Ack): void {
    batch(() => {
      this.#parts.acks.apply([{ key: ack.proxy, value: ack }]);
      this.#parts.deliveries.apply(this.#log!.acknowledge(ack));
    });
    const reached = Math.min(...this.#fleet!.names.map((name) => this.#parts.acks.get(name)?.version ?? 0));
    while (this.#open.length > 0 && this.#open[0]!.delta.version <= reached) {
      const { delta, since } = this.#open.shift()!;
      const { version, upserts, removals } = delta;
      const took = Math.round(performance.now() - since);
      this.#parts.onApplied({ version, upserts: upserts.length, removals: removals.length, took });
    }
  }

  #take(changes: ReadonlyArray<ConfigChange>): void {
    if (this.#pending.length === 0) this.#pendingSince = performance.now();
    this.#pending.push(...changes);
    if (!this.#pumping) void this.#pump();
  }

  // One batch at a time, since the overlay may have to start an echo; what comes meanwhile is the next batch.
  async #pump(): Promise<void> {
    this.#pumping = true;
    do {
      const since = this.#pendingSince;
      const taken = this.#pending.splice(0);
      const changes = (await this.#parts.overlay?.apply(taken)) ?? taken;
      const delta = this.#publisher.publish(changes);
      if (delta) this.#send({ delta, since });
    } while (this.#pending.length > 0);
    this.#pumping = false;
  }

  #send(sent: Sent): void {
    this.#open.push(sent);
    const changes = this.#log!.sent(sent.delta);
    // Traffic first: the answer cannot come before this turn ends, and statuses may wait until then.
    this.#fleet!.send(sent.delta);
    this.#parts.deliveries.apply(changes);
  }
}
