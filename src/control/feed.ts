/** One fleet for all Gateways: it is told everything. */
import { type Ack, type ConfigObject, type Delivery, Snapshot } from '../config/index.ts';
import type { Applied, Fleet, Published } from '../delivery/index.ts';
import type { Collection, SourceCollection } from '../graph/index.ts';
import { HashBook } from '../value/hash-book.ts';
import { ConfigPump, type Overlay } from './config-pump.ts';
import { Dispatch } from './dispatch.ts';

export interface FeedParts {
  config: Collection<ConfigObject>;
  overlay?: Overlay | undefined;
  acks: SourceCollection<Ack>;
  deliveries: SourceCollection<Delivery>;
  onApplied(applied: Applied): void;
}

export class Feed {
  readonly #parts: FeedParts;
  #dispatch: Dispatch | undefined;
  #pump: ConfigPump | undefined;

  constructor(parts: FeedParts) {
    this.#parts = parts;
  }

  /** What the proxies were told to serve. */
  get snapshot(): Snapshot {
    return this.#dispatch?.snapshot ?? Snapshot.EMPTY;
  }

  published(): Published {
    return this.#dispatch?.published() ?? { version: 0, hashes: new HashBook() };
  }

  /** Sends all there is, and from then on every change. */
  start(fleet: Fleet): void {
    const { config, overlay } = this.#parts;
    const dispatch = new Dispatch(fleet, { gateway: '', ...this.#parts });
    this.#dispatch = dispatch;
    this.#pump = new ConfigPump({ config, publish: (changes, since) => dispatch.publish(changes, since), overlay });
  }

  stop(): void {
    this.#pump?.stop();
  }

  acknowledge(ack: Ack): void {
    this.#dispatch?.acknowledge(ack);
  }
}
