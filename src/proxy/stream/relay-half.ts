/** One side of a relayed connection: what it receives goes to the other. */
import { ARENA } from '../ground/arena.ts';
import { CopySender } from '../ground/copy-sender.ts';
import type { Link, Sink } from '../ground/driver.ts';
import type { RelayedConnection } from './relayed-connection.ts';

export class RelayHalf implements Sink {
  link!: Link;
  /** The side its bytes go to, once both are open. */
  other: RelayHalf | undefined = undefined;
  /** Bytes received on this side. */
  received = 0;
  /** It said that it sends no more. */
  ended = false;
  closed = false;
  readonly #connection: RelayedConnection;
  readonly #sender = new CopySender();

  constructor(connection: RelayedConnection) {
    this.#connection = connection;
  }

  attach(link: Link): void {
    this.link = link;
    this.#sender.link = link;
  }

  onBytes(start: number, end: number): void {
    this.received += end - start;
    const { other } = this;
    if (other === undefined) {
      this.#connection.keep(Buffer.from(ARENA.subarray(start, end)));
      return;
    }
    this.#connection.touch();
    if (!other.#sender.send(start, end)) this.link.pause();
  }

  onDrain(): void {
    this.#sender.reclaim();
    this.#connection.touch();
    this.other?.link.resume();
  }

  onEnd(): void {
    this.ended = true;
    this.#connection.ended(this);
  }

  onClose(error: NodeJS.ErrnoException | undefined): void {
    this.closed = true;
    this.#connection.closed(this, error);
  }

  onOpen(): void {
    this.#connection.opened(this);
  }
}
