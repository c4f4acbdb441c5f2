/** A client's HTTP/2 connection: every stream is a request with an exchange of its own. */

import { ARENA, DECODE_START } from '../../ground/arena.ts';
import type { ClientConnection, Downstream, RequestSide } from '../../ground/codec.ts';
import { type DeadlineWheel, WHEEL_TICK } from '../../ground/deadline.ts';
import type { Drainable } from '../../ground/drain.ts';
import type { Link, LinkTls } from '../../ground/driver.ts';
import { grpcRefusal } from '../grpc-refusal.ts';
import { type RequestError, requestError } from '../h1/fault.ts';
import { dated, type LocalReply, sendReply } from '../local-reply.ts';
import { abuseCounts } from './abuse.ts';
import { ENDED, RESET_BY_US } from './closed-streams.ts';
import { H2Connection, HOUSEKEEPING, LINGER_TIMEOUT, PARTIAL_TIMEOUT, STALL_TIMEOUT } from './connection.ts';
import { REQUEST_SECTION, TRAILER_SECTION } from './field-section.ts';
import { NO_ERROR, PREFACE, PROTOCOL_ERROR, REFUSED_STREAM, STREAM_CLOSED } from './frame.ts';
import type { HeaderBlock } from './header-frames.ts';
import { BROKEN, REFUSED, type SectionFault, SOUND, TOO_LARGE } from './section-fault.ts';
import { ServerStream } from './server-stream.ts';
import { SERVER_SETTINGS, type ServerSettings } from './settings.ts';

/** What a server's connection needs of the world. One object for all connections of a socket. */
export interface H2ServerHost {
  readonly wheel: DeadlineWheel;
  /** Milliseconds that a connection without a stream is kept. */
  readonly keepAliveTimeout: number;
  /** Of one request. */
  readonly maxHeaderLines: number;
  /** Absent: those that are for all. */
  readonly settings?: ServerSettings;
  /** Streams of one connection, after which it takes no more; absent or 0: no limit. */
  readonly maxRequests?: number;
  /** Milliseconds of silence until the client is asked, and for its answer; absent: it is not. */
  readonly ping?: { readonly interval: number; readonly timeout: number };
  newExchange(down: Downstream): RequestSide;
  /** The answer to a request that no exchange can take; it is entered in the access log. */
  refusal(connection: H2ServerConnection, why: RequestError): LocalReply;
  /** The connection will not take another request. Called once. */
  closed(connection: H2ServerConnection): void;
  /** It is gone, and its last byte with it. Called once. */
  gone(connection: H2ServerConnection): void;
}

/** RFC 9113 6.8: the number that announces a shutdown before the last stream is known. */
const ANY_STREAM = 0x7fff_ffff;
const THERE_PING: Buffer = Buffer.from('is there', 'latin1');
const DRAIN_PING: Buffer = Buffer.from('draining', 'latin1');
const DEPARTURE_PING: Buffer = Buffer.from('departed', 'latin1');
/** For the peer to answer DRAIN_PING. */
const DRAIN_PING_TIMEOUT = 2_000;
/** The same where nothing is under way: a request that crosses the last GOAWAY is safe to be sent again. */
const IDLE_PING_TIMEOUT = 500;
/**
 * Milliseconds for a client to end a request by itself that was answered before its end. A RST_STREAM that arrives together with the
 * answer makes some clients lose the answer: curl 7.88 calls it an error of the stream.
 */
export const STOP_GRACE = 100;
/** Milliseconds for a request to come to its end after its answer, as long as something comes in each STOP_GRACE. */
export const AFTER_ANSWER_TIMEOUT = 30_000;
/**
 * Milliseconds for a client to close by itself from the end of its last stream, after a GOAWAY. Some lose what their program has not
 * read when they see our end first: Node.js drops the last 64 KiB and more of each stream.
 */
export const DEPARTURE_TIMEOUT = 2_000;
/** Bytes that a peer holds without reading: when no more than these are unproven, nothing can be lost. */
const LEAST_BUFFER: number = 64 * 1024;
const LAST_STREAM = 0x7fff_ffff;

