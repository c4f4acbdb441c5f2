/** One request of a client's connection: the Downstream of its exchange. */
import { ARENA } from '../../ground/arena.ts';
import {
  BODY_TUNNEL,
  type BodyFraming,
  type ClientConnection,
  type Downstream,
  type Failure,
  type RequestSide,
} from '../../ground/codec.ts';
import type { Composed, Cursor } from '../../ground/cursor.ts';
import { LF, ZERO } from '../h1/octets.ts';
import { LINES } from './encoded-lines.ts';
import { CANCEL, ENHANCE_YOUR_CALM, INTERNAL_ERROR, PROTOCOL_ERROR, REFUSED_STREAM } from './frame.ts';
import { H2Stream, NO_LENGTH, type StreamCarrier } from './stream.ts';

const STATUS_OFFSET = 'HTTP/1.1 '.length;
const SWITCHING_PROTOCOLS = 101;
/**
 * Bytes of a request that are still taken, and dropped, after its answer, unless it says that it is longer. Python's httpx reads
 * an answer only when it has sent everything, and Node's sessions fail after uploads that they could not send.
 */
export const MAX_AFTER_ANSWER: number = 64 * 1024 * 1024;

/** The client's connection. */
interface ServingConnection extends StreamCarrier, ClientConnection {
  /** Asks the client at the end of the turn to send no more of it. */
  stopLater(stream: ServerStream): void;
}

export class ServerStream extends H2Stream implements Downstream {
  readonly client: ServingConnection;
  readonly acceptsData = true;
  exchange: RequestSide | null = null;
  /** When the whole answer was out before the request was, on the wheel's clock. */
  answeredAt = 0;
  /** Bytes that are still asked for after the answer. */
  #after = 0;
  /** An extended CONNECT whose tunnel is not open yet: data waits. */
  #held = false;

  constructor(connection: ServingConnection, id: number) {
    super(connection, id);
    this.client = connection;
  }

  /** RFC 8441: what the client sends belongs to the tunnel, and waits until there is one. */
  hold(): void {
    this.#held = true;
    this.pause();
  }

  // ── the exchange's calls

  beginHead(): Cursor {
    return LINES.begin();
  }

  sendHead(head: Composed, framing: BodyFraming): void {
    this.#sendHeaders(head);
    if (!this.#held) return;
    this.#held = false;
    if (framing === BODY_TUNNEL) this.resume();
    else this.discard();
  }

  sendInformational(head: Composed): void {
    this.#sendHeaders(head);
  }

  #sendHeaders({ start, end }: Composed): void {
    if (this.localClosed) return;
    const digits = start + STATUS_OFFSET;
    const status = (ARENA[digits]! - ZERO) * 100 + (ARENA[digits + 1]! - ZERO) * 10 + ARENA[digits + 2]! - ZERO;
    let lines = digits + 3;
    while (ARENA[lines++] !== LF);
    const { sender } = this.connection;
    const encoder = sender.beginBlock(end - start);
    // RFC 8441 5: the tunnel is open with 200; 101 does not exist in HTTP/2.
    encoder.status(status === SWITCHING_PROTOCOLS ? 200 : status);
    encoder.lines(lines, end);
    sender.endBlock(this, false);
  }

  sendBody(start: number, end: number): boolean {
    return this.sendData(start, end);
  }

  sendEnd(trailersStart: number, trailersEnd: number): void {
    this.exchange = null;
    this.sendEndOfStream(trailersStart, trailersEnd);
  }

  /** Frames leave at the end of the turn, with those of all other streams. */
  flush(): void {}

  abort(why: Failure): void {
    this.exchange = null;
    this.connection.resetStream(this, resetCode(why));
  }

  pauseBody(): void {
    this.pause();
  }

  resumeBody(): void {
    if (!this.#held) this.resume();
  }

  discardBody(): void {
    this.discard();
  }

  // ── the stream's calls

  protected deliver(start: number, end: number): void {
    this.exchange?.requestBody(start, end);
  }

  protected deliverEnd(trailersStart: number, trailersEnd: number): void {
    this.exchange?.requestEnd(trailersStart, trailersEnd);
  }

  protected drained(): void {
    this.exchange?.downstreamDrained();
  }

  flushDelivered(): void {
    this.exchange?.requestFlush();
  }

  /** What comes after the whole response is not read, and may end before its length: curl ends a refused upload so. */
  protected locallyDone(): void {
    if (!this.remoteClosed && this.expected <= MAX_AFTER_ANSWER) this.#after = MAX_AFTER_ANSWER;
    this.discard();
    this.expectLength(NO_LENGTH);
    if (!this.remoteClosed) this.client.stopLater(this);
  }

  /** After the response no more is asked for than can soon be at its end. */
  override acknowledge(bytes: number): void {
    if (this.localClosed && this.#after <= 0) {
      this.connection.receiver.acknowledge(bytes);
      return;
    }
    if (this.localClosed) {
      this.#after -= bytes;
      this.movedAt = this.connection.wheel.now;
    }
    super.acknowledge(bytes);
  }

  fail(why: Failure): void {
    const { exchange } = this;
    this.exchange = null;
    exchange?.requestAborted(why);
  }
}

function resetCode(why: Failure): number {
  switch (why) {
    case 'protocol_error':
      return PROTOCOL_ERROR;
    case 'timeout':
      return CANCEL;
    case 'draining':
      return REFUSED_STREAM;
    case 'overloaded':
    case 'limit':
      return ENHANCE_YOUR_CALM;
    case 'connect_refused':
    case 'connect_timeout':
    case 'tls_failed':
    case 'reset':
    case 'closed_early':
      return INTERNAL_ERROR;
  }
}
