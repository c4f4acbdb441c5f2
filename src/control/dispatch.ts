/** What one fleet of data planes is told, as deltas, and how far each delta has come. */
import {
  type Ack,
  type ConfigChange,
  type Delivery,
  type DeliveryChange,
  DeliveryLog,
  type Delta,
  Publisher,
  type Snapshot,
} from '../config/index.ts';
import type { Applied, Fleet, Published } from '../delivery/index.ts';
import { batch, type SourceCollection, type Turns } from '../graph/index.ts';

export interface DispatchParts {
  /** The Gateway's `namespace/name`, or '' where one fleet serves all. */
  gateway: string;
  acks: SourceCollection<Ack>;
  deliveries: SourceCollection<Delivery>;
  onApplied(applied: Applied): void;
  /** As `batch`, but what follows of it may be computed later. Absent: it is computed at once. */
  settle?(change: () => void): void;
}

export interface Patience {
  turns: Turns;
  isAwaited(): boolean;
}

interface Sent extends Omit<Applied, 'took'> {
  since: number;
}

/** Versions that are followed until all have answered; of a data plane that never answers the oldest are given up. */
const MAX_OPEN = 1000;

export class Dispatch {
  readonly #parts: DispatchParts;
  readonly #publisher = new Publisher();
  readonly #fleet: Fleet;
  readonly #log: DeliveryLog;
  #names: ReadonlyArray<string>;
  #open: Sent[] = [];

  constructor(fleet: Fleet, parts: DispatchParts) {
    this.#parts = parts;
    this.#fleet = fleet;
    this.#names = fleet.names;
    this.#log = new DeliveryLog(parts.gateway, fleet.names);
  }

  /** What the proxies were told to serve. */
  get snapshot(): Snapshot {
    return this.#publisher.snapshot;
  }

  published(): Published {
    return { version: this.snapshot.version, hashes: this.#publisher.hashes };
  }

  /** `since`: when the first of the changes came. */
  publish(changes: Iterable<ConfigChange>, since: number): void {
    this.#send(this.#publisher.publish(changes), since);
  }

  /** As `publish`, with turns of the event loop in between where there is much. `isAwaited`: it is still wanted then. */
  async publishInTurns(changes: Iterable<ConfigChange>, since: number, { turns, isAwaited }: Patience): Promise<void> {
    const steps = this.#publisher.publishing(changes);
    for (;;) {
      const { done, value } = steps.next();
      if (done) return this.#send(value, since);
      if (!turns.isOver()) continue;
      await turns.next();
      if (!isAwaited()) return;
    }
  }

  #send(delta: Delta | undefined, since: number): void {
    if (!delta) return;
    const { version, upserts, removals } = delta;
    if (this.#names.length > 0) this.#open.push({ version, upserts: upserts.length, removals: removals.length, since });
    if (this.#open.length > MAX_OPEN) this.#open.shift();
    const begun = this.#log.sent(delta);
    // Traffic first: the answer cannot come before this turn ends, and statuses may wait until then.
    this.#fleet.send(delta);
    this.#settling(() => this.#parts.deliveries.apply(begun));
  }

  acknowledge(ack: Ack): void {
    this.#settling(() => {
      const changes = this.#recount(ack) ?? this.#log.acknowledge(ack);
      this.#parts.acks.apply([{ key: ackKey(this.#parts.gateway, ack.proxy), value: ack }]);
      this.#parts.deliveries.apply(changes);
    });
    this.#settle();
  }

  /** Others count than before. */
  review(): void {
    this.#settling(() => this.#parts.deliveries.apply(this.#recount() ?? []));
    this.#settle();
  }

  /** Everything is taken away from the data planes, and nothing is known of them any more. */
  withdraw(): void {
    const delta = this.#publisher.withdraw();
    if (delta !== undefined) this.#fleet.send(delta);
    const { acks, deliveries, gateway } = this.#parts;
    this.#settling(() => {
      deliveries.apply(this.#log.withdrawn());
      acks.apply(this.#names.map((name) => ({ key: ackKey(gateway, name) })));
    });
  }

  #settling(change: () => void): void {
    if (this.#parts.settle) this.#parts.settle(change);
    else batch(change);
  }

  /** Undefined where the same count as before. */
  #recount(first?: Ack): DeliveryChange[] | undefined {
    const { names } = this.#fleet;
    if (names === this.#names) return undefined;
    const gone = this.#names.filter((name) => !names.includes(name));
    this.#names = names;
    this.#parts.acks.apply(gone.map((name) => ({ key: ackKey(this.#parts.gateway, name) })));
    return this.#log.expect(names, first);
  }

  #settle(): void {
    const { acks, gateway, onApplied } = this.#parts;
    const versions = this.#names.map((name) => acks.get(ackKey(gateway, name))?.version ?? 0);
    const reached = versions.length === 0 ? 0 : Math.min(...versions);
    while (this.#open.length > 0 && this.#open[0]!.version <= reached) {
      const { since, ...sent } = this.#open.shift()!;
      onApplied({ ...sent, took: Math.round(performance.now() - since) });
    }
  }
}

/** Names of data planes are their own only within a Gateway. */
export function ackKey(gateway: string, proxy: string): string {
  return gateway === '' ? proxy : `${gateway}>${proxy}`;
}
