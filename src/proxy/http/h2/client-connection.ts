/** A connection to a backend that carries many requests at a time. */
import { DECODE_START } from '../../ground/arena.ts';
import type { Failure, ResponseSide } from '../../ground/codec.ts';
import { connectFailure } from '../../ground/connect-failure.ts';
import type { DeadlineWheel } from '../../ground/deadline.ts';
import type { Link } from '../../ground/driver.ts';
import { ClientStream } from './client-stream.ts';
import { ENDED } from './closed-streams.ts';
import { H2Connection } from './connection.ts';
import { RESPONSE_SECTION, RESPONSE_TRAILER_SECTION } from './field-section.ts';
import { NO_ERROR, PREFACE, PROTOCOL_ERROR, REFUSED_STREAM, STREAM_CLOSED } from './frame.ts';
import type { HeaderBlock } from './header-frames.ts';
import { KeepAlive } from './keep-alive.ts';
import { type SectionFault, SOUND } from './section-fault.ts';
import { CLIENT_SETTINGS } from './settings.ts';

/** What a client's connection tells its pool. */
export interface H2ClientHost {
  readonly wheel: DeadlineWheel;
  /** Milliseconds that a connection without a stream is kept. */
  readonly idleTimeout: number;
  /** 0: as many as come. */
  readonly requestsPerConnection: number;
  /** It is open. */
  opened(connection: H2ClientConnection): void;
  /** It could not be opened. */
  refused(connection: H2ClientConnection, why: Failure): void;
  /** A stream ended, or the backend allows more of them. */
  available(connection: H2ClientConnection): void;
  /** The backend allows no stream on it from now on. */
  closedItself(connection: H2ClientConnection): void;
  /** It is open, and speaks another version. True: the connection is taken over. */
  otherwise(link: Link): boolean;
  /** It takes no more requests. Called once, after `opened`. */
  gone(connection: H2ClientConnection): void;
  /** The backend does not answer on it any more. */
  lost(): void;
}

/** Streams that we open before the backend's SETTINGS say how many it takes; RFC 9113 6.5.2 asks for no less. */
export const FIRST_STREAMS = 100;
/** Streams that we open at most: more would wait on one TCP connection for each other. */
const MOST_STREAMS = 256;
const LAST_STREAM = 0x7fff_ffff;
/** What PINGs carry: nobody reads it, as any byte that comes answers them. */
const ALIVE_PING = Buffer.from('alive?  ');

export class H2ClientConnection extends H2Connection {
  readonly peerOpensStreams = false;
  readonly keepAlive: KeepAlive;
  readonly #host: H2ClientHost;
  #open = false;
  #nextStream = 1;
  /** It takes no more requests: GOAWAY came, numbers ran out, or the pool retired it. */
  #retired = false;
  /** The backend has answered a request on it. */
  #answered = false;
  #idleSince = 0;

  constructor(host: H2ClientHost) {
    super(host.wheel);
    this.#host = host;
    this.keepAlive = new KeepAlive(host.wheel.now);
    this.sender.output.raw(PREFACE);
    this.start(CLIENT_SETTINGS);
  }

  /** Whether `request` would answer a stream. */
  get free(): boolean {
    const limit = this.awaitsSettings ? FIRST_STREAMS : Math.min(this.sender.peer.maxStreams, MOST_STREAMS);
    return this.#open && !this.#retired && !this.dead && this.streams.size < limit;
  }

  /** Its backend takes no request on it, for as long as it says so. */
  get shut(): boolean {
    return !this.awaitsSettings && this.sender.peer.maxStreams === 0;
  }

  /** Other requests went over it before. */
  get used(): boolean {
    return this.#nextStream > 1;
  }

  /** Nothing is under way on it, and its backend has closed it or says something: it is not to be used again then. */
  hasEnded(): boolean {
    return this.streams.size === 0 && this.used && this.link?.hasEnded?.() === true;
  }

