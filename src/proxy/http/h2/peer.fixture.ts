/** For tests: the other end of a connection in memory, frame by frame, and exchanges that record what they are told. */
import { MemoryLink } from '../../listen/memorylink.ts';
import { ARENA } from '../arena.ts';
import type { BodyFraming, Downstream, Failure, RequestSide, ResponseSide } from '../codec.ts';
import { putText } from '../compose.ts';
import { DeadlineWheel } from '../deadline.ts';
import type { Head } from '../head.ts';
import { Head as HeadObject } from '../head.ts';
import { HpackDecoder } from './decoder.ts';
import { FieldSection, RESPONSE_SECTION, type SectionRole, TRAILER_SECTION } from './fieldsection.ts';
import * as frame from './frame.ts';
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
  values.forEach((value, i) => bytes.writeUInt32BE(value, i * 4));
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

const BODY_AT = 0;

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
        return `HEADERS ${streamId} ${this.decode(payload, RESPONSE_SECTION)}${end}`;
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

  decode(payload: Buffer, role: SectionRole): string {
    const head = new HeadObject();
    const section = new FieldSection(head);
    // Blocks without :status are trailers.
    for (const tried of [role, TRAILER_SECTION] as const) {
      section.begin(tried, 100_000);
      const at = ARENA.length - 100_000;
      payload.copy(ARENA, at);
      if (tried === role && payload[0]! < 0x80 && (payload[0]! & 0x0f) !== 8) continue;
      this.#decoder.decode(at, at + payload.length, section);
      section.finish(true);
      const start = tried === role ? head.start : head.start;
      return ARENA.latin1Slice(start, section.out).replaceAll('\r\n', '|');
    }
    return '';
  }
}

export type { ResponseSide };