export class H2ServerConnection extends H2Connection implements ClientConnection, Drainable {
  readonly peerOpensStreams = true;
  readonly protocol = 'HTTP/2.0';
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localAddress: string;
  readonly localPort: number;
  readonly tls: LinkTls | undefined;
  readonly scheme: string;
  forwardedPort = -1;
  forwardedText = '';
  ownPools: ClientConnection['ownPools'] = undefined;
  readonly #host: H2ServerHost;
  readonly #maxStreams: number;
  #requests = 0;
  /** When something last came, and when the client was asked whether it is there; 0: it was not. */
  #heardAt: number;
  #askedAt = 0;
  #prefaceSeen = 0;
  #lastStream = 0;
  #idleSince: number;
  /** When draining began; 0: it did not. */
  #drainingSince = 0;
  /** A stream came to its end after one side had said GOAWAY. */
  #servedLast = false;
  /** The last stream has ended, and the client is to close. */
  #departing = false;
  /** The last GOAWAY is out: streams above this one are not taken. */
  #limit: number = LAST_STREAM;
  /** DATA that had been sent when the drain's PING went out, and the part of all DATA that the client surely has. */
  #sentAtPing = 0;
  #proven = 0;
  /** Streams that were answered before the end of their requests. */
  readonly #answeredEarly: ServerStream[] = [];

  /** The bytes that made somebody choose HTTP/2 come through `onBytes` like all others. */
  constructor(link: Link, host: H2ServerHost) {
    super(host.wheel);
    this.#host = host;
    this.link = link;
    this.remoteAddress = link.remoteAddress;
    this.remotePort = link.remotePort;
    this.localAddress = link.localAddress;
    this.localPort = link.localPort;
    this.tls = link.tls;
    this.scheme = link.tls === undefined ? 'http' : 'https';
    this.#idleSince = this.#heardAt = host.wheel.now;
    this.sender.output.open(link);
    const { settings = SERVER_SETTINGS } = host;
    this.#maxStreams = settings.maxStreams;
    this.streamWindow = settings.streamWindow;
    this.reader.maxFrame = settings.maxFrame;
    this.start(settings.payload, settings.connectionWindow);
  }

  get client(): ClientConnection {
    return this;
  }

  get lastPeerStream(): number {
    return this.#lastStream;
  }

  wasOpened(streamId: number): boolean {
    return streamId <= this.#lastStream && streamId % 2 === 1;
  }

