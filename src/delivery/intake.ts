/**
 * The receiving end of a delivery: one proxy takes deltas one after the other, and answers for everything that it holds.
 * What comes while one is applied is one delta: however fast changes come, none waits for all that came before it one by one.
 */
import type { Ack, CachePurge, CachePurged, Delta, Trouble } from '../config/index.ts';
import type { MetricsSnapshot } from '../observe/index.ts';
import type { OpenReceiver, Receiver } from './fleet.ts';
import { type Rejection, Rejections } from './rejections.ts';
import { Waiting } from './waiting.ts';

export interface IntakeOptions {
  name: string;
  open: OpenReceiver;
  onAck(ack: Ack): void;
  onTroubles?(troubles: Trouble[]): void;
  /** Absent: there are no others. */
  onInvalidate?(purge: CachePurge): void;
  /** A fault of ours: the delta was not applied. */
  onError(error: Error, delta: Delta): void;
}

export class Intake {
  readonly #receiver: Receiver;
  readonly #rejections = new Rejections();
  readonly #options: IntakeOptions;
  #waiting: Waiting | undefined;
  #isApplying = false;

  constructor(options: IntakeOptions) {
    this.#options = options;
    this.#receiver = options.open(options.name, {
      onAck: (ack) => options.onAck(this.#rejections.complete(ack)),
      onTroubles: (troubles) => options.onTroubles?.(troubles),
      onInvalidate: (purge) => options.onInvalidate?.(purge),
    });
  }

  /** `refused`: what its reader set aside of the delta. */
  take(delta: Delta, refused: ReadonlyArray<Rejection> = []): void {
    this.#waiting ??= new Waiting();
    this.#waiting.add({ delta, refused });
    if (!this.#isApplying) void this.#applyAll();
  }

  metrics(): MetricsSnapshot[] {
    return this.#receiver.metrics();
  }

  async purge(purge: CachePurge): Promise<CachePurged> {
    return (await this.#receiver.purge?.(purge)) ?? { urls: 0, bytes: 0 };
  }

  /** What is being applied is the receiver's to wait for. */
  async drain(timeout: number): Promise<void> {
    await this.#receiver.drain(timeout);
  }

  async #applyAll(): Promise<void> {
    this.#isApplying = true;
    while (this.#waiting !== undefined) {
      // What comes in the same turn goes along.
      await undefined;
      const waiting: Waiting = this.#waiting;
      this.#waiting = undefined;
      const { delta, refused } = await waiting.whole();
      await this.#apply(delta, refused).catch((error: Error) => this.#options.onError(error, delta));
    }
    this.#isApplying = false;
  }

  async #apply(delta: Delta, refused: ReadonlyArray<Rejection>): Promise<void> {
    const ack = await this.#receiver.apply(delta);
    this.#rejections.replaced(delta);
    this.#options.onAck(this.#rejections.complete(ack, refused));
  }
}
