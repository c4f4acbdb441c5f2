/**
 * What servers' and clients' connections have in common: frames come in, in the order that RFC 9113 allows, settings,
 * flow control, limits, and the end.
 */

import type { Failure } from '../../ground/codec.ts';
import { type Deadline, type DeadlineOwner, type DeadlineWheel, WHEEL_TICK } from '../../ground/deadline.ts';
import type { Link, Sink } from '../../ground/driver.ts';
import { HeadTable, MAX_FIELDS } from '../../ground/head.ts';
import { type Abuse, abuseCounts, MAX_UNREAD_OUTPUT } from './abuse.ts';
import { ClosedStreams, ENDED, RESET_BY_US } from './closed-streams.ts';
import { ControlFrames } from './control-frames.ts';
import { DataReceiver } from './data-receiver.ts';
import { HpackDecoder } from './decoder.ts';
import { FieldSection, type SectionRole } from './field-section.ts';
import * as frame from './frame.ts';
import { type HeaderBlock, HeaderFrames } from './header-frames.ts';
import type { SectionFault } from './section-fault.ts';
import { Sender } from './sender.ts';
import { CONNECTION_WINDOW, DEFAULT_WINDOW, MAX_SECTION_BYTES, STREAM_WINDOW } from './settings.ts';
import type { H2Stream, StreamCarrier } from './stream.ts';
import { schedule, type TurnTask } from './turn.ts';

/** Heads live during one call only, so that one does for all connections. */
const SECTION = new FieldSection(new HeadTable());

/** Milliseconds between looks at what a connection waits for. */
export const HOUSEKEEPING = 1_000;
/** A peer that takes less than LEAST_PROGRESS of a stream in this time while there is more. */
export const STALL_TIMEOUT = 60_000;
/** A frame other than DATA, or a header block, that does not become complete. */
export const PARTIAL_TIMEOUT = 15_000;
/** After our last GOAWAY, for the peer to close. */
export const LINGER_TIMEOUT = 2_000;
/** Milliseconds until it is looked whether it has, for the first time. */
const FIRST_LOOK: number = 2 * WHEEL_TICK;
/** The same for one that is slow to take what was sent and shows that it is at it, altogether. */
export const MAX_LINGER = 600_000;

export abstract class H2Connection implements Sink, frame.FrameHandler, DeadlineOwner, TurnTask, StreamCarrier {
  scheduled = false;
  readonly wheel: DeadlineWheel;
  readonly sender: Sender<H2Stream> = new Sender(this);
  /** Bytes that may be under way to us on one stream. */
  streamWindow: number = STREAM_WINDOW;
  readonly streams: Map<number, H2Stream> = new Map();
  readonly closedStreams: ClosedStreams = new ClosedStreams();
  readonly receiver: DataReceiver<H2Stream> = new DataReceiver(this);
  readonly headers: HeaderFrames = new HeaderFrames(this);
  readonly control: ControlFrames<H2Stream> = new ControlFrames(this);
  readonly reader: frame.FrameReader = new frame.FrameReader(this, this.receiver);
  protected readonly section: FieldSection = SECTION;
  /** GOAWAY was sent for an error, or the link is gone: nothing more is read or sent. */
  dead = false;
  link: Link | null = null;
  readonly #decoder = new HpackDecoder();
  readonly #deadline: Deadline;
  /** The connection ended in good order: what was sent is worth waiting for. */
  #endedWell = false;
  #lingerUntil = 0;
  #lingerMost = 0;
  #lingerPending = 0;
  #heardAtEnd = false;
  /** Since when part of a frame or block has been waited for; 0: none is. */
  #partialSince = 0;
  #framesSeen = 0;

