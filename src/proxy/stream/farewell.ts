/** Closes a connection with a last message that the client gets to read. */
import { Deadline, type DeadlineOwner, type DeadlineWheel } from '../ground/deadline.ts';
import { DISCARD, type Link, type Sink } from '../ground/driver.ts';

/** Milliseconds that a client has to close its side; what it still sends meanwhile is thrown away. */
export const FAREWELL_TIMEOUT = 1_000;

/**
 * Sends `message`, then FIN, and goes on reading: closing at once with unread bytes would make the kernel send a
 * reset, and the client would lose the message.
 */
export function sayFarewell(link: Link, message: string | Uint8Array, wheel: DeadlineWheel): void {
  link.sink = new FarewellSink(link, wheel);
  link.send(message);
  link.close('end');
  link.resume();
}

/** Resets a connection that was just accepted. */
export function turnAway(link: Link): void {
  link.sink = DISCARD;
  link.close('reset');
}

class FarewellSink implements Sink, DeadlineOwner {
  readonly #link: Link;
  readonly #deadline = new Deadline(this);

  constructor(link: Link, wheel: DeadlineWheel) {
    this.#link = link;
    wheel.set(this.#deadline, FAREWELL_TIMEOUT);
  }

  onBytes(): void {}
  onEnd(): void {}
  onDrain(): void {}
  onOpen(): void {}

  onClose(): void {
    this.#deadline.retire();
  }

  onDeadline(): void {
    this.#link.close('reset');
  }
}