  /** A stream for one request; only while `free`. */
  request(exchange: ResponseSide): ClientStream {
    const id = this.#nextStream;
    this.#nextStream += 2;
    const { requestsPerConnection: most } = this.#host;
    if (this.#nextStream > LAST_STREAM || (most > 0 && this.#nextStream > 2 * most)) this.#retire();
    const stream = new ClientStream(this, id, exchange);
    this.streams.set(id, stream);
    return stream;
  }

  /** No more requests; closes when those under way are done. */
  retire(): void {
    this.#retire();
    if (this.streams.size === 0) this.end('draining');
  }

  /**
   * A request got no answer in its time. Where nothing at all came since it was sent (`reads` is what keepAlive had
   * counted then) the connection takes no more, whether it is dead or its backend hangs; a PING tells which.
   */
  doubt(reads: number): void {
    if (!this.#open || this.dead || this.keepAlive.reads !== reads) return;
    this.#retire();
    if (!this.keepAlive.asking) this.#ask();
  }

  /**
   * The backend turned a request away for the load that this connection is to it. Where it answered others on it before,
   * the rest goes over a new one: node:http2 counts what it had not yet sent of streams that were reset for as long as the
   * connection lives, and turns away every request on it once that is 10 MB. One that turns the first request away would
   * turn it away on any, and must not be connected to again and again.
   */
  strained(): void {
    if (this.#answered) this.#retire();
  }

  #ask(): void {
    this.sender.ping(0, ALIVE_PING, 0);
    this.keepAlive.asked(this.wheel.now);
  }

  #endIfDone(): void {
    if (this.#retired && this.streams.size === 0 && !this.keepAlive.asking) this.end('draining');
  }

  #retire(): void {
    if (this.#retired) return;
    this.#retired = true;
    if (this.#open) this.#host.gone(this);
  }

  /** A call that fails tells its exchange so after it has returned. */
  failLater(stream: ClientStream, why: Failure): void {
    queueMicrotask(() => {
      if (this.streams.get(stream.id) !== stream) return;
      this.forget(stream, ENDED);
      stream.fail(why, PROTOCOL_ERROR);
    });
  }

  // ── the driver's calls

  override onOpen(): void {
    if (this.link!.tls !== undefined && this.link!.tls.alpn !== 'h2') {
      this.#otherwise(this.link!);
      return;
    }
    this.#open = true;
    this.#idleSince = this.wheel.now;
    this.keepAlive.heard(this.wheel.now);
    this.sender.output.open(this.link!);
    this.sendMore();
    this.#host.opened(this);
  }

  override onBytes(start: number, end: number): void {
    this.keepAlive.heard(this.wheel.now);
    super.onBytes(start, end);
    if (this.#retired && !this.dead) this.#endIfDone();
  }

  override onClose(error: NodeJS.ErrnoException | undefined): void {
    if (!this.#open && !this.#retired) this.#refuse(connectFailure(error));
    super.onClose(error);
  }

  #otherwise(link: Link): void {
    this.#retired = true;
    if (this.#host.otherwise(link)) super.onClose(undefined);
    else this.#refuse('protocol_error');
  }

  /** It cannot be used: no connection, or over TLS one that does not speak HTTP/2. */
  #refuse(why: Failure): void {
    this.#retired = true;
    this.link?.close('reset');
    this.#host.refused(this, why);
  }

  // ── what frames say

  get lastPeerStream(): number {
    return 0;
  }

  wasOpened(streamId: number): boolean {
    return streamId % 2 === 1 && streamId < this.#nextStream;
  }

  onPingAck(): void {}

  onPeerSettings(): void {
    for (const stream of this.streams.values()) (stream as ClientStream).settingsKnown();
    // One that takes no more requests says nothing of others.
    if (this.#retired) return;
    if (this.shut) this.#host.closedItself(this);
    else this.#host.available(this);
  }

  /** RFC 9113 6.8: streams above the last one were not looked at; they can be sent again. */
  onGoaway(lastStreamId: number): void {
    this.#retire();
    for (const stream of [...this.streams.values()]) {
      if (stream.id <= lastStreamId) continue;
      this.forget(stream, ENDED);
      stream.fail('closed_early', REFUSED_STREAM);
    }
    if (this.streams.size === 0) this.end('closed_early');
  }

  protected onStreamClosed(): void {
    if (this.streams.size === 0) {
      this.#idleSince = this.wheel.now;
      this.#endIfDone();
    }
    if (this.free) this.#host.available(this);
  }

  protected onHousekeeping(now: number): void {
    if (!this.#open) return;
    if (this.keepAlive.overdue(now)) {
      this.#host.lost();
      return this.end('timeout');
    }
    if (this.keepAlive.due(now, this.streams.size > 0)) this.#ask();
    if (this.streams.size > 0 || now - this.#idleSince < this.#host.idleTimeout) return;
    this.sender.goaway(0, NO_ERROR, 'idle');
    this.end('timeout');
  }

  protected onEnded(): void {
    this.#retire();
  }

  // ── responses

  acceptsHeaders(streamId: number): boolean {
    if (this.wasOpened(streamId)) return true;
    this.connectionError(PROTOCOL_ERROR, 'HEADERS on a stream that was not opened');
    return false;
  }

  onHeaders(streamId: number, block: HeaderBlock): void {
    const stream = this.streams.get(streamId) as ClientStream | undefined;
    this.keepAlive.quiet = 0;
    this.#answered = true;
    const trailers = stream === undefined || stream.headSeen;
    const fault = this.decode(trailers ? RESPONSE_TRAILER_SECTION : RESPONSE_SECTION, block);
    if (stream !== undefined && fault !== undefined) this.#onSection(stream, fault, block.endStream);
  }

  #onSection(stream: ClientStream, fault: SectionFault, endStream: boolean): void {
    const trailers = stream.headSeen;
    if (stream.remoteClosed) {
      this.violation(stream, STREAM_CLOSED);
    } else if (
      fault !== SOUND ||
      (trailers && !endStream) ||
      (!trailers && !stream.receiveHead(this.section.head, endStream))
    ) {
      this.malformed(stream);
    } else if (endStream && this.streams.get(stream.id) === stream) {
      const ended = trailers ? stream.receiveEnd(DECODE_START, this.section.out) : stream.receiveEnd(0, 0);
      if (!ended) this.malformed(stream);
      else this.settle(stream);
    }
  }
}
