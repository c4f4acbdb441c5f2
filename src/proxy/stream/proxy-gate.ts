/** Reads the PROXY header of accepted connections before anything else looks at them. */
import { ARENA } from '../ground/arena.ts';
import { Deadline, type DeadlineOwner, type DeadlineWheel } from '../ground/deadline.ts';
import type { Drainable, DrainSet } from '../ground/drain.ts';
import type { Link, Sink } from '../ground/driver.ts';
import { turnAway } from './farewell.ts';
import type { ProxyAddresses } from './proxy-outcome.ts';
import { parseProxyHeader } from './proxy-protocol.ts';
import type { StreamLimits } from './stream-limits.ts';
import type { StreamMeter, StreamReason } from './stream-meter.ts';

export type { ProxyAddresses } from './proxy-outcome.ts';

export interface ProxyGateOptions {
  wheel: DeadlineWheel;
  limits: StreamLimits;
  meter: StreamMeter;
  /** Of the port. Connections are in it until their header has come; while it drains, none goes further. */
  live: DrainSet;
  /** Named in metrics. */
  name: string;
  /**
   * A connection that begins with something else goes on without a header, and so does one that says nothing for
   * `proxyHeaderTimeout`. Absent: such connections are reset.
   */
  optional?: boolean;
  /**
   * Takes the connection over: it sets the link's sink, and reads `firstBytes` (what came after the header, perhaps
   * nothing) before what that sink is given. `addresses` are absent where the header does not say any.
   */
  pass(link: Link, addresses: ProxyAddresses | undefined, firstBytes: Buffer): void;
}

/**
 * The caller lets through the gate only connections of trusted sources; others must not be heard, since anyone can
 * write a header. A connection without a correct header is reset.
 */
export class ProxyGate {
  readonly options: ProxyGateOptions;
  #waiting = 0;

  constructor(options: ProxyGateOptions) {
    this.options = options;
  }

  get waiting(): number {
    return this.#waiting;
  }

  accept(link: Link): void {
    if (this.#waiting >= this.options.limits.maxPeeking) {
      this.options.meter.dropped('tcp', this.options.name, 'limit');
      turnAway(link);
      return;
    }
    this.#waiting++;
    const sink = new GateSink(this.options, link, () => {
      this.#waiting--;
      this.options.live.delete(sink);
    });
    link.sink = sink;
    this.options.live.add(sink);
  }
}

class GateSink implements Sink, DeadlineOwner, Drainable {
  readonly #options: ProxyGateOptions;
  readonly #link: Link;
  readonly #left: () => void;
  readonly #deadline = new Deadline(this);
  #kept = Buffer.alloc(0);
  #done = false;

  constructor(options: ProxyGateOptions, link: Link, left: () => void) {
    this.#options = options;
    this.#link = link;
    this.#left = left;
    options.wheel.set(this.#deadline, options.limits.proxyHeaderTimeout);
  }

  /** What is kept is bounded: a header is refused before it grows past its limit, and the rest is one read. */
  onBytes(start: number, end: number): void {
    if (this.#done) return;
    this.#kept = Buffer.concat([this.#kept, ARENA.subarray(start, end)]);
    const outcome = parseProxyHeader(this.#kept);
    switch (outcome.kind) {
      case 'incomplete':
        return;
      case 'malformed':
        if (outcome.absent && this.#options.optional) this.#pass(undefined, 0);
        else this.#refuse('bad_proxy_header');
        return;
      case 'header':
        this.#pass(outcome.addresses, outcome.length);
        return;
      default:
        outcome satisfies never;
    }
  }

  onEnd(): void {
    this.#refuse('bad_proxy_header');
  }

  onClose(): void {
    if (!this.#done) this.#finish();
  }

  onDeadline(): void {
    if (this.#options.optional && this.#kept.length === 0) this.#pass(undefined, 0);
    else this.#refuse('hello_timeout');
  }

  /** What it is to become has not begun. */
  drain(): void {
    this.#refuse('drained');
  }

  cut(): void {
    this.#refuse('drained');
  }

  onDrain(): void {}
  onOpen(): void {}

  #pass(addresses: ProxyAddresses | undefined, length: number): void {
    this.#finish();
    this.#options.pass(this.#link, addresses, this.#kept.subarray(length));
  }

  #refuse(reason: StreamReason): void {
    if (this.#done) return;
    this.#finish();
    this.#options.meter.dropped('tcp', this.#options.name, reason);
    turnAway(this.#link);
  }

  #finish(): void {
    this.#done = true;
    this.#deadline.retire();
    this.#left();
  }
}
