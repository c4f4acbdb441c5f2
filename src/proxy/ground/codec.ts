/**
 * The boundary between protocols and the exchange. A codec turns bytes into calls on an Exchange, and an
 * Exchange's calls on Downstream and Upstream into bytes. Heads cross it in HTTP/1.1 form (head.ts, and lines
 * composed in ARENA); bodies cross it as plain bytes in ARENA, without chunk or frame headers.
 *
 *   client ── codec ──> Exchange ──> Upstream (codec) ── backend
 *   client <── Downstream (codec) <── Exchange <── codec ── backend
 */
import type { Composed, Cursor } from './cursor.ts';
import type { LinkTls } from './driver.ts';
import type { Head } from './head.ts';

/** How the end of a body is known. */
export const BODY_NONE = 0;
/** By the content-length line that is among the composed lines. */
export const BODY_LENGTH = 1;
/** Not beforehand: chunked in HTTP/1.1, END_STREAM in HTTP/2. */
export const BODY_OPEN = 2;
/** The connection became a tunnel (101, or CONNECT): bytes both ways until an end. */
export const BODY_TUNNEL = 3;
export type BodyFraming = typeof BODY_NONE | typeof BODY_LENGTH | typeof BODY_OPEN | typeof BODY_TUNNEL;

/**
 * Bytes that a composed response head may have at least: the largest head that is parsed, as much as filters may add,
 * and what CORS and gRPC-Web repeat of a request.
 */
export const LEAST_HEAD_ROOM: number = 256 * 1024;

/** Most heads with a status of 1xx before a request's answer; whoever is asked and sends more has no answer. */
export const MAX_INFORMATIONAL_HEADS = 64;
/** Most bytes of them together: they go on at once, however slow the client is to take them. */
export const MAX_INFORMATIONAL_BYTES: number = 128 * 1024;

/** Why one side of an exchange ended before its time; the access log and metrics show these words. */
export type Failure =
  | 'connect_refused'
  | 'connect_timeout'
  | 'tls_failed'
  | 'reset'
  | 'closed_early'
  | 'protocol_error'
  | 'timeout'
  | 'overloaded'
  /** This machine has no descriptor, port or memory left for a connection. */
  | 'limit'
  | 'draining';

/** What is known of a client's connection; one object a connection. */
export interface ClientConnection {
  remoteAddress: string;
  remotePort: number;
  localAddress: string;
  localPort: number;
  /** 'http' or 'https'. */
  scheme: string;
  tls: LinkTls | undefined;
  /** 'HTTP/1.1' or 'HTTP/2.0', for the access log. */
  protocol: string;
  /** Cache of forward.ts: the lines that are the same for all requests, and the port they are for (0: none yet). */
  forwardedText: string;
  forwardedPort: number;
  /** Connections to backends that serve this client alone, where there are any: given up when it leaves; null: it left. */
  ownPools?: Set<{ retire(): void }> | null | undefined;
}

/** The client's side of one exchange, implemented by a codec, called by the Exchange. */
export interface Downstream {
  readonly client: ClientConnection;
  /** What the response head is to be composed with, at once: LEAST_HEAD_ROOM bytes fit at least. */
  beginHead(): Cursor;
  /**
   * What that cursor holds: `HTTP/1.1 NNN Reason\r\n` and field lines, each with CRLF, no blank line, no connection or
   * transfer-encoding lines; content-length exactly where framing is BODY_LENGTH. Nothing need be on the wire before
   * `flush`.
   */
  sendHead(head: Composed, framing: BodyFraming): void;
  /** A 1xx head, composed like the other. */
  sendInformational(head: Composed): void;
  /** Body bytes in ARENA, used or copied before it returns. False: stop until `exchange.downstreamDrained()`. */
  sendBody(start: number, end: number): boolean;
  /** The response is complete. Trailer lines in ARENA (each with CRLF), or 0, 0. */
  sendEnd(trailersStart: number, trailersEnd: number): void;
  /** Puts on the wire what is collected. Codecs of the other side call it (through the exchange) once a read. */
  flush(): void;
  /** Of a tunnel, where one direction can end alone: the client gets no more, and may still send. */
  endTunnel?(): void;
  /** Ends the exchange without (the rest of) an answer: closes the connection or resets the stream. */
  abort(why: Failure): void;
  /** Stops and starts the arrival of the request's body. */
  pauseBody(): void;
  resumeBody(): void;
  /** Answered before the request's body was read whole: drop what comes, or close. */
  discardBody(): void;
}

/** The backend's side of one exchange. */
export interface Upstream {
  /** A whole request head with its framing lines but no blank line, as latin1, and the framing of what follows. */
  sendHead(head: string, framing: BodyFraming): void;
  /** As Downstream.sendBody; false: stop until `exchange.upstreamDrained()`. */
  sendBody(start: number, end: number): boolean;
  sendEnd(trailersStart: number, trailersEnd: number): void;
  flush(): void;
  /** The exchange is over for good reasons or bad: resets the stream or closes the connection. */
  abort(why: Failure): void;
  pauseBody(): void;
  resumeBody(): void;
}

/** What codecs call on an exchange: the request's side, by the client's codec. */
export interface RequestSide {
  /** A request head, still in ARENA; `complete` where no body follows. */
  requestHead(head: Head, complete: boolean): void;
  requestBody(start: number, end: number): void;
  requestEnd(trailersStart: number, trailersEnd: number): void;
  /** The client went away or broke the protocol. */
  requestAborted(why: Failure): void;
  downstreamDrained(): void;
  /** Bytes of one read are all delivered while the request goes on: put them on the wire. */
  requestFlush(): void;
}

/** And the response's side, by the backend's codec. */
export interface ResponseSide {
  responseInformational(head: Head): void;
  /** `framing` of the response as received; BODY_OPEN also where it ends with the connection. */
  responseHead(head: Head, framing: BodyFraming): void;
  responseBody(start: number, end: number): void;
  responseEnd(trailersStart: number, trailersEnd: number): void;
  /**
   * Of a tunnel: the backend sends no more. True: what the client sends still goes to the backend, until `sendEnd`;
   * false, or absent: `responseEnd` is to follow.
   */
  tunnelHalfEnded?(): boolean;
  /**
   * `sawBytes`: something of the response was received, so that it cannot be tried again silently. `untouched`: the
   * backend says that it did not look at the request.
   */
  upstreamFailed(why: Failure, sawBytes: boolean, untouched?: boolean): void;
  upstreamDrained(): void;
  /** Bytes of one read are all delivered: put the answer on the wire. */
  responseFlush(): void;
}
