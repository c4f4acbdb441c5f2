/** HEADERS and CONTINUATION: header blocks in one frame or several, which are put together. */
import { ARENA } from '../../ground/arena.ts';
import { BLOCK } from '../../ground/region.ts';
import type { Abuse } from './abuse.ts';
import { MAX_BLOCK_BYTES } from './decoder.ts';
import * as frame from './frame.ts';

/** CONTINUATION frames of one block. At 16 KiB each, four are enough for the largest block allowed. */
export const MAX_CONTINUATIONS = 16;
const PRIORITY_BYTES = 5;

/** A whole block in ARENA[start,end), and whether its HEADERS frame ended the stream. */
export interface HeaderBlock {
  start: number;
  end: number;
  endStream: boolean;
}

/** The connection that blocks come on. */
interface HeadedConnection {
  readonly reader: frame.FrameReader;
  readonly awaitsSettings: boolean;
  acceptsHeaders(streamId: number): boolean;
  onHeaders(streamId: number, block: HeaderBlock): void;
  connectionError(code: number, why: string): void;
  abused(abuse: Abuse): void;
}

const NOTHING = Buffer.alloc(0);

export class HeaderFrames {
  readonly #connection: HeadedConnection;
  /** Stream whose block is under way, or 0; and what came of it. */
  #streamId = 0;
  #endStream = false;
  #bytes: Buffer = NOTHING;
  #length = 0;
  #frames = 0;

  constructor(connection: HeadedConnection) {
    this.#connection = connection;
  }

  /** A block has begun: nothing but its continuation may come. */
  get underWay(): boolean {
    return this.#streamId !== 0;
  }

  /** The frame in the reader continues the block. */
  goesOn(): boolean {
    const { type, streamId } = this.#connection.reader;
    return type === frame.CONTINUATION && streamId === this.#streamId;
  }

  /** A HEADERS frame with its payload in ARENA[start,end). */
  onHeaders(start: number, end: number): void {
    const connection = this.#connection;
    const { flags, streamId } = connection.reader;
    let from = start;
    let to = end;
    if ((flags & frame.PADDED) !== 0) to -= from < end ? ARENA[from++]! : end - start + 1;
    const priority = (flags & frame.PRIORITY_FLAG) !== 0;
    const dependency = priority && to - from >= PRIORITY_BYTES ? ARENA.readUInt32BE(from) & 0x7fff_ffff : -1;
    if (priority) from += PRIORITY_BYTES;
    if (connection.awaitsSettings) connection.connectionError(frame.PROTOCOL_ERROR, 'the first frame is not SETTINGS');
    else if (from > to)
      connection.connectionError(frame.PROTOCOL_ERROR, 'padding or priority is longer than its frame');
    else if (dependency === streamId) connection.connectionError(frame.PROTOCOL_ERROR, 'a stream depends on itself');
    else if (connection.acceptsHeaders(streamId)) this.#beginBlock(from, to);
  }

  #beginBlock(start: number, end: number): void {
    const { flags, streamId } = this.#connection.reader;
    const endStream = (flags & frame.END_STREAM) !== 0;
    if ((flags & frame.END_HEADERS) !== 0) {
      this.#connection.onHeaders(streamId, { start, end, endStream });
      return;
    }
    this.#streamId = streamId;
    this.#endStream = endStream;
    this.#length = this.#frames = 0;
    this.#add(start, end);
  }

  onContinuation(start: number, end: number): void {
    if (!this.underWay) {
      this.#connection.connectionError(frame.PROTOCOL_ERROR, 'CONTINUATION without a header block before it');
    } else if (this.#add(start, end) && (this.#connection.reader.flags & frame.END_HEADERS) !== 0) {
      const streamId = this.#streamId;
      this.#streamId = 0;
      this.#connection.onHeaders(streamId, { start: BLOCK.start, end: this.#join(), endStream: this.#endStream });
    }
  }

  /** False: too many frames or bytes, and the connection ended. */
  #add(start: number, end: number): boolean {
    const size = end - start;
    if (++this.#frames > MAX_CONTINUATIONS + 1 || this.#length + size > MAX_BLOCK_BYTES) {
      this.#connection.abused('continuation_flood');
      return false;
    }
    if (this.#length + size > this.#bytes.length) {
      const roomier = Buffer.allocUnsafe(Math.max(2 * this.#bytes.length, this.#length + size));
      this.#bytes.copy(roomier, 0, 0, this.#length);
      this.#bytes = roomier;
    }
    ARENA.copy(this.#bytes, this.#length, start, end);
    this.#length += size;
    return true;
  }

  /** Moves the whole block to BLOCK; answers its end there. */
  #join(): number {
    const end = BLOCK.load(this.#bytes, 0, this.#length);
    this.#bytes = NOTHING;
    return end;
  }
}
