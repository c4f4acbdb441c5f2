/** One request to a backend: the Upstream of an exchange. */
import {
  BODY_LENGTH,
  BODY_NONE,
  BODY_OPEN,
  BODY_TUNNEL,
  type BodyFraming,
  type Failure,
  type ResponseSide,
  type Upstream,
} from '../../ground/codec.ts';
import type { Head } from '../../ground/head.ts';
import { CANCEL, ENHANCE_YOUR_CALM, NO_ERROR, REFUSED_STREAM } from './frame.ts';
import type { KeepAlive } from './keep-alive.ts';
import { H2Stream, type StreamCarrier } from './stream.ts';
import { putRequest } from './upstream-head.ts';
import { switchingHead, websocketKey } from './websocket.ts';

const NO_CONTENT = 204;
const NOT_MODIFIED = 304;

/** The connection to the backend. */
interface AskingConnection extends StreamCarrier {
  readonly keepAlive: KeepAlive;
  failLater(stream: ClientStream, why: Failure): void;
  /** A request that was sent after so many reads ran out of time without an answer. */
  doubt(reads: number): void;
  /** The backend refused for its load. */
  strained(): void;
}

export class ClientStream extends H2Stream implements Upstream {
  readonly client: AskingConnection;
  exchange: ResponseSide | null;
  /** The final head has been received. */
  headSeen = false;
  /** Of an extended CONNECT: the key of the Upgrade that it stands for. */
  #websocketKey = '';
  #tunnel = false;
  /** An extended CONNECT that waits to learn whether the backend takes it. */
  #deferred = '';
  /** A response to HEAD has no body whatever its head says. */
  #toHead = false;
  /** Of the connection, when the head was sent. */
  #reads = 0;

  constructor(connection: AskingConnection, id: number, exchange: ResponseSide) {
    super(connection, id);
    this.client = connection;
    this.exchange = exchange;
  }

  get acceptsData(): boolean {
    return this.headSeen;
  }

  // ── the exchange's calls

  sendHead(head: string, framing: BodyFraming): void {
    if (this.localClosed) return;
    this.#reads = this.client.keepAlive.reads;
    this.#toHead = head.startsWith('HEAD ');
    if (framing !== BODY_TUNNEL) {
      this.#sendHeaders(head, false);
      // A gRPC call may end before its first message; grpc-go waits for ever where the head says so already.
      if (framing === BODY_OPEN) this.endApart();
      return;
    }
    this.#websocketKey = websocketKey(head);
    this.#deferred = head;
    if (!this.connection.awaitsSettings) this.settingsKnown();
  }

  /** RFC 8441 3: an extended CONNECT may be sent only where the backend's SETTINGS allow it. */
  settingsKnown(): void {
    if (this.#deferred === '') return;
    const head = this.#deferred;
    this.#deferred = '';
    if (this.connection.sender.peer.connectProtocol && this.#websocketKey !== '') this.#sendHeaders(head, true);
    else this.client.failLater(this, 'protocol_error');
  }

  #sendHeaders(head: string, websocket: boolean): void {
    const { sender } = this.connection;
    const https = this.connection.link?.tls !== undefined;
    if (putRequest(sender, head, { https, websocket })) sender.endBlock(this, false);
    else this.client.failLater(this, 'protocol_error');
  }

  sendBody(start: number, end: number): boolean {
    return this.sendData(start, end);
  }

  sendEnd(trailersStart: number, trailersEnd: number): void {
    this.sendEndOfStream(trailersStart, trailersEnd);
  }

  /** Frames leave at the end of the turn, with those of all other streams. */
  flush(): void {}

  abort(why: Failure): void {
    this.exchange = null;
    if (why === 'timeout' && !this.headSeen) this.client.doubt(this.#reads);
    this.connection.resetStream(this, CANCEL);
  }

  pauseBody(): void {
    this.pause();
  }

  resumeBody(): void {
    this.resume();
  }

  // ── the response

  /** A response head, 1xx or final, in the connection's section. False: it breaks the rules. */
  receiveHead(head: Head, endStream: boolean): boolean {
    const { exchange } = this;
    if (head.status < 200) {
      if (endStream) return false;
      exchange?.responseInformational(head);
      this.connection.receiver.touch(this);
      return true;
    }
    this.headSeen = true;
    this.connection.receiver.touch(this);
    if (this.#websocketKey !== '' && head.status < 300) {
      const switching = switchingHead(head, this.#websocketKey);
      if (switching === null) return false;
      this.#tunnel = true;
      exchange?.responseHead(switching, BODY_TUNNEL);
      return true;
    }
    const bodyless = this.#toHead || head.status === NO_CONTENT || head.status === NOT_MODIFIED;
    if (endStream && !bodyless && head.contentLength > 0) return false;
    // What has no body has no data either: in HTTP/1.1 that would stand where the client reads its next answer.
    this.expectLength(bodyless ? 0 : head.contentLength);
    exchange?.responseHead(head, framingOf(head, bodyless));
    return true;
  }

  // ── the stream's calls

  protected deliver(start: number, end: number): void {
    this.client.keepAlive.quiet = 0;
    this.exchange?.responseBody(start, end);
  }

  protected deliverEnd(trailersStart: number, trailersEnd: number): void {
    const { exchange } = this;
    this.exchange = null;
    // The rest of the request interests nobody (RFC 9113 8.1). The stream is free before the exchange goes on.
    if (!this.localClosed && !this.#tunnel) this.connection.resetStream(this, NO_ERROR);
    else this.connection.settle(this);
    exchange?.responseEnd(trailersStart, trailersEnd);
    if (this.#tunnel) this.connection.resetStream(this, CANCEL);
  }

  protected drained(): void {
    this.exchange?.upstreamDrained();
  }

  flushDelivered(): void {
    this.exchange?.responseFlush();
  }

  protected locallyDone(): void {}

  fail(why: Failure, code: number): void {
    const { exchange } = this;
    this.exchange = null;
    this.#deferred = '';
    if (code === ENHANCE_YOUR_CALM) this.client.strained();
    // RFC 9113 8.7: a refused stream was not looked at, so that the request can be sent again.
    const refused = code === REFUSED_STREAM && !this.headSeen;
    exchange?.upstreamFailed(refused ? 'closed_early' : why, this.headSeen, refused);
  }
}

/** Without a length the end is END_STREAM, also where it has come already. */
function framingOf(head: Head, bodyless: boolean): BodyFraming {
  if (bodyless) return BODY_NONE;
  return head.contentLength >= 0 ? BODY_LENGTH : BODY_OPEN;
}
