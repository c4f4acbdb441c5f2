/** The receiving end of a delivery: one proxy takes deltas one after the other, and answers for everything that it holds. */
import type { Ack, Delta } from '../config/index.ts';
import type { MetricsSnapshot } from '../observe/index.ts';
import type { OpenReceiver, Receiver } from './fleet.ts';
import { type Rejection, Rejections } from './rejections.ts';

export interface IntakeOptions {
  name: string;
  open: OpenReceiver;
  onAck(ack: Ack): void;
  /** A fault of ours: the delta was not applied. */
  onError(error: Error, delta: Delta): void;
}

/** A delta as it is to be applied, and what was set aside of it. */
export interface Received {
  delta: Delta;
  refused: ReadonlyArray<Rejection>;
}

export class Intake {
  readonly #receiver: Receiver;
  readonly #rejections = new Rejections();
  readonly #options: IntakeOptions;
  #last: Promise<void> = Promise.resolve();

  constructor(options: IntakeOptions) {
    this.#options = options;
    this.#receiver = options.open(options.name, (ack) => options.onAck(this.#rejections.complete(ack)));
  }

  /** `read` says what of the delta is fit for use; without it all is. */
  take(sent: Delta, read?: (delta: Delta) => Received): void {
    this.#last = this.#last
      .then(() => this.#apply(sent, read))
      .catch((error: Error) => this.#options.onError(error, sent));
  }

  metrics(): MetricsSnapshot[] {
    return this.#receiver.metrics();
  }

  async drain(timeout: number): Promise<void> {
    await this.#last;
    await this.#receiver.drain(timeout);
  }

  async #apply(sent: Delta, read: ((delta: Delta) => Received) | undefined): Promise<void> {
    const { delta, refused } = read ? read(sent) : { delta: sent, refused: [] };
    const ack = await this.#receiver.apply(delta);
    this.#rejections.replaced(sent);
    this.#options.onAck(this.#rejections.complete(ack, refused));
  }
}
