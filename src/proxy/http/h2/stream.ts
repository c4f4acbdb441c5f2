/**
 * One stream of a connection: flow control both ways, what waits for a window, and what waits for a paused reader.
 * Servers' and clients' streams say what the bytes mean.
 */
import { ARENA } from '../../ground/arena.ts';
import type { Failure } from '../../ground/codec.ts';
import type { DeadlineWheel } from '../../ground/deadline.ts';
import type { Link } from '../../ground/driver.ts';
import { KEPT, TRAILER_LINES } from '../../ground/region.ts';
import type { DataReceiver, ReceivingStream } from './data-receiver.ts';
import type { Sender, SendingStream } from './sender.ts';
import { MAX_WINDOW } from './settings.ts';

/** A piece of a body that waits; its bytes from `at` on are not used yet. */
interface Piece {
  bytes: Buffer;
  at: number;
}

export const NO_LENGTH = -1;
/** Of a stream whose last frame is not to be changed any more. */
const NO_EPOCH = -2;
/** Bytes that a client must take before it is called stalled: a window that grows byte by byte does not help it. */
export const LEAST_PROGRESS = 4096;
/** Bytes that a stream sends before the next one has its turn. */
const FAIR_SHARE: number = 16 * 1024;

/** The connection that it is one of. */
export interface StreamCarrier {
  readonly wheel: DeadlineWheel;
  readonly sender: Sender<H2Stream>;
  readonly receiver: DataReceiver<H2Stream>;
  /** Bytes that may be under way to us on one stream. */
  readonly streamWindow: number;
  readonly awaitsSettings: boolean;
  readonly link: Link | null;
  /** Forgets it where it is over. */
  settle(stream: H2Stream): void;
  resetStream(stream: H2Stream, code: number): void;
}

export abstract class H2Stream implements SendingStream, ReceivingStream {
  readonly id: number;
  readonly connection: StreamCarrier;

  // Sending.
  sendWindow: number;
  /** Where in the output the flags of this stream's last frame are, while `epoch` is the output's. */
  flagsAt = 0;
  epoch = -1;
  /** END_STREAM or RST_STREAM was sent, and received. */
  localClosed = false;
  remoteClosed = false;
  /** Is among those that the connection sends on for. */
  waiting = false;
  /** When what waits last made progress worth the name, or the answer was whole, on the wheel's clock. */
  movedAt = 0;
  #movedBytes = 0;
  readonly #unsent: Piece[] = [];
  #endWaits = false;
  #trailers: Buffer | null = null;

  // Receiving.
  receiveWindow: number;
  #unacknowledged = 0;
  #paused = false;
  #discarding = false;
  readonly #undelivered: Buffer[] = [];
  #endUndelivered = false;
  #undeliveredTrailers: Buffer | null = null;
  /** Bytes of data that content-length says are to come, or NO_LENGTH. */
  #expected: number = NO_LENGTH;
  /** Waits to be delivered or flushed at the end of a read or turn. */
  touched = false;

  constructor(connection: StreamCarrier, id: number) {
    this.connection = connection;
    this.receiveWindow = connection.streamWindow;
    this.id = id;
    this.sendWindow = connection.sender.peer.initialWindow;
  }

  /** The head of the message has been received, and data may follow. */
  abstract readonly acceptsData: boolean;
  /** Data arrived, in order. */
  protected abstract deliver(start: number, end: number): void;
  protected abstract deliverEnd(trailersStart: number, trailersEnd: number): void;
  /** END_STREAM was sent; the peer may still have something to say. */
  protected abstract locallyDone(): void;
  /** What waited has been sent: more may come. */
  protected abstract drained(): void;
  /** Puts on the wire what the deliveries of one read brought. */
  abstract flushDelivered(): void;
  /** The stream ends before its time: by the peer's RST_STREAM with its error code, by our fault or the connection's. */
  abstract fail(why: Failure, code: number): void;

  // ── sending

