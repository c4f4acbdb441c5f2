/** A connection to a backend that carries one HTTP/1.1 request at a time. */

import { ARENA, JOIN_START } from '../../ground/arena.ts';
import {
  BODY_LENGTH,
  BODY_NONE,
  BODY_OPEN,
  BODY_TUNNEL,
  type BodyFraming,
  type Failure,
  type ResponseSide,
} from '../../ground/codec.ts';
import { connectFailure } from '../../ground/connect-failure.ts';
import { CopySender, TEXT_MAX } from '../../ground/copy-sender.ts';
import type { Deadline, DeadlineOwner } from '../../ground/deadline.ts';
import type { Link, Sink } from '../../ground/driver.ts';
import { type Head, HeadTable, nameHash } from '../../ground/head.ts';
import { TRAILER_LINES } from '../../ground/region.ts';
import type { OpenWaiter } from '../../upstream/connection.ts';
import type { ConnectionPool, PooledConnection } from '../../upstream/pool.ts';
import { ChunkDecoder, type ChunkSink } from './chunk.ts';
import { chunkHeader } from './chunk-text.ts';
import { INCOMPLETE, requestError } from './fault.ts';
import { KeptBytes } from './kept-bytes.ts';
import { holdsLineEnd, parseResponseHead } from './parse.ts';
import { MAX_RESPONSE_HEAD_BYTES } from './response.ts';

const CONNECTING = 0;
const IDLE = 1;
const AWAIT_HEAD = 2;
const READ_LENGTH = 3;
const READ_CHUNKED = 4;
const READ_TO_END = 5;
const TUNNEL = 6;
const CLOSED = 7;

const TABLE = new HeadTable();
const KEEP_ALIVE = nameHash('keep-alive');
/** Milliseconds that a connection is given up before its backend would close it. */
const KEEP_ALIVE_MARGIN = 1_000;
/** Milliseconds for a backend to close its side after we closed ours. */
const CLOSE_TIMEOUT = 5_000;

export class H1ClientConnection implements Sink, PooledConnection, DeadlineOwner, ChunkSink {
  readonly #pool: ConnectionPool;
  readonly #link: Link;
  readonly #deadline: Deadline;
  readonly #kept = new KeptBytes();
  #exchange: ResponseSide | null = null;
  #state = CONNECTING;
  #remaining = 0;
  #chunks: ChunkDecoder | null = null;
  /** A response to HEAD has no body whatever its head says. */
  #bodyless = false;
  /** The request is not sent whole yet. */
  #requestOpen = false;
  #requestChunked = false;
  #reusable = true;
  /** It was asked to speak something else: what a backend that declines takes the body for is not found out with the next request. */
  #upgrades = false;
  #answered = false;
  #idleTimeout: number;
  /** That it carried, this one included. */
  #requests = 0;
  #sawBytes = false;
  answeredAt = 0;
  #sentAt = 0;
  #blocked = false;
  /** Of a tunnel: which sides have ended. */
  #requestEnded = false;
  #responseEnded = false;
  #copies: CopySender | null = null;
  #out = '';
  /** What is sent next leaves at once: until the end of the turn the backend might close. */
  #atOnce = false;

