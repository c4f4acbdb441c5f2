/** A client's HTTP/1.1 connection: requests one after the other, pipelined ones waiting their turn. */

import { ARENA, JOIN_END, JOIN_START } from '../../ground/arena.ts';
import { BODY_OPEN, BODY_TUNNEL, type BodyFraming, type Downstream, type Failure } from '../../ground/codec.ts';
import type { Composed } from '../../ground/cursor.ts';
import type { Deadline, DeadlineOwner } from '../../ground/deadline.ts';
import type { Drainable } from '../../ground/drain.ts';
import type { Link, Sink } from '../../ground/driver.ts';
import { HeadTable } from '../../ground/head.ts';
import { TRAILER_LINES } from '../../ground/region.ts';
import { Exchange } from '../exchange.ts';
import { outbox } from '../outbox.ts';
import {
  type ConnectionLimits,
  connectionLimits,
  forgetConnection,
  type HttpService,
  linesRead,
  MAX_DISCARD_BYTES,
  retirePools,
} from '../service.ts';
import { AnswerWriter } from './answer-writer.ts';
import { BodyReader, UNTOLD } from './body-reader.ts';
import { type ChunkSink, holdsLastChunk } from './chunk.ts';
import { EndedClient } from './ended-client.ts';
import { INCOMPLETE } from './fault.ts';
import { KeptBytes } from './kept-bytes.ts';
import { LINGER_TIMEOUT, Linger } from './linger.ts';
import { mayEndHead, namesOtherProtocol, parseRequestHead, requestError } from './parse.ts';
import { beginsAsPreface, PREFACE_KNOWN, type PrefaceHandler } from './preface.ts';
import { HEAD_TIMEOUT, type Refusal, refusal } from './refusal.ts';

const READ_HEAD = 0;
const READ_BODY = 1;
/** The request was read whole; what comes now waits for the answer to be sent, and for the client to take it. */
const HOLD = 2;
const TUNNEL = 3;
/** The last answer was sent: what comes is dropped until the client closes, so that it can read the answer. */
const LINGER = 4;
const CLOSED = 5;

/** First look at a backlog; doubled while a head does not fit. */
const FIRST_WINDOW = 2 * 1024;
/** Bytes of pipelined requests kept; above it reading stops. */
const MAX_BACKLOG = 64 * 1024;
/** A client that keeps its connection busy sends its next request within this time, and hears that it is the last. */
const DRAIN_GRACE = 500;

const TABLE = new HeadTable();

export class H1ServerConnection extends AnswerWriter implements Sink, Downstream, DeadlineOwner, ChunkSink, Drainable {
  readonly #service: HttpService;
  readonly #limits: ConnectionLimits;
  readonly #onPreface: PrefaceHandler | undefined;
  readonly #deadline: Deadline;
  readonly #kept = new KeptBytes();
  #exchange: Exchange | null = null;
  #state = READ_HEAD;
  /** Null before the first request that has a body. */
  #bodyReader: BodyReader | null = null;
  #requests = 0;
  #pumping = false;
  /** While bytes are read: where in ARENA the body begins or goes on, and where they end. */
  #readFrom = 0;
  #readTo = 0;
  #discarding = false;
  #discarded = 0;
  #closeAfter = false;
  /** Was told to drain, alone or with all others. */
  #draining = false;
  #linger: Linger | null = null;
  #tunnelEnded = false;
  /** A part of the answer under way has gone to its writer. */
  #answerBegun = false;
  #tunnelOut = false;
  /** The answer ends with the connection. */
  #endsOpen = false;
  /** The exchange wants no more of the body for now. */
  #bodyPaused = false;

