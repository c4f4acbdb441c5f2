/** One side of a relayed connection: what it receives goes to the other. */
import { ARENA } from '../ground/arena.ts';
import { CopySender } from '../ground/copy-sender.ts';
import type { Link, Sink } from '../ground/driver.ts';

/** The connection that it is a side of. */
interface RelayOwner {
  /** What came before the other side was open. */
  keep(bytes: Buffer): void;
  touch(): void;
  opened(half: RelayHalf): void;
  ended(half: RelayHalf): void;
  closed(half: RelayHalf, error: NodeJS.ErrnoException | undefined): void;
}

export class RelayHalf implements Sink {
  link!: Link;
  /** The side its bytes go to, once both are open. */
  other: RelayHalf | undefined = undefined;
  /** Bytes received on this side. */
  received = 0;
  /** It said that it sends no more. */
  ended = false;
  closed = false;
  readonly #connection: RelayOwner;
  readonly #sender = new CopySender();

  constructor(connection: RelayOwner) {
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
