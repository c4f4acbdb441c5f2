/** The receiving end of a delivery: one proxy takes deltas one after the other, and answers for everything that it holds. */
import type { Ack, Delta, Trouble } from '../config/index.ts';
import type { MetricsSnapshot } from '../observe/index.ts';
import type { OpenReceiver, Receiver } from './fleet.ts';
import { type Rejection, Rejections } from './rejections.ts';

export interface IntakeOptions {
  name: string;
  open: OpenReceiver;
  onAck(ack: Ack): void;
  onTroubles?(troubles: Trouble[]): void;
  /** A fault of ours: the delta was not applied. */
  onError(error: Error, delta: Delta): void;
}

export class Intake {
  readonly #receiver: Receiver;
  readonly #rejections = new Rejections();
  readonly #options: IntakeOptions;
  #last: Promise<void> = Promise.resolve();

  constructor(options: IntakeOptions) {
    this.#options = options;
    const onAck = (ack: Ack): void => options.onAck(this.#rejections.complete(ack));
    this.#receiver = options.open(options.name, onAck, (troubles) => options.onTroubles?.(troubles));
  }

  /** `refused`: what its reader set aside of the delta. */
  take(delta: Delta, refused: ReadonlyArray<Rejection> = []): void {
    this.#last = this.#last
      .then(() => this.#apply(delta, refused))
      .catch((error: Error) => this.#options.onError(error, delta));
  }

  metrics(): MetricsSnapshot[] {
    return this.#receiver.metrics();
  }

  /** What is being applied is the receiver's to wait for. */
  async drain(timeout: number): Promise<void> {
    await this.#receiver.drain(timeout);
  }

  async #apply(delta: Delta, refused: ReadonlyArray<Rejection>): Promise<void> {
    const ack = await this.#receiver.apply(delta);
    this.#rejections.replaced(delta);
    this.#options.onAck(this.#rejections.complete(ack, refused));
  }
}
