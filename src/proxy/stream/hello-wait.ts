/**
 * Waits for the ClientHello of a connection whose TLS ends here in any case, so that all of TLS can be that of the
 * listener that the server name chooses. What is no ClientHello is handed over too: TLS has words for it.
 */
import { ARENA } from '../ground/arena.ts';
import type { Deadline, DeadlineOwner, DeadlineWheel } from '../ground/deadline.ts';
import type { Drainable, DrainSet } from '../ground/drain.ts';
import type { Link, Sink } from '../ground/driver.ts';
import { HelloReader } from './client-hello.ts';
import { turnAway } from './farewell.ts';
import { type HeldHellos, holdHello } from './held-hellos.ts';
import type { StreamLimits } from './stream-limits.ts';

/** Milliseconds from its arrival for which a client counts as one who is about to say hello. */
export const HELLO_GRACE = 500;

/** A link that the callee takes over at once, and all that was received of it. */
export interface HelloArrival {
  link: Link;
  firstBytes: Buffer;
  /** Lower case; '' where the client names none; undefined where the hello cannot be read. */
  serverName: string | undefined;
  /** As in the hello; null where it offers none, undefined where it cannot be read. */
  tickets: Buffer | null | undefined;
}

export interface HelloWaitOptions {
  wheel: DeadlineWheel;
  limits: Pick<StreamLimits, 'helloTimeout' | 'maxHelloBytes' | 'maxPeekedBytes'>;
  /** Of the port. */
  live: DrainSet;
  held: HeldHellos;
  /** The callee sets the link's sink. */
  onHello(arrival: HelloArrival): void;
  /** The connection ended before its hello did, or holds too much. */
  onFailed(): void;
}

/** Takes an accepted connection over. `firstBytes` were received already (after a PROXY header). */
export function waitForHello(link: Link, options: HelloWaitOptions, firstBytes?: Buffer): void {
  const wait = new HelloWait(link, options);
  link.sink = wait;
  options.live.add(wait);
  if (firstBytes !== undefined) wait.take(firstBytes, 0, firstBytes.length);
}

class HelloWait implements Sink, DeadlineOwner, Drainable {
  readonly #link: Link;
  readonly #options: HelloWaitOptions;
  readonly #reader: HelloReader;
  readonly #deadline: Deadline;
  readonly #since: number;
  #held = 0;
  #done = false;

  constructor(link: Link, options: HelloWaitOptions) {
    this.#since = options.wheel.now;
    this.#link = link;
    this.#options = options;
    this.#reader = new HelloReader(options.limits.maxHelloBytes);
    this.#deadline = options.wheel.borrow(this);
    options.wheel.set(this.#deadline, options.limits.helloTimeout);
  }

  get arriving(): boolean {
    return this.#reader.begun || this.#options.wheel.now - this.#since < HELLO_GRACE;
  }

  onBytes(start: number, end: number): void {
    this.take(ARENA, start, end);
  }

  take(bytes: Buffer, start: number, end: number): void {
    if (this.#done) return;
    const outcome = this.#reader.push(bytes, start, end);
    if (outcome.kind === 'incomplete') {
      if (!this.#hold(this.#reader.held)) this.#fail();
      return;
    }
    this.#finish();
    const hello = outcome.kind === 'hello' ? outcome : undefined;
    const tickets = hello && (hello.tickets ?? null);
    this.#options.onHello({
      link: this.#link,
      firstBytes: this.#reader.bytes,
      serverName: hello?.serverName,
      tickets,
    });
  }

  /** Half a hello, or none: there is nobody to tell. */
  onEnd(): void {
    this.#fail();
  }

  onClose(): void {
    this.#fail();
  }

  onDeadline(): void {
    this.#fail();
  }

  /** What it is to become has not begun. */
  drain(): void {
    this.cut();
  }

  cut(): void {
    if (this.#done) return;
    this.#finish();
    turnAway(this.#link);
  }

  onDrain(): void {}
  onOpen(): void {}

  /** False: it is too much. */
  #hold(own: number): boolean {
    const { held, limits } = this.#options;
    const more = own - this.#held;
    this.#held = own;
    return holdHello(held, { more, own }, limits);
  }

  #fail(): void {
    if (this.#done) return;
    this.#options.onFailed();
    this.cut();
  }

  #finish(): void {
    this.#done = true;
    this.#hold(0);
    this.#options.wheel.giveBack(this.#deadline);
    this.#options.live.delete(this);
  }
}