  override onBytes(start: number, end: number): void {
    this.#heardAt = this.wheel.now;
    this.#askedAt = 0;
    let at = start;
    while (this.#prefaceSeen < PREFACE.length && at < end) {
      if (ARENA[at++] === PREFACE.charCodeAt(this.#prefaceSeen++)) continue;
      this.connectionError(PROTOCOL_ERROR, 'the connection does not begin with the preface');
      return;
    }
    if (at < end) super.onBytes(at, end);
  }

  // ── graceful shutdown

  /** Says that no more requests are taken, once and then with the last stream's number, and closes after those. */
  drain(): void {
    if (this.dead || this.#drainingSince !== 0) return;
    this.#drainingSince = this.wheel.now + 1;
    // A client may have sent requests before it hears of it: those are taken until its PING comes back.
    this.sender.goaway(ANY_STREAM, NO_ERROR, '');
    this.sender.ping(0, DRAIN_PING, 0);
    this.#sentAtPing = this.sender.sent;
    if (this.streams.size === 0) this.lookIn(IDLE_PING_TIMEOUT + WHEEL_TICK);
  }

  onPingAck(at: number): void {
    const said = ARENA.latin1Slice(at, at + DRAIN_PING.length);
    if (this.#departing && said === 'departed') {
      this.#proven = this.sender.sent;
    } else if (this.#drainingSince !== 0 && said === 'draining') {
      this.#proven = Math.max(this.#proven, this.#sentAtPing);
      this.#finishDrain();
    }
  }

  #finishDrain(): void {
    if (this.#limit !== LAST_STREAM) return;
    this.#limit = this.#lastStream;
    this.sender.goaway(this.#lastStream, NO_ERROR, '');
    if (this.streams.size === 0) this.#depart();
  }

  /** A client that has just been served closes first, if it does so in time; one that was idle is not waited for. */
  #depart(): void {
    if (this.dead || this.#departing) return;
    if (this.#departurePatience <= 0) return this.#endServed();
    this.#departing = true;
    // Its answer proves that all has come: nothing is sent after it.
    this.sender.ping(0, DEPARTURE_PING, 0);
    this.lookIn(Math.min(this.nextLook, HOUSEKEEPING));
  }

  #endServed(): void {
    // Nothing has been under way: what little was sent has been there for a while.
    if (this.sender.sent - this.#proven <= LEAST_BUFFER) this.#proven = this.sender.sent;
    this.end('draining');
  }

  /** Milliseconds that the client still has to close. */
  get #departurePatience(): number {
    return this.#servedLast ? this.#idleSince + DEPARTURE_TIMEOUT - this.wheel.now : 0;
  }

  /**
   * A client that has everything needs no time; and one that may have a lot left in the kernel's buffers must not be
   * reset by what it sends while it reads, such as WINDOW_UPDATE.
   */
  protected override get lingerPatience(): number {
    const unproven = this.sender.sent - this.#proven;
    if (unproven > LEAST_BUFFER) return STALL_TIMEOUT;
    const leaving = this.#drainingSince !== 0 || this.#departing;
    const hasAll = unproven === 0 && leaving && this.link?.pending === 0;
    return hasAll ? 0 : LINGER_TIMEOUT;
  }

  onGoaway(): void {
    // The client opens no more streams: it closes when it has its answers, and so do we after it.
    this.#limit = Math.min(this.#limit, this.#lastStream);
    if (this.streams.size === 0) this.#depart();
  }

  onPeerSettings(): void {}

  /** RFC 9113 8.1: NO_ERROR asks the client to stop sending a request that nobody reads, unless it is soon at its end. */
  stopLater(stream: ServerStream): void {
    stream.movedAt = stream.answeredAt = this.wheel.now;
    if (this.#answeredEarly.push(stream) === 1) this.lookIn(STOP_GRACE);
  }

  #stopAnswered(now: number): void {
    // A gateway that is to go does not wait for what nobody reads.
    const patience = this.#drainingSince === 0 ? AFTER_ANSWER_TIMEOUT : STOP_GRACE;
    const early = this.#answeredEarly;
    let left = 0;
    for (const stream of early) {
      if (now - stream.movedAt >= STOP_GRACE || now - stream.answeredAt >= patience) this.resetStream(stream, NO_ERROR);
      else if (!stream.remoteClosed) early[left++] = stream;
    }
    early.length = left;
  }

  protected override get nextLook(): number {
    if (this.#answeredEarly.length > 0) return STOP_GRACE;
    return this.#departing ? Math.max(WHEEL_TICK, this.#departurePatience) : HOUSEKEEPING;
  }

  protected onStreamClosed(): void {
    if (this.#drainingSince !== 0 || this.#limit !== LAST_STREAM) this.#servedLast = true;
    if (this.streams.size > 0) return;
    this.#idleSince = this.wheel.now;
    if (this.#limit !== LAST_STREAM) this.#depart();
  }

  protected onHousekeeping(now: number): void {
    if (this.#answeredEarly.length > 0) this.#stopAnswered(now);
    const patienceForPing = this.streams.size === 0 ? IDLE_PING_TIMEOUT : DRAIN_PING_TIMEOUT;
    if (this.#drainingSince !== 0 && now - this.#drainingSince >= patienceForPing) this.#finishDrain();
    if (this.dead || this.#isAway(now) || this.streams.size > 0) return;
    if (this.#departing) {
      if (this.#departurePatience <= 0) this.#endServed();
      return;
    }
    const { keepAliveTimeout } = this.#host;
    const patience = this.awaitsSettings ? Math.min(PARTIAL_TIMEOUT, keepAliveTimeout) : keepAliveTimeout;
    if (now - this.#idleSince < patience) return;
    this.sender.goaway(this.#lastStream, NO_ERROR, 'idle');
    this.end('timeout');
  }

  /** A client that said nothing for long is asked; true: it does not answer. */
  #isAway(now: number): boolean {
    const { ping } = this.#host;
    if (ping === undefined) return false;
    if (this.#askedAt === 0) {
      if (now - this.#heardAt < ping.interval) return false;
      this.#askedAt = now;
      this.sender.ping(0, THERE_PING, 0);
      return false;
    }
    if (now - this.#askedAt < ping.timeout) return false;
    this.end('timeout');
    return true;
  }

  protected onEnded(): void {
    this.#host.closed(this);
  }

  override cut(): void {
    // It has been answered: what the kernel has is sent all the same.
    if (this.#departing) this.end('draining');
    super.cut();
  }

  override onClose(error: NodeJS.ErrnoException | undefined): void {
    super.onClose(error);
    this.#host.gone(this);
  }

  // ── requests

  acceptsHeaders(streamId: number): boolean {
    if (streamId % 2 === 0) {
      this.connectionError(PROTOCOL_ERROR, "HEADERS on a stream that is not the client's");
      return false;
    }
    if (streamId > this.#lastStream || this.streams.has(streamId)) return true;
    switch (this.closedStreams.how(streamId)) {
      case RESET_BY_US:
        return true;
      case ENDED:
        this.connectionError(STREAM_CLOSED, 'HEADERS on a closed stream');
        return false;
      default:
        this.connectionError(PROTOCOL_ERROR, 'the number of a new stream is not above all before it');
        return false;
    }
  }

  onHeaders(streamId: number, block: HeaderBlock): void {
    if (streamId > this.#lastStream) {
      this.#lastStream = streamId;
      const fault = this.decode(REQUEST_SECTION, block);
      if (fault !== undefined) this.#open(streamId, fault, block.endStream);
      return;
    }
    const fault = this.decode(TRAILER_SECTION, block);
    const stream = this.streams.get(streamId);
    if (stream === undefined) this.#dropTrailers(streamId, block.endStream);
    else if (fault !== undefined) this.#onTrailers(stream as ServerStream, fault, block.endStream);
  }

  #open(streamId: number, fault: SectionFault, complete: boolean): void {
    if (streamId > this.#limit || this.streams.size >= this.#maxStreams) {
      this.refuseStream(streamId, REFUSED_STREAM);
    } else if (fault === BROKEN) {
      abuseCounts.malformed_message++;
      this.refuseStream(streamId, PROTOCOL_ERROR);
    } else {
      const stream = new ServerStream(this, streamId);
      stream.remoteClosed = complete;
      this.streams.set(streamId, stream);
      if (fault === SOUND) this.#startExchange(stream, complete);
      else if (fault === REFUSED) this.#turnAway(stream);
      else this.#refuse(stream, fault === TOO_LARGE ? 431 : 501);
    }
  }

  protected override get maxHeaderLines(): number {
    return this.#host.maxHeaderLines;
  }

  #startExchange(stream: ServerStream, complete: boolean): void {
    const { head } = this.section;
    const upgrade = head.upgradeEnd > 0;
    if (upgrade) stream.hold();
    else if (!complete) stream.expectLength(head.contentLength);
    if (++this.#requests === this.#host.maxRequests) this.drain();
    const exchange = this.#host.newExchange(stream);
    stream.exchange = exchange;
    // Before the tunnel there is no body: the request is complete as an HTTP/1.1 one would be.
    exchange.requestHead(head, complete || upgrade);
    // The backend is to see the head although no body has come: it may have something to say to it.
    if (!complete) this.receiver.touch(stream);
  }

  /** Answers a request for a path or host that is not taken, as HTTP/1.1 does. */
  #turnAway(stream: ServerStream): void {
    stream.discard();
    const { refusedFor, refusesHead } = this.section;
    sendReply(stream, dated(this.#host.refusal(this, requestError(refusedFor))), refusesHead);
  }

  /** Answers a request that no exchange can take. */
  #refuse(stream: ServerStream, status: 431 | 501): void {
    if (status === 431) abuseCounts.section_too_large++;
    stream.discard();
    const { grpcType } = this.section;
    if (grpcType === '') return sendReply(stream, dated({ status, lines: '', body: '' }), false);
    const message = 'The head of this request has too many lines, or is too large.';
    sendReply(stream, dated(grpcRefusal(grpcType, status, { message, requestId: '' })), false);
  }

  /** Of a stream that we reset: the client may not have known. */
  #dropTrailers(streamId: number, endStream: boolean): void {
    if (endStream) this.closedStreams.end(streamId);
    else this.control.countReset();
  }

  #onTrailers(stream: ServerStream, fault: SectionFault, endStream: boolean): void {
    if (stream.remoteClosed) this.violation(stream, STREAM_CLOSED);
    else if (!endStream || fault !== SOUND) this.malformed(stream);
    else if (!stream.receiveEnd(DECODE_START, this.section.out)) this.malformed(stream);
    else {
      this.receiver.touch(stream);
      this.settle(stream);
    }
  }
}