  /** `link`: an open connection, which nothing was sent on. */
  constructor(pool: ConnectionPool, link?: Link) {
    this.#pool = pool;
    this.#deadline = pool.world.wheel.borrow(this);
    this.#idleTimeout = pool.limits.idleTimeout;
    pool.world.wheel.set(this.#deadline, pool.limits.connectTimeout);
    this.#link = link ?? pool.world.driver.connect(pool.target, this);
    if (link !== undefined) link.sink = this;
  }

  adopt(waiter: OpenWaiter): void {
    this.#exchange = waiter;
    this.#upgrades = waiter.upgrades === true;
    this.#state = AWAIT_HEAD;
    this.#requests++;
    this.#sawBytes = false;
    this.#deadline.dueAt = Number.POSITIVE_INFINITY;
  }

  closeIdle(): void {
    this.#end('end');
  }

  hasEnded(): boolean {
    const link = this.#link;
    if (link.hasEnded === undefined) return false;
    this.#atOnce = true;
    return link.hasEnded();
  }

  // ── the exchange's calls

  sendHead(head: string, framing: BodyFraming): void {
    this.#sentAt = this.#pool.world.wheel.now;
    this.#bodyless = head.startsWith('HEAD ');
    this.#requestOpen = framing === BODY_LENGTH || framing === BODY_OPEN;
    this.#requestChunked = framing === BODY_OPEN;
    this.#out = `${head}\r\n`;
  }

  sendBody(start: number, end: number): boolean {
    const size = end - start;
    if (this.#requestChunked) this.#out += chunkHeader(size);
    if (size <= TEXT_MAX) {
      this.#out += ARENA.latin1Slice(start, end);
    } else {
      this.flush();
      this.#writeCopy(start, end);
    }
    if (this.#requestChunked) this.#out += '\r\n';
    return !this.#blocked;
  }

  sendEnd(trailersStart: number, trailersEnd: number): void {
    if (this.#requestChunked) this.#out += `0\r\n${ARENA.latin1Slice(trailersStart, trailersEnd)}\r\n`;
    this.#requestOpen = false;
    this.flush();
    if (this.#state !== TUNNEL) return;
    this.#requestEnded = true;
    if (this.#responseEnded) this.#end('end');
    else this.#link.close('end');
  }

  flush(): void {
    if (this.#out === '') return;
    const out = this.#out;
    this.#out = '';
    this.#write(this.#atOnce ? Buffer.from(out, 'latin1') : out);
    this.#atOnce = false;
  }

  abort(why: Failure): void {
    this.#exchange = null;
    if (why === 'timeout' && !this.#sawBytes) this.#pool.doubt(this.#sentAt);
    this.#end('reset');
  }

  pauseBody(): void {
    this.#link.pause();
  }

  resumeBody(): void {
    this.#link.resume();
  }

  #write(data: string | Uint8Array): void {
    if (!this.#link.send(data) && this.#link.pending > 0) this.#blocked = true;
  }

  #writeCopy(start: number, end: number): void {
    if (this.#copies === null) {
      this.#copies = new CopySender();
      this.#copies.link = this.#link;
    }
    if (!this.#copies.send(start, end)) this.#blocked = true;
  }

  // ── the driver's calls

  onOpen(): void {
    if (this.#pool.target.otherwise !== undefined && this.#link.tls?.alpn === 'h2') return this.#otherwise();
    this.#state = IDLE;
    this.#rest();
    this.#pool.opened(this);
  }

  #otherwise(): void {
    this.#state = CLOSED;
    if (this.#pool.otherwise(this.#link)) this.#pool.world.wheel.giveBack(this.#deadline);
    else this.#link.close('reset');
  }

  onBytes(start: number, end: number): void {
    if (this.#state === IDLE || this.#state === CLOSED) {
      // A backend that speaks unasked cannot be trusted with the next request.
      this.#end('reset');
      return;
    }
    this.#sawBytes = true;
    const exchange = this.#exchange;
    if (this.#kept.size === 0) this.#process(start, end);
    else if (!this.#rejoin(start, end)) return;
    // Still the same exchange: it did not end with these bytes, so what it collected goes out now.
    if (this.#exchange !== null && this.#exchange === exchange) exchange.responseFlush();
  }

  /** Reads the head that came in pieces; false: this read changes nothing for it. */
  #rejoin(start: number, end: number): boolean {
    this.#kept.append(start, end);
    if (!holdsLineEnd(start, end) && this.#kept.size < MAX_RESPONSE_HEAD_BYTES) return false;
    const joined = this.#kept.window(this.#kept.size);
    this.#kept.clear();
    this.#process(JOIN_START, joined);
    return true;
  }

  onEnd(): void {
    const exchange = this.#exchange;
    if (this.#state === CONNECTING) {
      this.#refused('closed_early');
    } else if (exchange === null) {
      this.#end('end');
    } else if (this.#state === READ_TO_END) {
      this.#finish();
    } else if (this.#state === TUNNEL) {
      this.#endTunnel(exchange);
    } else {
      this.#exchange = null;
      const saw = this.#sawBytes;
      this.#end('reset');
      exchange.upstreamFailed('closed_early', saw);
    }
  }

  /** The backend's side of the tunnel ended. */
  #endTunnel(exchange: ResponseSide): void {
    this.#responseEnded = true;
    if (this.#requestEnded || !exchange.tunnelHalfEnded?.()) this.#finish();
  }

  onDrain(): void {
    this.#blocked = false;
    this.#copies?.reclaim();
    if (this.#exchange !== null) this.#exchange.upstreamDrained();
  }

  onClose(error: NodeJS.ErrnoException | undefined): void {
    const was = this.#state;
    this.#state = CLOSED;
    this.#pool.world.wheel.giveBack(this.#deadline);
    if (was === CONNECTING) {
      this.#pool.refused(connectFailure(error));
      return;
    }
    if (was !== CLOSED) this.#pool.gone(this);
    const exchange = this.#exchange;
    this.#exchange = null;
    exchange?.upstreamFailed(error === undefined ? 'closed_early' : 'reset', this.#sawBytes);
  }

  onDeadline(): void {
    if (this.#state === CONNECTING) this.#refused('connect_timeout');
    else if (this.#state === IDLE) this.#end('end');
    else if (this.#state === CLOSED) this.#link.close('reset');
  }

  #refused(why: Failure): void {
    this.#state = CLOSED;
    this.#link.close('reset');
    this.#pool.refused(why);
  }

  // ── reading the response

  /**
   * Bytes after the response were not asked for: the connection is not used again, lest they answer the next request.
   * Whoever is given bytes may abort the connection, and then nobody is there any more.
   */
  #process(start: number, end: number): void {
    let at = start;
    while (at < end) {
      switch (this.#state) {
        case AWAIT_HEAD:
          at = this.#readHead(at, end);
          break;
        case READ_LENGTH: {
          const stop = Math.min(end, at + this.#remaining);
          this.#remaining -= stop - at;
          this.#exchange!.responseBody(at, stop);
          if (this.#remaining > 0 || this.#exchange === null) return;
          if (stop < end) this.#reusable = false;
          return this.#finish();
        }
        case READ_CHUNKED: {
          const used = this.#chunks!.feed(at, end, this);
          if (used < 0) return this.#breakBy(used);
          if (!this.#chunks!.done || this.#exchange === null) return;
          if (at + used < end) this.#reusable = false;
          return this.#finish(this.#chunks!.trailers);
        }
        case READ_TO_END:
        case TUNNEL:
          this.#exchange!.responseBody(at, end);
          return;
        default:
          return;
      }
    }
  }

  /** Answers where reading goes on; `end` where more bytes are needed. */
  #readHead(at: number, end: number): number {
    const head = parseResponseHead(at, end, TABLE);
    if (head === INCOMPLETE) {
      this.#kept.keep(at, end);
      return end;
    }
    if (typeof head === 'number') {
      this.#breakBy(head);
      return end;
    }
    this.#kept.clear();
    const after = head.end;
    if (head.status >= 100 && head.status < 200 && head.status !== 101) this.#exchange!.responseInformational(head);
    else return this.#startBody(head, end);
    return after;
  }

  /** Answers where the body begins; `end` where there is none. */
  #startBody(head: Head, end: number): number {
    const { end: after, status, contentLength } = head;
    const exchange = this.#exchange!;
    if (!this.#answered) this.#heedKeepAlive(head);
    this.#reusable = head.keepAlive && !this.#upgrades;
    if (status === 101) {
      this.#state = TUNNEL;
      this.#reusable = false;
      this.#requestChunked = false;
      this.#requestEnded = this.#responseEnded = false;
      exchange.responseHead(head, BODY_TUNNEL);
    } else if (this.#bodyless || status === 204 || status === 304 || (contentLength === 0 && !head.chunked)) {
      const framing = contentLength === 0 && !this.#bodyless && status !== 304 ? BODY_LENGTH : BODY_NONE;
      exchange.responseHead(head, framing);
      if (after < end) this.#reusable = false;
      if (this.#exchange === exchange) this.#finish();
      return end;
    } else if (head.chunked) {
      this.#state = READ_CHUNKED;
      this.#chunks ??= new ChunkDecoder({ ofResponse: true });
      this.#chunks.reset();
      exchange.responseHead(head, BODY_OPEN);
    } else if (contentLength > 0) {
      this.#state = READ_LENGTH;
      this.#remaining = contentLength;
      exchange.responseHead(head, BODY_LENGTH);
    } else {
      this.#state = READ_TO_END;
      this.#reusable = head.keepAlive = false;
      exchange.responseHead(head, BODY_OPEN);
    }
    return after;
  }

  onData(start: number, end: number): void {
    this.#exchange?.responseBody(start, end);
  }

  /** The response is complete: the connection is free before the exchange goes on to the client's next request. */
  #finish(trailers = ''): void {
    const exchange = this.#exchange!;
    this.#exchange = null;
    if (this.#reusable && !this.#requestOpen && !this.#pool.retired && !this.#spent) {
      this.#state = IDLE;
      this.#link.resume();
      this.#rest();
      this.#pool.idle(this);
    } else {
      this.#end(this.#requestOpen ? 'reset' : 'end');
    }
    // Only now into ARENA: a waiting exchange that took the connection has put its own there.
    if (trailers === '') exchange.responseEnd(0, 0);
    else exchange.responseEnd(TRAILER_LINES.start, TRAILER_LINES.loadText(trailers));
  }

  /** It has carried as many requests as it may. */
  get #spent(): boolean {
    const most = this.#pool.limits.requestsPerConnection;
    return most > 0 && this.#requests >= most;
  }

  #rest(): void {
    this.answeredAt = this.#pool.world.wheel.now;
    this.#pool.world.wheel.set(this.#deadline, this.#idleTimeout);
  }

  /**
   * `Keep-Alive: timeout=5` says when the backend will close: to be first saves the request that would cross its FIN.
   * One look a connection is enough, as that is a setting of the server.
   */
  #heedKeepAlive(head: Head): void {
    this.#answered = true;
    const index = head.find('keep-alive', KEEP_ALIVE);
    const seconds = index === -1 ? null : /(?:^|[\s,])timeout=(\d{1,6})/i.exec(head.value(index));
    if (seconds === null) return;
    const milliseconds = Number(seconds[1]) * 1000;
    this.#idleTimeout = Math.min(this.#idleTimeout, Math.max(milliseconds - KEEP_ALIVE_MARGIN, milliseconds / 2));
  }

  /** `fault`: of a parser. Whoever runs the backend is told which one it is; its client is not. */
  #breakBy(fault: number): void {
    this.#pool.health.answeredInvalid(requestError(fault).message.replace(/\.$/, ''));
    this.#break('protocol_error');
  }

  #break(why: Failure): void {
    const exchange = this.#exchange;
    this.#exchange = null;
    this.#end('reset');
    exchange?.upstreamFailed(why, true);
  }

  #end(how: 'end' | 'reset'): void {
    if (this.#state === CLOSED) return;
    this.#state = CLOSED;
    this.#pool.world.wheel.set(this.#deadline, CLOSE_TIMEOUT);
    this.#pool.gone(this);
    this.#link.close(how);
    // Its end is heard only while it is read.
    if (how === 'end') this.#link.resume();
  }
}