  constructor(wheel: DeadlineWheel) {
    this.wheel = wheel;
    this.#deadline = wheel.borrow(this);
    wheel.set(this.#deadline, HOUSEKEEPING);
  }

  /** Sends our SETTINGS and widens the connection window; what is sent first goes before it. */
  protected start(settings: Buffer, window: number = CONNECTION_WINDOW): void {
    this.control.sendSettings(settings);
    this.receiver.open(window);
    if (window > DEFAULT_WINDOW) this.sender.windowUpdate(0, window - DEFAULT_WINDOW);
  }

  /** A HEADERS frame began: whether its stream may have one. False: an error was raised. */
  abstract acceptsHeaders(streamId: number): boolean;
  /** A whole header block in ARENA. It must be decoded, whatever becomes of its stream. */
  abstract onHeaders(streamId: number, block: HeaderBlock): void;
  abstract onGoaway(lastStreamId: number, code: number): void;
  abstract onPingAck(at: number): void;
  abstract onPeerSettings(): void;
  /** A stream ended, and the map no longer has it. */
  protected abstract onStreamClosed(): void;
  /** Looks at what the connection waits for. */
  protected abstract onHousekeeping(now: number): void;
  /** The connection ends; its streams have been failed. */
  protected abstract onEnded(): void;
  /** The peer is the client. */
  abstract readonly peerOpensStreams: boolean;
  /** Highest stream of the peer's that was taken. */
  abstract get lastPeerStream(): number;
  /** The peer's SETTINGS have not come. */
  get awaitsSettings(): boolean {
    return this.control.awaitsSettings;
  }

  /** Whether a stream of this number was ever opened, by either side. */
  abstract wasOpened(streamId: number): boolean;

  // ── the driver's calls

  onBytes(start: number, end: number): void {
    if (this.dead) {
      this.#heardAtEnd = true;
      return;
    }
    this.reader.feed(start, end);
    this.#notePartial();
    this.receiver.flushTouched();
  }

  /** What is incomplete after a read, although no frame became complete with it, has a deadline. */
  #notePartial(): void {
    const { frames, partial } = this.reader;
    if (!partial && !this.headers.underWay) this.#partialSince = 0;
    else if (this.#partialSince === 0 || frames !== this.#framesSeen) this.#partialSince = this.wheel.now + 1;
    this.#framesSeen = frames;
  }

  onOpen(): void {}

  onEnd(): void {
    this.end('closed_early');
  }

  onDrain(): void {
    this.sender.output.blocked = false;
    schedule(this);
  }

  onClose(error: NodeJS.ErrnoException | undefined): void {
    const { link } = this;
    this.link = null;
    if (link !== null) this.wheel.giveBack(this.#deadline);
    this.#fail(error === undefined ? 'closed_early' : 'reset', frame.CANCEL);
    this.sender.output.drop();
  }

  // ── the reader's calls

  onFrame(start: number, end: number): void {
    const { type } = this.reader;
    if (this.headers.underWay && !this.headers.goesOn()) {
      this.connectionError(frame.PROTOCOL_ERROR, 'a header block was interrupted by another frame');
    } else if (type === frame.HEADERS) {
      this.headers.onHeaders(start, end);
    } else if (type === frame.CONTINUATION) {
      this.headers.onContinuation(start, end);
    } else {
      this.control.take(start, end);
    }
  }

  onFrameError(code: number, reason: string): void {
    this.connectionError(code, reason);
  }

  // ── for streams and codecs

  /** Of a head that the peer sends. */
  protected get maxHeaderLines(): number {
    return MAX_FIELDS;
  }

  /** Decodes a header block; undefined: a connection error was raised. */
  protected decode(role: SectionRole, block: HeaderBlock): SectionFault | undefined {
    this.section.table.most = this.maxHeaderLines;
    this.section.begin(role, MAX_SECTION_BYTES);
    if (this.#decoder.decode(block.start, block.end, this.section)) return this.section.finish(block.endStream);
    this.connectionError(frame.COMPRESSION_ERROR, 'a header block cannot be decoded');
    return undefined;
  }

  /** A window grew. */
  sendMore(): void {
    if (this.sender.waiting.length > 0) schedule(this);
  }

  /** Ends a stream with RST_STREAM and tells whoever it is for. */
  streamError(stream: H2Stream, code: number, why: Failure): void {
    this.resetStream(stream, code);
    stream.fail(why, code);
  }

  resetStream(stream: H2Stream, code: number): void {
    if (this.streams.get(stream.id) !== stream) return;
    this.sender.reset(stream.id, code);
    this.forget(stream, RESET_BY_US);
  }

  /** A stream error by the peer: it made us reset the stream (CVE-2025-8671), and has a budget for that. */
  violation(stream: H2Stream, code: number): void {
    this.control.countReset();
    this.streamError(stream, code, 'protocol_error');
  }

  /** A message that breaks RFC 9113 8. */
  malformed(stream: H2Stream): void {
    abuseCounts.malformed_message++;
    this.violation(stream, frame.PROTOCOL_ERROR);
  }

  /** As malformed, for a stream that there is no object for. */
  refuseStream(streamId: number, code: number): void {
    this.control.countReset();
    this.sender.reset(streamId, code);
    this.closedStreams.add(streamId, RESET_BY_US);
  }

  /** Lets go of a stream that both sides have closed. */
  settle(stream: H2Stream): void {
    if (!stream.done || this.streams.get(stream.id) !== stream) return;
    this.forget(stream, ENDED);
  }

  forget(stream: H2Stream, how: typeof RESET_BY_US | typeof ENDED): void {
    this.streams.delete(stream.id);
    this.closedStreams.add(stream.id, how);
    stream.remoteClosed = stream.localClosed = true;
    stream.dropUnsent();
    stream.dropUndelivered();
    this.onStreamClosed();
  }

  // ── the end

  /** The attack is counted; ENHANCE_YOUR_CALM. */
  abused(abuse: Abuse): void {
    if (this.dead) return;
    abuseCounts[abuse]++;
    this.connectionError(frame.ENHANCE_YOUR_CALM, abuse.replaceAll('_', ' '));
  }

  /** RFC 9113 5.4.1: GOAWAY, and the connection ends. */
  connectionError(code: number, reason: string): void {
    if (this.dead) return;
    this.sender.goaway(this.lastPeerStream, code, reason);
    this.end('protocol_error');
  }

  /** Sends what is collected and closes. Streams under way fail. */
  end(why: Failure): void {
    if (this.dead) return;
    this.#fail(why, frame.CANCEL);
    this.sender.output.flush();
    this.#endedWell = why !== 'protocol_error';
    this.link?.close('end');
    this.#lingerPending = this.link?.pending ?? 0;
    this.#lingerUntil = this.wheel.now + (this.#endedWell ? this.lingerPatience : LINGER_TIMEOUT);
    this.#lingerMost = this.wheel.now + MAX_LINGER;
    this.lookIn(FIRST_LOOK);
  }

  /** Milliseconds to wait for the peer to close after an end in good order, from its last sign of taking what was sent. */
  protected get lingerPatience(): number {
    return LINGER_TIMEOUT;
  }

  /** Milliseconds until the next look at what the connection waits for. */
  protected get nextLook(): number {
    return HOUSEKEEPING;
  }

  /** Looks at what the connection waits for earlier than it would. */
  protected lookIn(milliseconds: number): void {
    this.wheel.set(this.#deadline, milliseconds);
  }

  /** Ends at once. What the kernel has already is sent by it all the same where nothing was under way. */
  cut(): void {
    const whole = this.dead && this.#endedWell && (this.link?.pending ?? 0) === 0;
    this.#fail('draining', frame.CANCEL);
    this.link?.close(whole ? 'leave' : 'reset');
  }

  /** A peer that is slow to take what was sent gets the time for it, as long as it goes on. */
  #endLinger(now: number): void {
    const pending = this.link?.pending ?? 0;
    if (this.#endedWell && (pending < this.#lingerPending || this.#heardAtEnd)) {
      this.#lingerUntil = Math.min(now + this.lingerPatience, this.#lingerMost);
    }
    this.#lingerPending = pending;
    this.#heardAtEnd = false;
    if (now >= this.#lingerUntil) this.link?.close(this.#endedWell && pending === 0 ? 'leave' : 'reset');
  }

  #fail(why: Failure, code: number): void {
    this.reader.stopped = true;
    if (this.dead) return;
    this.dead = true;
    this.receiver.end();
    const streams = [...this.streams.values()];
    this.streams.clear();
    for (const stream of streams) {
      stream.remoteClosed = stream.localClosed = true;
      stream.dropUnsent();
      stream.fail(why, code);
    }
    this.onEnded();
  }

  onDeadline(now: number): void {
    if (this.dead) {
      this.#endLinger(now);
    } else if (this.#partialSince !== 0 && now - this.#partialSince > PARTIAL_TIMEOUT) {
      this.connectionError(frame.PROTOCOL_ERROR, 'a frame or header block did not arrive whole in time');
    } else if (this.control.ackOverdue(now)) {
      this.connectionError(frame.SETTINGS_TIMEOUT, 'SETTINGS were not acknowledged in time');
    } else {
      this.#endStalled(now);
      this.onHousekeeping(now);
    }
    if (this.link === null) return;
    const wait = this.dead ? Math.max(0, this.#lingerUntil - now) : this.nextLook;
    this.wheel.set(this.#deadline, Math.min(wait, HOUSEKEEPING));
  }

  #endStalled(now: number): void {
    for (const stream of this.sender.waiting) {
      if (!stream.hasUnsent || now - stream.movedAt < STALL_TIMEOUT) continue;
      abuseCounts.stalled_window++;
      this.streamError(stream, frame.CANCEL, 'timeout');
    }
  }

  onTurn(): void {
    this.receiver.deliverWaiting();
    this.sender.pump(this.wheel.now);
    this.sender.output.flush();
    if (this.sender.output.blocked && this.link !== null && this.link.pending > MAX_UNREAD_OUTPUT) {
      this.abused('unread_output');
    }
  }
}
