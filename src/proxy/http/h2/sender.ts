/** What a connection sends: frames put together in its output, within the windows that the peer gave. */
import assert from 'node:assert';
import { ARENA } from '../../ground/arena.ts';
import { BLOCK_ROOM, HpackEncoder } from './encoder.ts';
import * as frame from './frame.ts';
import { FrameOutput, putFrameHeader } from './output.ts';
import { DEFAULT_WINDOW, MAX_WINDOW, PeerSettings, SETTING_BYTES } from './settings.ts';
import { schedule, type TurnTask } from './turn.ts';

/** Largest payload that we send: every peer takes it. */
const MAX_PAYLOAD: number = 16 * 1024;
const PING_BYTES = 8;
/** Bytes of explanation in a GOAWAY. */
const MAX_REASON = 96;

/** A stream as far as something is sent for it. */
export interface SendingStream {
  readonly id: number;
  sendWindow: number;
  /** Where in the output the flags of its last frame are, while `epoch` is the output's. */
  flagsAt: number;
  epoch: number;
  /** Is among those that wait. */
  waiting: boolean;
  readonly hasUnsent: boolean;
  /** Whether some of it could be sent. */
  sendWaiting(now: number): boolean;
  /** All of it was. */
  finishWaiting(): void;
}

export class Sender<S extends SendingStream> {
  readonly output: FrameOutput = new FrameOutput();
  readonly encoder: HpackEncoder = new HpackEncoder();
  readonly peer: PeerSettings = new PeerSettings();
  /** Bytes that the peer takes on the whole connection. */
  window: number = DEFAULT_WINDOW;
  /** Bytes of DATA that went to the output since the connection began. */
  sent = 0;
  /** Header blocks and DATA frames, likewise. */
  streamFrames = 0;
  /** What writeData reads from; ARENA between calls. */
  source: Buffer = ARENA;
  /** Streams with data that waits for a window or for the link. */
  #waiting: S[] = [];
  #blockAt = 0;
  readonly #task: TurnTask;

  /** `task` is called at the end of the turn when there is something to flush. */
  constructor(task: TurnTask) {
    this.#task = task;
  }

