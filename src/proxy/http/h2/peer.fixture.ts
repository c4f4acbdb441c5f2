/** For tests: the other end of a connection in memory, frame by frame, and exchanges that record what they are told. */
import { MemoryDriver, MemoryLink } from '../../listen/memorylink.ts';
import type { EndpointPool, OpenWaiter } from '../../upstream/index.ts';
import { ARENA, SEND_START } from '../arena.ts';
import {
  BODY_NONE,
  type BodyFraming,
  type Downstream,
  type Failure,
  type RequestSide,
  type Upstream,
} from '../codec.ts';
import { putText } from '../compose.ts';
import { DeadlineWheel } from '../deadline.ts';
import { Head } from '../head.ts';
import { HpackDecoder } from './decoder.ts';
import { FieldSection, REQUEST_SECTION, RESPONSE_SECTION, TRAILER_SECTION } from './fieldsection.ts';
import * as frame from './frame.ts';
import { H2Pool } from './pool.ts';
import { H2ServerConnection, type H2ServerHost } from './serverconnection.ts';

export interface Frame {
  type: number;
  flags: number;
  streamId: number;
  payload: Buffer;
}

export function frameBytes(type: number, flags: number, streamId: number, payload: Buffer | string = ''): Buffer {
  const bytes = typeof payload === 'string' ? Buffer.from(payload, 'latin1') : payload;
  const header = Buffer.alloc(frame.FRAME_HEADER);
  header.writeUIntBE(bytes.length, 0, 3);
  header[3] = type;
  header[4] = flags;
  header.writeUInt32BE(streamId, 5);
  return Buffer.concat([header, bytes]);
}

export function word(...values: number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4);
  for (const [i, value] of values.entries()) bytes.writeUInt32BE(value, i * 4);
  return bytes;
}

export function setting(id: number, value: number): Buffer {
  const bytes = Buffer.alloc(6);
  bytes.writeUInt16BE(id);
  bytes.writeUInt32BE(value, 2);
  return bytes;
}

/** A header block of literals that enter no table. */
export function block(fields: ReadonlyArray<readonly [string, string]>): Buffer {
  return Buffer.concat(fields.flatMap(([name, value]) => [Buffer.from([0]), text(name), text(value)]));
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value, 'latin1');
  if (bytes.length < 127) return Buffer.concat([Buffer.from([bytes.length]), bytes]);
  const length = [127];
  let rest = bytes.length - 127;
  for (; rest >= 128; rest >>>= 7) length.push((rest & 127) | 128);
  return Buffer.concat([Buffer.from([...length, rest]), bytes]);
}

export const GET: ReadonlyArray<readonly [string, string]> = [
  [':method', 'GET'],
  [':scheme', 'http'],
  [':path', '/'],
  [':authority', 'a.example'],
];
export const POST: ReadonlyArray<readonly [string, string]> = [[':method', 'POST'], ...GET.slice(1)];

export function readFrames(bytes: Buffer): Frame[] {
  const frames: Frame[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = bytes.readUIntBE(at, 3);
    const payload = bytes.subarray(at + 9, at + 9 + length);
    frames.push({ type: bytes[at + 3]!, flags: bytes[at + 4]!, streamId: bytes.readUInt32BE(at + 5), payload });
    at += 9 + length;
  }
  return frames;
}

/** One end of the event loop's turn: what connections collected is written then. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
}

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

/** Puts a response head and body where an exchange would. */
export function respond(down: Downstream, head: string, framing: BodyFraming, body?: string): boolean {
  const at = down.beginHead();
  down.sendHead(at, putText(at, head), framing);
  return body === undefined || sendText(down, body);
}

/** Places in ARENA that nobody uses during a test's call. */
const BODY_AT = 0;
const BLOCK_AT: number = SEND_START;

export function sendText(side: { sendBody(start: number, end: number): boolean }, body: string): boolean {
  return side.sendBody(BODY_AT, putText(BODY_AT, body));
}

/** A client of a server's connection. */
export class RawClient implements H2ServerHost {
  now = 0;
  readonly wheel: DeadlineWheel = new DeadlineWheel(() => this.now);
  keepAliveTimeout = 75_000;
  readonly link: MemoryLink = new MemoryLink();
  readonly connection: H2ServerConnection;
  readonly exchanges: Recorder[] = [];
  isClosed = false;
  onEvent: (event: string, down: Downstream) => void = () => undefined;
  readonly #decoder = new HpackDecoder();

  constructor() {
    this.connection = new H2ServerConnection(this.link, this);
    this.link.sink = this.connection;
  }

