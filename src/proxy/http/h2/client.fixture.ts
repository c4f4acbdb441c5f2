/** For tests: a client of a server's connection in memory, frame by frame, and exchanges that record what they hear. */

import { ARENA, SEND_START } from '../../ground/arena.ts';
import type { BodyFraming, Downstream, Failure, RequestSide } from '../../ground/codec.ts';
import type { Composed } from '../../ground/cursor.ts';
import { DeadlineWheel } from '../../ground/deadline.ts';
import { type Head, HeadTable } from '../../ground/head.ts';
import { MemoryLink } from '../../listen/memory-link.ts';
import type { RequestError } from '../h1/fault.ts';
import type { LocalReply } from '../local-reply.ts';
import { HpackDecoder } from './decoder.ts';
import { FieldSection, RESPONSE_SECTION, TRAILER_SECTION } from './field-section.ts';
import * as frame from './frame.ts';
import { H2ServerConnection, type H2ServerHost } from './server-connection.ts';
import { block, type Frame, frameBytes, GET, readFrames, turn } from './wire.fixture.ts';

/** Places in ARENA that nobody uses during a test's call. */
const BODY_AT = 0;
export const BLOCK_AT: number = SEND_START;

export class Recorder implements RequestSide {
  readonly down: Downstream;
  readonly events: string[] = [];
  /** Called with each event. */
  onEvent: (event: string, down: Downstream) => void;

  constructor(down: Downstream, onEvent: (event: string, down: Downstream) => void) {
    this.down = down;
    this.onEvent = onEvent;
  }

  #note(event: string): void {
    this.events.push(event);
    this.onEvent(event, this.down);
  }

  requestHead(head: Head, complete: boolean): void {
    this.#note(`head ${ARENA.latin1Slice(head.start, head.end)}${complete ? ' complete' : ''}`);
  }
  requestBody(start: number, end: number): void {
    this.#note(`body ${ARENA.latin1Slice(start, end)}`);
  }
  requestEnd(start: number, end: number): void {
    this.#note(`end ${ARENA.latin1Slice(start, end)}`);
  }
  requestAborted(why: Failure): void {
    this.#note(`aborted ${why}`);
  }
  downstreamDrained(): void {
    this.#note('drained');
  }
  requestFlush(): void {}
}

export function composed(down: Downstream, head: string): Composed {
  const to = down.beginHead();
  to.text(head);
  return to.finish()!;
}

/** Puts a response head and body where an exchange would. */
export function respond(down: Downstream, head: string, framing: BodyFraming, body?: string): boolean {
  down.sendHead(composed(down, head), framing);
  return body === undefined || sendText(down, body);
}

export function sendText(side: { sendBody(start: number, end: number): boolean }, body: string): boolean {
  return side.sendBody(BODY_AT, BODY_AT + ARENA.latin1Write(body, BODY_AT));
}

/** A client of a server's connection. */
export class RawClient implements H2ServerHost {
  now = 0;
  readonly wheel: DeadlineWheel = new DeadlineWheel(() => this.now);
  keepAliveTimeout = 75_000;
  maxHeaderLines = 128;
  readonly link: MemoryLink = new MemoryLink();
  readonly connection: H2ServerConnection;
  readonly exchanges: Recorder[] = [];
  isClosed = false;
  timesGone = 0;
  onEvent: (event: string, down: Downstream) => void = () => undefined;
  readonly #decoder = new HpackDecoder();

  constructor() {
    this.connection = new H2ServerConnection(this.link, this);
    this.link.sink = this.connection;
  }

  pass(milliseconds: number): void {
    this.now += milliseconds;
    this.wheel.advance();
  }

  newExchange(down: Downstream): RequestSide {
    const recorder = new Recorder(down, (event, from) => this.onEvent(event, from));
    this.exchanges.push(recorder);
    return recorder;
  }

  refusal(_: H2ServerConnection, { status, message }: RequestError): LocalReply {
    return { status, lines: '', body: message };
  }

  closed(): void {
    this.isClosed = true;
  }

  gone(): void {
    this.timesGone++;
  }

  /** Preface and SETTINGS, acknowledged both ways; what the server says to that is dropped. */
  async begin(settings: Buffer = Buffer.alloc(0)): Promise<this> {
    this.link.deliver(frame.PREFACE);
    this.send(frame.SETTINGS, 0, 0, settings);
    this.send(frame.SETTINGS, frame.ACK, 0);
    await this.frames();
    return this;
  }

  send(type: number, flags: number, streamId: number, payload: Buffer | string = ''): void {
    this.link.deliver(frameBytes(type, flags, streamId, payload));
  }

  request(streamId: number, fields: ReadonlyArray<readonly [string, string]> = GET, endStream = true): void {
    this.send(frame.HEADERS, frame.END_HEADERS | (endStream ? frame.END_STREAM : 0), streamId, block(fields));
  }

  async frames(): Promise<Frame[]> {
    await turn();
    return readFrames(Buffer.from(this.link.take(), 'latin1'));
  }

  /** Name and content of what the server sends, one line a frame. */
  async said(): Promise<string[]> {
    return (await this.frames()).map((one) => this.#line(one));
  }

  #line({ type, flags, streamId, payload }: Frame): string {
    const end = (type === frame.DATA || type === frame.HEADERS) && (flags & frame.END_STREAM) !== 0 ? ' end' : '';
    switch (type) {
      case frame.DATA:
        return `DATA ${streamId} ${payload.toString('latin1')}${end}`;
      case frame.HEADERS:
        return `HEADERS ${streamId} ${this.decode(payload)}${end}`;
      case frame.RST_STREAM:
        return `RST_STREAM ${streamId} ${payload.readUInt32BE()}`;
      case frame.GOAWAY:
        return `GOAWAY ${payload.readUInt32BE()} ${payload.readUInt32BE(4)} ${payload.toString('latin1', 8)}`.trimEnd();
      case frame.WINDOW_UPDATE:
        return `WINDOW_UPDATE ${streamId} ${payload.readUInt32BE()}`;
      case frame.PING:
        return `PING ${flags} ${payload.toString('latin1')}`;
      case frame.SETTINGS:
        return `SETTINGS ${flags}`;
      default:
        return `frame of type ${type}`;
    }
  }

  /** A header block as HTTP/1.1 lines with '|' for CRLF; one without :status first is a trailer section. */
  decode(payload: Buffer): string {
    const section = new FieldSection(new HeadTable());
    const first = payload[0]! & 0x7f;
    const trailers = first < 8 || first > 14;
    section.begin(trailers ? TRAILER_SECTION : RESPONSE_SECTION, ARENA.length);
    payload.copy(ARENA, BLOCK_AT);
    this.#decoder.decode(BLOCK_AT, BLOCK_AT + payload.length, section);
    section.finish(true);
    return ARENA.latin1Slice(section.table.start, section.out).replaceAll('\r\n', '|');
  }
}