  /** Starts a HEADERS frame whose fields are made of `bytes` bytes of lines. */
  beginBlock(bytes: number): HpackEncoder {
    const most = 2 * bytes + BLOCK_ROOM;
    const frames = Math.ceil(most / MAX_PAYLOAD);
    this.#blockAt = this.output.reserve(most + frames * frame.FRAME_HEADER);
    this.encoder.begin(this.output.buffer, this.#blockAt + frame.FRAME_HEADER);
    return this.encoder;
  }

  endBlock(stream: S, endStream: boolean): void {
    this.streamFrames++;
    const { output } = this;
    const start = this.#blockAt;
    const length = this.encoder.end() - start - frame.FRAME_HEADER;
    const endFlag = endStream ? frame.END_STREAM : 0;
    stream.flagsAt = start + 4;
    stream.epoch = output.epoch;
    if (length <= MAX_PAYLOAD) {
      output.length = start;
      output.header(length, (frame.HEADERS << 8) | frame.END_HEADERS | endFlag, stream.id);
      output.length += length;
    } else {
      this.#splitBlock(length, endFlag, stream.id);
    }
    schedule(this.#task);
  }

  /** Makes CONTINUATION frames of what does not fit the first one, moving the last part first. */
  #splitBlock(length: number, endFlag: number, streamId: number): void {
    const { buffer } = this.output;
    const first = this.#blockAt;
    const frames = Math.ceil(length / MAX_PAYLOAD);
    for (let i = frames - 1; i >= 0; i--) {
      const from = first + frame.FRAME_HEADER + i * MAX_PAYLOAD;
      const size = Math.min(MAX_PAYLOAD, length - i * MAX_PAYLOAD);
      const at = first + i * (MAX_PAYLOAD + frame.FRAME_HEADER);
      buffer.copyWithin(at + frame.FRAME_HEADER, from, from + size);
      const flags = i === frames - 1 ? frame.END_HEADERS : 0;
      const typeAndFlags = i === 0 ? (frame.HEADERS << 8) | flags | endFlag : (frame.CONTINUATION << 8) | flags;
      putFrameHeader(buffer, at, { length: size, typeAndFlags, streamId });
    }
    this.output.length = first + length + frames * frame.FRAME_HEADER;
  }

  /** Writes source[start,end) as far as windows and link allow; answers how many bytes. */
  data(stream: S, start: number, end: number): number {
    const { output } = this;
    let at = start;
    while (at < end && !output.blocked) {
      const size = Math.min(end - at, MAX_PAYLOAD, this.window, stream.sendWindow);
      if (size <= 0) break;
      stream.flagsAt = output.reserve(frame.FRAME_HEADER + size) + 4;
      stream.epoch = output.epoch;
      output.header(size, frame.DATA << 8, stream.id);
      this.streamFrames++;
      output.bytes(this.source, at, at + size);
      this.window -= size;
      this.sent += size;
      stream.sendWindow -= size;
      at += size;
    }
    schedule(this.#task);
    return at - start;
  }

  /** END_STREAM, on the stream's last frame where that is not written yet. Trailer lines in ARENA, or 0, 0. */
  end(stream: S, trailersStart: number, trailersEnd: number): void {
    const { output } = this;
    if (trailersEnd > trailersStart) {
      this.beginBlock(trailersEnd - trailersStart).lines(trailersStart, trailersEnd);
      this.endBlock(stream, true);
    } else if (stream.epoch === output.epoch) {
      output.buffer[stream.flagsAt]! |= frame.END_STREAM;
    } else {
      output.reserve(frame.FRAME_HEADER);
      output.header(0, (frame.DATA << 8) | frame.END_STREAM, stream.id);
    }
    schedule(this.#task);
  }

  reset(streamId: number, code: number): void {
    this.#word(frame.RST_STREAM << 8, streamId, code);
  }

  windowUpdate(streamId: number, bytes: number): void {
    this.#word(frame.WINDOW_UPDATE << 8, streamId, bytes);
  }

  #word(typeAndFlags: number, streamId: number, value: number): void {
    this.output.reserve(frame.FRAME_HEADER + 4);
    this.output.header(4, typeAndFlags, streamId);
    this.output.uint32(value);
    schedule(this.#task);
  }

  /** `payload`: settings as numbers and values; empty for an acknowledgement. */
  settings(payload: Buffer | null): void {
    const length = payload === null ? 0 : payload.length;
    assert(length % SETTING_BYTES === 0);
    this.output.reserve(frame.FRAME_HEADER + length);
    this.output.header(length, (frame.SETTINGS << 8) | (payload === null ? frame.ACK : 0), 0);
    if (payload !== null) this.output.bytes(payload, 0, length);
    schedule(this.#task);
  }

  /** Eight bytes of `source` from `at`. */
  ping(flags: number, source: Buffer, at: number): void {
    this.output.reserve(frame.FRAME_HEADER + PING_BYTES);
    this.output.header(PING_BYTES, (frame.PING << 8) | flags, 0);
    this.output.bytes(source, at, at + PING_BYTES);
    schedule(this.#task);
  }

  goaway(lastStreamId: number, code: number, reason: string): void {
    const text = Buffer.from(reason.slice(0, MAX_REASON), 'latin1');
    this.output.reserve(frame.FRAME_HEADER + 8 + text.length);
    this.output.header(8 + text.length, frame.GOAWAY << 8, 0);
    this.output.uint32(lastStreamId);
    this.output.uint32(code);
    this.output.bytes(text, 0, text.length);
    schedule(this.#task);
  }

  growWindow(bytes: number): boolean {
    if (this.window + bytes > MAX_WINDOW) return false;
    this.window += bytes;
    return true;
  }

  wait(stream: S): void {
    if (stream.waiting) return;
    stream.waiting = true;
    this.#waiting.push(stream);
  }

  get waiting(): readonly S[] {
    return this.#waiting;
  }

  /** Sends what waits, a frame of each stream in turn, as far as the windows and the link allow. */
  pump(now: number): void {
    if (this.#waiting.length === 0) return;
    let moved = true;
    while (moved && this.window > 0 && !this.output.blocked) {
      moved = false;
      for (const stream of this.#waiting) {
        if (stream.hasUnsent && stream.sendWaiting(now)) moved = true;
      }
    }
    const before = this.#waiting;
    this.#waiting = before.filter((stream) => stream.hasUnsent);
    for (const stream of before) {
      if (stream.hasUnsent) continue;
      stream.waiting = false;
      stream.finishWaiting();
    }
  }
}