  newExchange(down: Downstream): RequestSide {
    const recorder = new Recorder(down, (event, from) => this.onEvent(event, from));
    this.exchanges.push(recorder);
    return recorder;
  }

  closed(): void {
    this.isClosed = true;
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
    const section = new FieldSection(new Head());
    const first = payload[0]! & 0x7f;
    const trailers = first < 8 || first > 14;
    section.begin(trailers ? TRAILER_SECTION : RESPONSE_SECTION, ARENA.length);
    payload.copy(ARENA, BLOCK_AT);
    this.#decoder.decode(BLOCK_AT, BLOCK_AT + payload.length, section);
    section.finish(true);
    return ARENA.latin1Slice(section.head.start, section.out).replaceAll('\r\n', '|');
  }
}

/** An exchange that wants a backend, and records what it is told. */
export class Waiter implements OpenWaiter {
  readonly events: string[] = [];
  readonly #head: string;
  readonly #framing: BodyFraming;
  readonly #body: string | undefined;
  up: Upstream | null = null;

  constructor(head: string, framing: BodyFraming, body?: string) {
    this.#head = head;
    this.#framing = framing;
    this.#body = body;
  }

  open(pool: EndpointPool): this {
    const up = pool.open(this);
    if (up !== null) this.upstreamReady(up);
    return this;
  }

  upstreamReady(up: Upstream): void {
    this.up = up;
    up.sendHead(this.#head, this.#framing);
    if (this.#body !== undefined) sendText(up, this.#body);
    if (this.#framing === BODY_NONE || this.#body !== undefined) up.sendEnd(0, 0);
  }
  upstreamUnavailable(why: Failure): void {
    this.events.push(`unavailable ${why}`);
  }
  responseInformational(head: Head): void {
    this.events.push(`informational ${head.status}`);
  }
  responseHead(head: Head, framing: BodyFraming): void {
    this.events.push(`head ${framing} ${ARENA.latin1Slice(head.start, head.end).replaceAll('\r\n', '|')}`);
  }
  responseBody(start: number, end: number): void {
    this.events.push(`body ${ARENA.latin1Slice(start, end)}`);
  }
  responseEnd(start: number, end: number): void {
    this.events.push(`end ${ARENA.latin1Slice(start, end)}`);
  }
  upstreamFailed(why: Failure, sawBytes: boolean): void {
    this.events.push(`failed ${why} ${sawBytes}`);
  }
  upstreamDrained(): void {
    this.events.push('drained');
  }
  responseFlush(): void {}
}

/** Backends of a pool, one for each connection that it opens. */
export class RawBackend {
  now = 0;
  readonly wheel: DeadlineWheel = new DeadlineWheel(() => this.now);
  readonly driver: MemoryDriver = new MemoryDriver();
  readonly pool: H2Pool = new H2Pool(this, { address: '127.0.0.1', port: 80, tls: undefined });
  readonly #decoders: HpackDecoder[] = [];

  link(index = 0): MemoryLink {
    return this.driver.opened[index]!.link;
  }

  send(type: number, flags: number, streamId: number, payload: Buffer | string = ''): void {
    this.link(this.driver.opened.length - 1).deliver(frameBytes(type, flags, streamId, payload));
  }

  respond(streamId: number, fields: ReadonlyArray<readonly [string, string]>, endStream = true): void {
    this.send(frame.HEADERS, frame.END_HEADERS | (endStream ? frame.END_STREAM : 0), streamId, block(fields));
  }

  /** What was sent on the connection opened last (without the preface), heads as lines. */
  async said(): Promise<string[]> {
    await turn();
    const index = this.driver.opened.length - 1;
    const sent = this.link(index).take();
    const start = sent.startsWith(frame.PREFACE) ? frame.PREFACE.length : 0;
    this.#decoders[index] ??= new HpackDecoder();
    return readFrames(Buffer.from(sent.slice(start), 'latin1')).map((one) => this.#line(one, this.#decoders[index]!));
  }

  #line({ type, flags, streamId, payload }: Frame, decoder: HpackDecoder): string {
    if (type !== frame.HEADERS) return `${type} ${flags} ${streamId} ${payload.toString('latin1')}`;
    const section = new FieldSection(new Head());
    const request = payload[0]! >= 0x80;
    section.begin(request ? REQUEST_SECTION : TRAILER_SECTION, ARENA.length);
    payload.copy(ARENA, BLOCK_AT);
    decoder.decode(BLOCK_AT, BLOCK_AT + payload.length, section);
    section.finish(false);
    return `HEADERS ${flags} ${streamId} ${ARENA.latin1Slice(section.head.start, section.out).replaceAll('\r\n', '|')}`;
  }
}
