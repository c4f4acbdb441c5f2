/**
 * How much one data plane may say. It answers to what it is sent, and says little by itself: who says more is not what it
 * seems, and would keep the controller from all others.
 */
import { Allowance, type AllowanceSize } from '../../value/allowance.ts';

/** Messages of a connection, signs of life among them, beside those that answer what it is sent. */
export const MESSAGE_LIMIT: AllowanceSize = { most: 2000, perSecond: 50 };
/** Bytes of them: one that holds 500,000 objects says so in 100 MB when it comes. */
export const BYTE_LIMIT: AllowanceSize = { most: 134_217_728, perSecond: 1_048_576 };
/** Messages that a piece of config may be answered with: taken, an acknowledgement of each worker's, and what became of them. */
export const MAX_ANSWERS = 8;
/** Bytes of those answers. */
export const MAX_ANSWER_BYTES: number = 1024 * 1024;
/** Acknowledgements that are looked at as they come, beside one a piece; of those beyond it the last one of each moment is. */
export const ACK_LIMIT: AllowanceSize = { most: 200, perSecond: 50 };
/** How often a data plane of one name may come to be fed. */
export const SUBSCRIPTION_LIMIT: AllowanceSize = { most: 30, perSecond: 0.5 };
/** Subscriptions that one owes which has said too much: a minute's. */
export const MAX_DEBT = 30;
/** Connections from one address. Data planes on the network of a node share one, and look for a leader once in a few seconds. */
export const ADDRESS_CONNECTION_LIMIT: AllowanceSize = { most: 512, perSecond: 50 };

/** It has said more than that. */
export class StreamFlood extends Error {
  override readonly name = 'StreamFlood';
}

export class SessionAllowance {
  readonly #messages = new Allowance(MESSAGE_LIMIT);
  readonly #bytes = new Allowance(BYTE_LIMIT);

  /** Throws a StreamFlood. */
  heard(bytes: number): void {
    if (!this.#messages.take())
      throw new StreamFlood(`more than ${MESSAGE_LIMIT.perSecond} messages a second that nobody asked for`);
    if (!this.#bytes.take(bytes))
      throw new StreamFlood(`more than ${BYTE_LIMIT.perSecond} bytes a second that nobody asked for`);
  }

  sentPiece(): void {
    this.#messages.give(MAX_ANSWERS);
    this.#bytes.give(MAX_ANSWER_BYTES);
  }
}
