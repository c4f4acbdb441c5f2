/** Frames of HTTP/2 (RFC 9113 4 and 6): numbers, and the reader that finds them in what comes. */
import { ARENA } from '../../ground/arena.ts';
import { JOIN } from '../../ground/region.ts';

export const DATA = 0x0;
export const HEADERS = 0x1;
export const PRIORITY = 0x2;
export const RST_STREAM = 0x3;
export const SETTINGS = 0x4;
export const PUSH_PROMISE = 0x5;
export const PING = 0x6;
export const GOAWAY = 0x7;
export const WINDOW_UPDATE = 0x8;
export const CONTINUATION = 0x9;

export const END_STREAM = 0x1;
export const ACK = 0x1;
export const END_HEADERS = 0x4;
export const PADDED = 0x8;
export const PRIORITY_FLAG = 0x20;

export const NO_ERROR = 0x0;
export const PROTOCOL_ERROR = 0x1;
export const INTERNAL_ERROR = 0x2;
export const FLOW_CONTROL_ERROR = 0x3;
export const SETTINGS_TIMEOUT = 0x4;
export const STREAM_CLOSED = 0x5;
export const FRAME_SIZE_ERROR = 0x6;
export const REFUSED_STREAM = 0x7;
export const CANCEL = 0x8;
export const COMPRESSION_ERROR = 0x9;
export const ENHANCE_YOUR_CALM = 0xb;

/** What a client sends first: a request that no HTTP/1.1 server takes for one. */
export const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';

export const FRAME_HEADER = 9;
/** Largest payload that we take where no policy says otherwise: the protocol's default and least. */
export const MAX_FRAME_SIZE: number = 16 * 1024;

/** What a reader calls. Frames are read from its fields `type`, `flags`, `streamId` and `length`. */
export interface FrameHandler {
  /** A whole frame of another type than DATA, its payload in ARENA[start,end). */
  onFrame(start: number, end: number): void;
  /** The bytes are not HTTP/2. */
  onFrameError(code: number, reason: string): void;
}

/** The same for DATA frames, which need not come whole. */
export interface DataHandler {
  /** A DATA frame begins; all of `length` counts for flow control. */
  onDataFrame(): void;
  /** Some of its data. */
  onData(start: number, end: number): void;
  onDataEnd(): void;
}

export class FrameReader {
  type = 0;
  flags = 0;
  streamId = 0;
  length = 0;
  /** Largest payload that is taken. */
  maxFrame: number = MAX_FRAME_SIZE;
  /** Set by the handler to end reading. */
  stopped = false;
  /** Frames that came whole, or began where they are DATA. */
  frames = 0;
  readonly #handler: FrameHandler;
  readonly #data: DataHandler;
  /** A frame that came in parts, from its header on; for DATA frames the header only. */
  #kept: Buffer | null = null;
  #keptLength = 0;
  /** Of the DATA frame under way: bytes of data and of padding to come; the pad length itself is awaited. */
  #dataLeft = 0;
  #padLeft = 0;
  #awaitsPad = false;
  #inData = false;

  constructor(handler: FrameHandler, data: DataHandler) {
    this.#handler = handler;
    this.#data = data;
  }

  /** Part of a frame has come and is waited for, data excepted. */
  get partial(): boolean {
    return this.#keptLength > 0;
  }

  feed(start: number, end: number): void {
    let at = this.#keptLength > 0 ? this.#complete(start, end) : start;
    while (at < end && !this.stopped) {
      if (this.#inData) {
        at = this.#readData(at, end);
      } else if (end - at < FRAME_HEADER) {
        this.#keep(at, end);
        return;
      } else if (!this.#readHeader(at)) {
        return;
      } else if (this.type === DATA) {
        at += FRAME_HEADER;
        this.#beginData();
      } else {
        const stop = at + FRAME_HEADER + this.length;
        if (stop > end) {
          this.#keep(at, end);
          return;
        }
        this.frames++;
        this.#handler.onFrame(at + FRAME_HEADER, stop);
        at = stop;
      }
    }
  }

  #readHeader(at: number): boolean {
    this.length = (ARENA[at]! << 16) | (ARENA[at + 1]! << 8) | ARENA[at + 2]!;
    this.type = ARENA[at + 3]!;
    this.flags = ARENA[at + 4]!;
    this.streamId = ((ARENA[at + 5]! & 0x7f) << 24) | (ARENA[at + 6]! << 16) | (ARENA[at + 7]! << 8) | ARENA[at + 8]!;
    if (this.length <= this.maxFrame) return true;
    this.#handler.onFrameError(FRAME_SIZE_ERROR, 'a frame is larger than SETTINGS_MAX_FRAME_SIZE');
    this.stopped = true;
    return false;
  }

  #keep(start: number, end: number): void {
    this.#kept ??= Buffer.allocUnsafe(end - start < FRAME_HEADER ? FRAME_HEADER : FRAME_HEADER + this.length);
    ARENA.copy(this.#kept, this.#keptLength, start, end);
    this.#keptLength += end - start;
  }

  /** Takes what the kept frame misses; answers where reading goes on. */
  #complete(start: number, end: number): number {
    let at = start;
    if (this.#keptLength < FRAME_HEADER) {
      const stop = Math.min(end, at + FRAME_HEADER - this.#keptLength);
      this.#keep(at, stop);
      at = stop;
      if (this.#keptLength < FRAME_HEADER) return end;
      JOIN.load(this.#kept!, 0, FRAME_HEADER);
      this.#kept = null;
      if (!this.#readHeader(JOIN.start)) return end;
      if (this.type === DATA) {
        this.#keptLength = 0;
        this.#beginData();
        return at;
      }
      this.#keptLength = 0;
      this.#kept = Buffer.allocUnsafe(FRAME_HEADER + this.length);
      this.#keep(JOIN.start, JOIN.start + FRAME_HEADER);
    }
    const kept = this.#kept!;
    const stop = Math.min(end, at + kept.length - this.#keptLength);
    this.#keep(at, stop);
    if (this.#keptLength < kept.length) return end;
    this.#kept = null;
    this.#keptLength = 0;
    const keptEnd = JOIN.load(kept);
    this.frames++;
    this.#handler.onFrame(JOIN.start + FRAME_HEADER, keptEnd);
    return stop;
  }

  #beginData(): void {
    this.#inData = true;
    this.frames++;
    this.#awaitsPad = (this.flags & PADDED) !== 0;
    this.#dataLeft = this.length;
    this.#padLeft = 0;
    if (this.#awaitsPad && this.length === 0) {
      this.#handler.onFrameError(FRAME_SIZE_ERROR, 'a padded DATA frame has no pad length');
      return;
    }
    this.#data.onDataFrame();
    if (this.length === 0) this.#endData();
  }

  #readData(start: number, end: number): number {
    let at = start;
    if (this.#awaitsPad) {
      this.#awaitsPad = false;
      this.#padLeft = ARENA[at++]!;
      this.#dataLeft = this.length - 1 - this.#padLeft;
      if (this.#dataLeft < 0) {
        this.#handler.onFrameError(PROTOCOL_ERROR, 'padding is longer than its frame');
        return end;
      }
    }
    const data = Math.min(this.#dataLeft, end - at);
    this.#dataLeft -= data;
    if (data > 0) this.#data.onData(at, at + data);
    at += data;
    const pad = Math.min(this.#padLeft, end - at);
    this.#padLeft -= pad;
    at += pad;
    if (this.#dataLeft === 0 && this.#padLeft === 0) this.#endData();
    return at;
  }

  #endData(): void {
    this.#inData = false;
    if (!this.stopped) this.#data.onDataEnd();
  }
}