  /** Sends ARENA[start,end) as far as the windows allow and keeps the rest; false: some of it is kept. */
  sendData(start: number, end: number): boolean {
    if (this.localClosed || this.#endWaits) return true;
    let at = start;
    if (this.#unsent.length === 0) {
      at += this.connection.sender.data(this, start, end);
      if (at === end) return true;
    }
    this.#unsent.push({ bytes: Buffer.from(ARENA.subarray(at, end)), at: 0 });
    this.movedAt = this.connection.wheel.now;
    this.connection.sender.wait(this);
    return false;
  }

  /** No more data follows; trailer lines are in ARENA, or 0, 0. */
  sendEndOfStream(trailersStart: number, trailersEnd: number): void {
    if (this.localClosed || this.#endWaits) return;
    if (this.#unsent.length === 0) {
      this.#writeEnd(trailersStart, trailersEnd);
      return;
    }
    this.#endWaits = true;
    if (trailersEnd > trailersStart) this.#trailers = Buffer.from(ARENA.subarray(trailersStart, trailersEnd));
  }

  /** Both sides have ended, and what they sent has been passed on. */
  get done(): boolean {
    return this.localClosed && this.remoteClosed && !this.#endUndelivered;
  }

  /** The end does not become a flag of the frame that was sent last. */
  protected endApart(): void {
    this.epoch = NO_EPOCH;
  }

  /** Some frame of ours was sent on it. */
  get answered(): boolean {
    return this.epoch !== -1;
  }

  get hasUnsent(): boolean {
    return this.#unsent.length > 0;
  }

  /** Sends one frame of what waits. False: nothing could be sent. */
  sendWaiting(now: number): boolean {
    const piece = this.#unsent[0];
    if (piece === undefined) return false;
    const { sender } = this.connection;
    sender.source = piece.bytes;
    const sent = sender.data(this, piece.at, Math.min(piece.bytes.length, piece.at + FAIR_SHARE));
    sender.source = ARENA;
    piece.at += sent;
    this.#movedBytes += sent;
    if (this.#movedBytes >= LEAST_PROGRESS) {
      this.movedAt = now;
      this.#movedBytes = 0;
    }
    if (piece.at === piece.bytes.length) this.#unsent.shift();
    return sent > 0;
  }

  /** All that waited was sent. */
  finishWaiting(): void {
    if (!this.#endWaits) {
      this.drained();
      return;
    }
    const trailers = this.#trailers;
    this.#trailers = null;
    if (trailers === null) this.#writeEnd(0, 0);
    else this.#writeEnd(TRAILER_LINES.start, TRAILER_LINES.load(trailers));
  }

  #writeEnd(trailersStart: number, trailersEnd: number): void {
    this.connection.sender.end(this, trailersStart, trailersEnd);
    this.localClosed = true;
    this.locallyDone();
    this.connection.settle(this);
  }

  /** RFC 9113 6.9.1: a window above 2^31-1 is an error. */
  growSendWindow(bytes: number): boolean {
    if (this.sendWindow + bytes > MAX_WINDOW) return false;
    this.sendWindow += bytes;
    return true;
  }

  dropUnsent(): void {
    this.#unsent.length = 0;
    this.#endWaits = false;
    this.#trailers = null;
  }

  // ── receiving

  /** Bytes of data that are still to come, or NO_LENGTH. */
  get expected(): number {
    return this.#expected;
  }

  expectLength(length: number): void {
    this.#expected = length;
  }

  /** Data ARENA[start,end) of a frame that is accounted for. False: more than content-length says. */
  receive(start: number, end: number): boolean {
    const size = end - start;
    if (this.#expected !== NO_LENGTH) {
      if (size > this.#expected) return false;
      this.#expected -= size;
    }
    if (this.#discarding) {
      this.acknowledge(size);
    } else if (this.#paused || this.#undelivered.length > 0) {
      this.#undelivered.push(Buffer.from(ARENA.subarray(start, end)));
      this.connection.receiver.hold(this, size);
    } else {
      this.connection.receiver.touch(this);
      this.deliver(start, end);
      this.acknowledge(size);
    }
    return true;
  }

  /** END_STREAM was received. False: there was less data than content-length says. */
  receiveEnd(trailersStart: number, trailersEnd: number): boolean {
    if (this.#expected > 0) return false;
    this.remoteClosed = true;
    if (this.#undelivered.length === 0) {
      if (!this.#discarding) this.deliverEnd(trailersStart, trailersEnd);
    } else {
      this.#endUndelivered = true;
      if (trailersEnd > trailersStart) {
        this.#undeliveredTrailers = Buffer.from(ARENA.subarray(trailersStart, trailersEnd));
      }
    }
    return true;
  }

  /** `bytes` are done with: the peer may send as many more. Told in steps of half a window. */
  acknowledge(bytes: number): void {
    this.connection.receiver.acknowledge(bytes);
    this.#unacknowledged += bytes;
    if (this.#unacknowledged < this.connection.streamWindow / 2 || this.remoteClosed) return;
    this.connection.sender.windowUpdate(this.id, this.#unacknowledged);
    this.receiveWindow += this.#unacknowledged;
    this.#unacknowledged = 0;
  }

  pause(): void {
    this.#paused = true;
  }

  /** Deliveries go on at the end of the turn, when nobody else is at work in ARENA. */
  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    if (this.#undelivered.length > 0) this.connection.receiver.deliverLater(this);
  }

  discard(): void {
    this.#discarding = true;
    this.dropUndelivered();
  }

  dropUndelivered(): void {
    for (const bytes of this.#undelivered) {
      this.connection.receiver.unhold(bytes.length);
      this.acknowledge(bytes.length);
    }
    this.#undelivered.length = 0;
    this.#endUndelivered = false;
    this.#undeliveredTrailers = null;
  }

  deliverWaiting(): void {
    while (!this.#paused && this.#undelivered.length > 0) {
      const bytes = this.#undelivered.shift()!;
      this.connection.receiver.unhold(bytes.length);
      this.connection.receiver.touch(this);
      this.deliver(KEPT.start, KEPT.load(bytes));
      this.acknowledge(bytes.length);
    }
    if (this.#undelivered.length > 0 || !this.#endUndelivered) return;
    this.#endUndelivered = false;
    const trailers = this.#undeliveredTrailers;
    this.#undeliveredTrailers = null;
    if (trailers === null) this.deliverEnd(0, 0);
    else this.deliverEnd(TRAILER_LINES.start, TRAILER_LINES.load(trailers));
    this.connection.settle(this);
  }
}
