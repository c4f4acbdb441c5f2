/**
 * gRPC-Web for backends that speak gRPC. It stands between an exchange and its client: what the client sends becomes
 * gRPC, and what is answered becomes gRPC-Web, whose trailers are the last message of the body, since browsers show
 * no others. Bodies may be base64 text, each way by itself.
 */
import { strict as assert } from 'node:assert';
import { HeaderPatch } from '../filter/index.ts';
import { ARENA } from '../ground/arena.ts';
import { BODY_OPEN, type BodyFraming, type ClientConnection, type Downstream, type Failure } from '../ground/codec.ts';
import type { Composed, Cursor } from '../ground/cursor.ts';
import { FIELD_STRIDE, type Head, nameHash, VALUE_START } from '../ground/head.ts';
import { MADE } from '../ground/region.ts';
import { Base64Decoder, Base64Encoder } from './base64-stream.ts';

const ACCEPT = nameHash('accept');
const CONTENT_TYPE = nameHash('content-type');
const WEB_TYPE = /^application\/grpc-web(-text)?(\+[!#$&^_.a-z0-9-]+)?[ \t]*(?:;|$)/;
const GRPC_TYPE = /^application\/grpc(\+[^; ]*)?[ \t]*(?:;|$)/;

const GRPC_LENGTH = 'application/grpc'.length;
const HYPHEN = 0x2d;

/** The first byte of the message that holds the trailers. */
const TRAILERS_FLAG = 0x80;
const MESSAGE_PREFIX = 5;
const CRLF = '\r\n';
const TYPE_NAME = 'Content-Type: ';
/** What stands for the trailers of a backend that sent none; clients are to take it for this (gRPC's UNKNOWN). */
const NO_STATUS = 'grpc-status: 2\r\ngrpc-message: the backend ended without a status\r\n';

/** The bridge for a request of gRPC whose content type is gRPC-Web's, or null. */
export function grpcWebOf(head: Head, down: Downstream): GrpcWeb | null {
  const index = head.find('content-type', CONTENT_TYPE);
  // Most are not: one byte tells them apart.
  if (ARENA[head.fields[index * FIELD_STRIDE + VALUE_START]! + GRPC_LENGTH] !== HYPHEN) return null;
  const asked = WEB_TYPE.exec(head.value(index));
  if (asked === null) return null;
  const [, text, suffix = ''] = asked;
  const acceptAt = head.find('accept', ACCEPT);
  const accepted = acceptAt === -1 ? null : WEB_TYPE.exec(head.value(acceptAt));
  return new GrpcWeb(down, {
    suffix,
    requestText: text !== undefined,
    answerText: (accepted === null ? text : accepted[1]) !== undefined,
  });
}

export interface WebForm {
  /** `+proto` and the like, or ''. */
  suffix: string;
  requestText: boolean;
  answerText: boolean;
}

export class GrpcWeb implements Downstream {
  readonly client: ClientConnection;
  /** Makes the request one of gRPC. Where its body is text, it loses its length: the framing is BODY_OPEN. */
  readonly requestPatch: HeaderPatch;
  readonly #down: Downstream;
  readonly #decoder: Base64Decoder | null;
  readonly #encoder: Base64Encoder | null;
  readonly #answerType: string;
  /** The answer is not of gRPC and goes on as it is. */
  #passing = false;
  #head: Cursor | null = null;
  /** Lines of the head that belong among the trailers: of an answer that has nothing else. */
  #held = '';

  constructor(down: Downstream, { suffix, requestText, answerText }: WebForm) {
    this.client = down.client;
    this.#down = down;
    this.#decoder = requestText ? new Base64Decoder() : null;
    this.#encoder = answerText ? new Base64Encoder() : null;
    this.#answerType = `application/grpc-web${answerText ? '-text' : ''}${suffix}`;
    const drops = new Set(requestText ? ['content-type', 'content-length'] : ['content-type']);
    this.requestPatch = new HeaderPatch(drops, [{ name: 'Content-Type', value: `application/grpc${suffix}` }]);
  }

  get requestText(): boolean {
    return this.#decoder !== null;
  }

  /** Makes the request's body ARENA[start,end) one of gRPC, in place; answers its end, or -1: it is not base64. */
  decode(start: number, end: number): number {
    return this.#decoder === null ? end : this.#decoder.decode(start, end);
  }

  /** The request's body does not end within a group of base64. */
  get requestWhole(): boolean {
    return this.#decoder === null || this.#decoder.complete;
  }

  // ── the exchange's calls

  /** With room for the content type of the client's, which is longer than the backend's. */
  beginHead(): Cursor {
    const to = this.#down.beginHead();
    to.leave(TYPE_NAME.length + this.#answerType.length + 2);
    this.#head = to;
    return to;
  }

  sendHead(head: Composed, framing: BodyFraming): void {
    const [statusLine, ...lines] = ARENA.latin1Slice(head.start, head.end).split(CRLF);
    const type = lines.find((line) => /^content-type:/i.test(line))?.slice('content-type:'.length);
    this.#passing = type === undefined || !GRPC_TYPE.test(type.trim());
    if (this.#passing) return this.#down.sendHead(head, framing);
    const kept = [statusLine];
    for (const line of lines) {
      if (/^grpc-(status|message|status-details-bin):/i.test(line)) this.#held += line + CRLF;
      else if (line !== '' && !/^content-(type|length):/i.test(line)) kept.push(line);
    }
    kept.push(`${TYPE_NAME}${this.#answerType}`, '');
    const to = this.#head!.begin(head.start);
    to.text(kept.join(CRLF));
    const rewritten = to.finish();
    assert(rewritten !== null, 'there is room for the content type');
    this.#down.sendHead(rewritten, BODY_OPEN);
  }

  sendInformational(head: Composed): void {
    this.#down.sendInformational(head);
  }

  sendBody(start: number, end: number): boolean {
    if (this.#passing || this.#encoder === null) return this.#down.sendBody(start, end);
    return this.#send(this.#encoder.encode(ARENA.subarray(start, end)));
  }

  sendEnd(trailersStart: number, trailersEnd: number): void {
    if (this.#passing) return this.#down.sendEnd(trailersStart, trailersEnd);
    const message = trailerMessage(this.#held + ARENA.latin1Slice(trailersStart, trailersEnd));
    if (this.#encoder === null) {
      this.#send(message);
    } else {
      this.#send(this.#encoder.encode(message));
      this.#send(this.#encoder.finish());
    }
    this.#down.sendEnd(0, 0);
  }

  /** Of text, a message is worth nothing to the client before its last bytes are there: they are padded. */
  flush(): void {
    if (this.#encoder !== null && !this.#passing) this.#send(this.#encoder.finish());
    this.#down.flush();
  }

  #send(bytes: Buffer): boolean {
    return MADE.pass(bytes, this.#down);
  }

  abort(why: Failure): void {
    this.#down.abort(why);
  }

  pauseBody(): void {
    this.#down.pauseBody();
  }

  resumeBody(): void {
    this.#down.resumeBody();
  }

  discardBody(): void {
    this.#down.discardBody();
  }
}

/** Trailer lines as a message; names are lower case, as in HTTP/2. */
export function trailerMessage(lines: string): Buffer {
  const lower = lines.replace(/^[^:\r\n]+/gm, (name) => name.toLowerCase());
  const text = /^grpc-status:/m.test(lower) ? lower : lower + NO_STATUS;
  const message = Buffer.alloc(MESSAGE_PREFIX + text.length);
  message[0] = TRAILERS_FLAG;
  message.writeUInt32BE(text.length, 1);
  message.latin1Write(text, MESSAGE_PREFIX);
  return message;
}