  constructor(link: Link, service: HttpService, onPreface?: PrefaceHandler) {
    super(link);
    this.#service = service;
    this.#limits = connectionLimits(service, link.tls?.serverName ?? '');
    this.#onPreface = onPreface;
    this.#deadline = service.wheel.borrow(this);
    service.wheel.set(this.#deadline, this.#limits.keepAliveTimeout);
    service.stats.connections.value++;
    service.stats.connectionsOpen.value++;
    service.connections.add(this);
  }

  // ── the driver's calls

  onOpen(): void {}

  onBytes(start: number, end: number): void {
    if (this.#state >= LINGER) return this.#linger?.hear();
    if (this.#kept.size > 0 || this.#state === HOLD) return this.#keep(start, end);
    if (this.#state === TUNNEL) {
      this.#exchange?.requestBody(start, end);
      this.#exchange?.requestFlush();
      return;
    }
    this.#pumping = true;
    const used = this.#consume(start, end);
    this.#pumping = false;
    if (this.#state >= LINGER) return;
    if (start + used < end) this.#kept.append(start + used, end);
    this.#settle();
    // An answer that came at once left the next request waiting.
    if (this.#kept.size > 0 && this.#state === READ_HEAD && used > 0) this.#pump();
  }

  #keep(start: number, end: number): void {
    const before = this.#kept.size;
    this.#kept.append(start, end);
    if (this.#state === HOLD) {
      if (this.#kept.size > MAX_BACKLOG) this.link.pause();
      return;
    }
    if (this.#state !== READ_HEAD || before < PREFACE_KNOWN || mayEndHead(start, end, before)) this.#pump();
  }

  /** One direction of a connection may end alone. What was asked before that is answered. */
  onEnd(): void {
    if (this.#state === TUNNEL) {
      this.#exchange?.requestEnd(0, 0);
      if (this.#tunnelEnded) this.#finish();
      return;
    }
    const watch = { link: this.link, wheel: this.#service.wheel, deadline: this.#deadline };
    this.ended = new EndedClient(watch, this.#answerBegun);
    if (this.#state !== HOLD) this.#endShort();
    else if (this.#exchange !== null) this.ended.lookLater();
  }

  /** The client said its last in the middle of a request, or before one. */
  #endShort(): void {
    if (this.#exchange === null) return this.link.pending > 0 ? this.#finish() : this.#close('end');
    if (this.#discarding) this.#closeAfter = true;
    else this.#drop('closed_early');
  }

  onDrain(): void {
    this.blocked = false;
    this.reclaim();
    if (this.#exchange !== null) {
      this.#exchange.downstreamDrained();
    } else if (this.#state === HOLD) {
      this.#nextRequest();
      this.#pump();
    }
  }

  onClose(error: NodeJS.ErrnoException | undefined): void {
    if (this.#state !== CLOSED) this.#drop(error === undefined ? 'closed_early' : 'reset');
    this.#service.wheel.giveBack(this.#deadline);
    retirePools(this);
    forgetConnection(this.#service, this);
  }

  onDeadline(): void {
    if (this.#state === CLOSED) return;
    if (this.#state === LINGER) this.#endLinger();
    else if (this.#exchange !== null) {
      if (this.ended?.look()) this.#drop('closed_early');
    } else if (this.#state !== READ_HEAD) this.#close('reset');
    else if (this.#kept.size === 0) this.#leave();
    else this.#refuse(HEAD_TIMEOUT, JOIN_START, this.#kept.window(this.#kept.size));
  }

  /** No more requests after the one under way. One that is idle ends, unless it was busy a moment ago. */
  drain(): void {
    if (this.#draining) return;
    this.#draining = this.#closeAfter = true;
    if (this.#exchange !== null || this.#state !== READ_HEAD || this.#kept.size > 0) return;
    const { wheel } = this.#service;
    const idleSince = this.#deadline.dueAt - this.#limits.keepAliveTimeout;
    const grace = idleSince + DRAIN_GRACE - wheel.now;
    if (grace > 0) wheel.set(this.#deadline, grace);
    else this.#leave();
  }

  /** An answer that the kernel has already is sent by it all the same. */
  cut(): void {
    if (this.#state === LINGER && this.link.pending === 0) this.#close('leave');
    else if (this.#state === CLOSED) this.link.close('reset');
    else this.#drop('draining');
  }

  // ── reading requests

  /** Works through kept bytes, a window at a time. */
  #pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    let window = this.#state === READ_HEAD ? FIRST_WINDOW : MAX_BACKLOG;
    while (this.#kept.size > 0 && (this.#state < HOLD || this.#state === TUNNEL)) {
      const end = this.#kept.window(window);
      const used = this.#consume(JOIN_START, end);
      if (used > 0) this.#kept.consume(used);
      else if (end - JOIN_START < this.#kept.size) window *= 2;
      else break;
    }
    this.#pumping = false;
    if (this.#state >= LINGER) return;
    if (this.ended !== null && this.#state < HOLD) return this.#endShort();
    if (this.#kept.size <= MAX_BACKLOG && this.#state !== HOLD && !this.#bodyPaused) this.link.resume();
    this.#settle();
  }

  /** Sends on what the read brought, and sets the deadline for what is missing. */
  #settle(): void {
    if (this.#exchange !== null) {
      if (this.#state !== HOLD) this.#exchange.requestFlush();
      return;
    }
    if (this.#state === READ_HEAD && this.#kept.size > 0) {
      if (this.#deadline.dueAt > this.#service.wheel.now + this.#limits.headTimeout) {
        this.#service.wheel.set(this.#deadline, this.#limits.headTimeout);
      }
    }
  }

  /** Reads ARENA[start,end) as far as it can; answers the number of bytes that are done with. */
  #consume(start: number, end: number): number {
    let at = start;
    this.#readFrom = start;
    this.#readTo = end;
    while (at < end) {
      switch (this.#state) {
        case READ_HEAD: {
          const after = this.#readHead(at, end);
          if (after === at) return at - start;
          at = after;
          break;
        }
        case READ_BODY: {
          const used = this.#bodyReader!.read(at, end, this);
          if (used < 0) return this.#malformedBody(used, end - start);
          at += used;
          if (this.#bodyReader!.done && this.#state === READ_BODY) this.#requestDone(this.#bodyReader!.loadTrailers());
          break;
        }
        case HOLD:
          return at - start;
        case TUNNEL:
          this.#exchange?.requestBody(at, end);
          at = end;
          break;
        default:
          return end - start;
      }
    }
    return at - start;
  }

  /** Answers where reading goes on: `at` itself where more bytes are needed. */
  #readHead(at: number, end: number): number {
    if (this.#requests === 0 && ARENA[at] === 0x50 && this.#isPreface(at, end)) return at;
    TABLE.most = linesRead(this.#service);
    const head = parseRequestHead(at, end, TABLE);
    if (head === INCOMPLETE) return at;
    if (typeof head === 'number') {
      // Where HTTP/2 may begin, what speaks neither is let go of without an answer in HTTP/1.1 (RFC 9113 3.4).
      if (this.#requests === 0 && this.#onPreface !== undefined && namesOtherProtocol(at, end)) {
        this.#service.stats.refused.value++;
        this.#close('leave');
      } else this.#refuse({ ...requestError(head), reason: 'malformed_request' }, at, end);
      return end;
    }
    const after = head.end;
    this.#readFrom = after;
    this.#requests++;
    this.#deadline.dueAt = Number.POSITIVE_INFINITY;
    this.#answerBegun = false;
    this.minorVersion = head.minorVersion;
    const { maxRequests } = this.#limits;
    const last = maxRequests > 0 && this.#requests >= maxRequests;
    this.#closeAfter = last || !head.keepAlive || this.#draining || this.#service.connections.parting;
    this.expectsContinue = head.expectContinue;
    this.#bodyPaused = false;
    this.#discarding = false;
    this.#discarded = 0;
    const complete = !head.chunked && head.contentLength <= 0;
    if (complete) {
      this.#state = HOLD;
    } else {
      this.#state = READ_BODY;
      (this.#bodyReader ??= new BodyReader()).begin(head.contentLength, head.chunked);
    }
    this.#exchange = new Exchange(this.#service, this);
    this.ended?.expect();
    this.#exchange.requestHead(head, complete);
    return after;
  }

  /** True where HTTP/2 begins, or that cannot be told yet. */
  #isPreface(at: number, end: number): boolean {
    if (this.#onPreface === undefined || !beginsAsPreface(at, end)) return false;
    if (end - at < PREFACE_KNOWN) return true;
    this.#state = CLOSED;
    this.#service.wheel.giveBack(this.#deadline);
    const all = at === JOIN_START && this.#kept.size > 0 ? this.#kept.window(this.#kept.size) : end;
    this.#kept.clear();
    // The other is counted before this one is not: a port that drains ends with its last connection.
    this.#onPreface(this.link, this.#service, { start: at, end: all });
    this.#service.stats.connections.value--;
    forgetConnection(this.#service, this);
    return true;
  }

  onData(start: number, end: number): void {
    this.expectsContinue = false;
    if (!this.#discarding) {
      this.#exchange?.requestBody(start, end);
      return;
    }
    this.#discarded += end - start;
    if (this.#discarded <= MAX_DISCARD_BYTES) return;
    this.#closeAfter = true;
    if (this.#exchange === null) this.#finish();
  }

  #requestDone(trailersEnd: number): void {
    if (this.#bodyPaused) this.resumeBody();
    this.#state = HOLD;
    if (this.#exchange === null) this.#rest();
    else if (!this.#discarding) this.#exchange.requestEnd(trailersEnd === 0 ? 0 : TRAILER_LINES.start, trailersEnd);
  }

  /** Request and answer are done with. The next one waits until the client has taken this answer. */
  #rest(): void {
    if (this.blocked && !this.#closeAfter) {
      this.#service.wheel.set(this.#deadline, this.#service.limits.streamIdleTimeout);
    } else {
      this.#nextRequest();
    }
  }

  #nextRequest(): void {
    if (this.#closeAfter || (this.ended !== null && this.#kept.size === 0)) return this.#finish();
    this.#state = READ_HEAD;
    this.#service.wheel.set(this.#deadline, this.#limits.keepAliveTimeout);
  }

  #malformedBody(code: number, used: number): number {
    const { status, message } = requestError(code);
    this.#service.stats.refused.value++;
    this.#closeAfter = true;
    if (this.#exchange !== null) this.#exchange.requestRefused(status, message);
    else this.#close('reset');
    return used;
  }

  /** Answers a request of whose head only ARENA[start,end) is known, and closes. */
  #refuse(why: Refusal, start: number, end: number): void {
    if (why !== HEAD_TIMEOUT) this.#service.stats.refused.value++;
    this.link.send(refusal(this.#service, this, { ...why, start, end }));
    this.#finish();
  }

  // ── the exchange's calls

  sendHead(head: Composed, framing: BodyFraming): void {
    const to = this.tailOf(head);
    this.#answerBegun = true;
    this.ended?.begin();
    this.chunkedOut = false;
    this.#tunnelOut = framing === BODY_TUNNEL;
    this.#endsOpen = framing === BODY_OPEN && this.minorVersion === 0;
    if (framing === BODY_OPEN) {
      if (this.#endsOpen) this.#closeAfter = true;
      else {
        this.chunkedOut = true;
        to.text('Transfer-Encoding: chunked\r\n');
      }
    }
    if (this.#tunnelOut) this.#openTunnel();
    else if (this.#isLast) {
      this.#closeAfter = true;
      to.text('Connection: close\r\n');
    } else if (this.minorVersion === 0) to.text('Connection: keep-alive\r\n');
    to.text('\r\n');
  }

  /** The connection ends with this answer. */
  get #isLast(): boolean {
    if (this.#closeAfter || this.#service.connections.parting) return true;
    // Of a request that is answered early no more is read than what is known to be little.
    if (this.#state < HOLD && !this.#isRestShort) return true;
    return this.ended !== null && this.#kept.size === 0;
  }

  get #isRestShort(): boolean {
    const { remaining } = this.#bodyReader!;
    if (remaining !== UNTOLD) return remaining <= MAX_DISCARD_BYTES && !this.expectsContinue;
    // Of what is kept only a window is read at a time: the rest is here as well.
    const isKept = this.#kept.size > 0 && this.#readFrom >= JOIN_START && this.#readFrom < JOIN_END;
    return this.#pumping && holdsLastChunk(this.#readFrom, isKept ? this.#kept.window(this.#kept.size) : this.#readTo);
  }

  #openTunnel(): void {
    this.#state = TUNNEL;
    this.#tunnelEnded = false;
    // What the client sent ahead. The backend's bytes may lie where it would be read from.
    if (this.#kept.size > 0) queueMicrotask(() => this.#pump());
  }

  endTunnel(): void {
    this.flush();
    this.#tunnelEnded = true;
    this.link.close('end');
  }

  sendEnd(trailersStart: number, trailersEnd: number): void {
    this.endBody(trailersStart, trailersEnd);
    this.#exchange = null;
    if (this.#tunnelOut) return this.#finish();
    if (this.#state === HOLD) this.#rest();
    else if (this.#closeAfter) this.#finish();
    else this.#service.wheel.set(this.#deadline, this.#limits.headTimeout);
    if (!this.#pumping && this.#state < HOLD) this.#pump();
  }

  /** An answer whose end is the connection's own must not look whole. */
  abort(_why: Failure): void {
    this.#exchange = null;
    this.#discarding = true;
    if (this.#endsOpen || this.#tunnelOut) return this.#close('reset');
    this.flush();
    this.#finish();
  }

  pauseBody(): void {
    this.#bodyPaused = true;
    this.link.pause();
  }

  resumeBody(): void {
    this.#bodyPaused = false;
    if (this.#state !== HOLD) this.link.resume();
  }

  discardBody(): void {
    if (this.#state === HOLD) return;
    this.#discarding = true;
    if (this.#state === READ_BODY && this.#bodyReader!.remaining > MAX_DISCARD_BYTES) this.#closeAfter = true;
    if (this.expectsContinue) this.#closeAfter = true;
    this.resumeBody();
  }

  // ── the end

  /** Of an idle connection: there is no answer to be waited for, unless the client is slow to take the last one. */
  #leave(): void {
    if (this.link.pending > 0) this.#finish();
    else this.#close('leave');
  }

  #finish(): void {
    if (this.#state >= LINGER) return;
    this.#state = LINGER;
    this.#kept.clear();
    this.link.close('end');
    this.link.resume();
    this.#linger = new Linger(this.link, this.#service.wheel, this.#service.limits.streamIdleTimeout);
    this.#service.wheel.set(this.#deadline, LINGER_TIMEOUT);
  }

  #endLinger(): void {
    const how = this.#linger!.look();
    if (how === undefined) this.#service.wheel.set(this.#deadline, LINGER_TIMEOUT);
    else this.#close(how);
  }

  #drop(why: Failure): void {
    const exchange = this.#exchange;
    this.#exchange = null;
    this.#close('reset');
    exchange?.requestAborted(why);
  }

  #close(how: 'end' | 'reset' | 'leave'): void {
    if (this.#state === CLOSED) return;
    if (outbox.holds(this)) outbox.release();
    this.#state = CLOSED;
    this.#deadline.dueAt = Number.POSITIVE_INFINITY;
    this.#kept.clear();
    this.link.close(how);
  }
}
